"""A CSV file of assets, read and written: exported, edited and imported, it gives just the edits.

A column that a file lacks is not changed by its import; an empty cell empties the field.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from modemagent.errors import IdentityError, UsageError
from modemagent.identity.csv_cells import csv_line, guarded, unguarded
from modemagent.identity.csv_table import (
    CsvTable,
    LineProblem,
    UnreadableFile,
    read_table,
    unknown_columns,
)
from modemagent.identity.damage import repaired
from modemagent.registry.assets.asset_fields import FIELDS, IMEIS, parse_field

COLUMNS = ("id", *FIELDS)
_NAMES = {
    "id": ("id", "assetid"),
    "tag": ("tag", "assettag", "assetnumber", "inventorynumber", "inventoryno"),
    "serial_number": ("serialnumber", "serial", "serialno", "sn"),
    "category": ("category", "devicetype", "assettype"),
    "manufacturer": ("manufacturer", "maker", "vendor", "brand"),
    "model": ("model", "modelname", "product"),
    "imei": ("imei", "imeinumber", "imeino", "imei1", "deviceimei"),
    "label_imei": ("labelimei", "imeilabel", "scannedimei"),
    "owner": ("owner", "assignedto", "responsible", "department"),
    "site": ("site", "location", "place", "depot"),
    "lifecycle": ("lifecycle", "state", "status", "lifecyclestate"),
    "supplier": ("supplier", "seller", "purchasedfrom"),
    "order_number": ("ordernumber", "order", "purchaseorder", "po", "ponumber"),
    "purchased": ("purchased", "purchasedate", "dateofpurchase", "purchasedon"),
    "warranty_end": ("warrantyend", "warrantyto", "warrantyuntil", "warrantyexpires", "warranty"),
    "repair": ("repair", "repairs", "repairreference"),
    "note": ("note", "notes", "comment", "remark", "remarks"),
}
_NEEDED = ("tag", "id", "serial_number")
_MASKED = "**"


class AssetLine(NamedTuple):
    """An asset as a line of a file states it.

    :param asset: its id, if the line has one
    :param values: the fields whose columns the file has; None: empty
    """

    line: int
    asset: int | None
    values: dict[str, str | None]


class AssetFile(NamedTuple):
    """The assets of a file, of the lines without an error."""

    rows: int
    lines: list[AssetLine]
    problems: list[LineProblem]


def read_assets(content: bytes) -> AssetFile:
    """Return the assets of a file."""
    try:
        table = read_table(content, _NAMES, _NEEDED)
    except UnreadableFile as error:
        return AssetFile(0, [], [error.problem])
    problems = unknown_columns(table)
    lines: list[AssetLine] = []
    known: dict[tuple[str, str], int] = {}
    for line, cells in table.rows:
        values, found = read_cells(line, cells, table)
        problems += found
        if any(one.is_error for one in found):
            continue
        key = values.pop("id", None)
        if key is not None and not _is_id(key):
            message, remedy = "the cell is not an id", "Copy it from an export, or empty it."
            problems.append(_error(line, "id", "invalid", message, remedy))
            continue
        name = ("id", key) if key else ("tag", values.get("tag") or "")
        if not name[1]:
            name = ("serial_number", values.get("serial_number") or "")
        if not name[1]:
            problems.append(_error(line, "", "no_name", "the line has no id, tag or serial number",
                                   "Add one of them, so that the asset can be found."))  # fmt: skip
        elif name in known:
            message = f"the same {name[0]} as line {known[name]}"
            problems.append(_error(line, name[0], "duplicate", message,
                                   "Delete one of the two lines."))  # fmt: skip
        else:
            known[name] = line
            lines.append(AssetLine(line, int(key) if key else None, values))
    return AssetFile(len(table.rows), lines, problems)


def read_cells(
    line: int, cells: list[str], table: CsvTable
) -> tuple[dict[str, str | None], list[LineProblem]]:
    """Return the values of a line by column, and what is wrong with them."""
    values: dict[str, str | None] = {}
    problems: list[LineProblem] = []
    for name, at in table.columns.items():
        text = unguarded(cells[at]) if at < len(cells) else ""
        if _MASKED in text:
            remedy = "Export the file with a token that has full-id scope."
            problems.append(_error(line, name, "masked", "the text is masked", remedy))
            continue
        if name in IMEIS and text:
            found, problem = repaired(line, name, "imei", text)
            problems += problem
            if found is None:
                continue
            text = found
        try:
            values[name] = (text or None) if name == "id" else parse_field(name, text)
        except IdentityError as error:
            problems.append(_error(line, name, error.problem, error.message, error.hint))
        except UsageError as error:
            problems.append(_error(line, name, "invalid", error.message, error.hint))
    return values, problems


def asset_csv(documents: Iterable[Mapping[str, Any]], *, as_text: bool = False) -> Iterable[str]:
    """Yield the lines of a CSV file of assets.

    :param as_text: write IMEIs in a form that spreadsheets do not round
    """
    yield csv_line(COLUMNS)
    for one in documents:
        cells = []
        for name in COLUMNS:
            text = one[name] or ""
            is_number = as_text and name in IMEIS and text.isdecimal()
            cells.append(f'="{text}"' if is_number else guarded(text))
        yield csv_line(cells)


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 19


def _error(line: int, column: str, code: str, message: str, remedy: str) -> LineProblem:
    return LineProblem(line, column, code, "error", message, remedy)
