"""Results of a check: what changed since an earlier one, and all of them as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from typing import Any

Result = Mapping[str, Any]

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
CSV_COLUMNS = (
    "position", "input", "kind", "valid", "normalized", "codes", "status", "reasons", "sources",
    "repeats", "tac", "manufacturer", "model", "known", "individuals", "gateway_id", "port",
    "present", "last_seen", "asset_tag", "owner", "site", "lifecycle",
)  # fmt: skip


def compare_results(before: Result, after: Result) -> dict[str, list[Any]]:
    """Return the fields that differ, with the values before and after.

    The time when a number was last seen is not compared: it differs with every report. Of a number
    that replaces another one, it is the only difference.
    """
    if before["input"] != after["input"]:
        return {"replaced": [False, True]}
    fields = ("valid", "codes", "status", "hits", "model", "known", "individuals", "place")
    old, new = _compared(before), _compared(after)
    return {one: [old[one], new[one]] for one in fields if old[one] != new[one]}


def _compared(result: Result) -> dict[str, Any]:
    place = result["last_place"] or {}
    model = result["model"] or {}
    return {
        **{one: result[one] for one in ("valid", "codes", "status", "known", "individuals")},
        "hits": sorted(one["id"] for one in result["hits"]),
        "model": f"{model['manufacturer']} {model['model']}" if model else None,
        "place": f"{place['gateway_id']}/{place['port']}" if place.get("present") else None,
    }


def to_csv(results: Iterable[Result], *, as_text: bool = False) -> str:
    """Return results as CSV with a header; no cell begins like a formula of a spreadsheet.

    :param as_text: write numbers in a form that spreadsheets do not round
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(CSV_COLUMNS)
    for one in results:
        model, place = one["model"] or {}, one["last_place"] or {}
        asset = one.get("asset") or {}  # results of an earlier version have none
        row = {
            **one,
            **model,
            **place,
            **{name: asset.get(name) for name in ("owner", "site", "lifecycle")},
            "asset_tag": asset.get("tag"),
            "codes": " ".join(one["codes"]),
            "reasons": "; ".join(hit["reason"] for hit in one["hits"] if hit["reason"]),
            "sources": "; ".join(hit["source"] for hit in one["hits"] if hit["source"]),
        }
        cells = {name: _cell(row.get(name)) for name in CSV_COLUMNS}
        for name in ("input", "normalized") if as_text else ():
            if cells[name].isdecimal():
                cells[name] = f'="{cells[name]}"'
        writer.writerow(cells.values())
    return text.getvalue()


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text
