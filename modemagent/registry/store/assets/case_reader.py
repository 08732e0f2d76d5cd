"""Cases as documents: devices, sightings, checklist and journal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, func, select

from modemagent.registry.assets.asset_fields import shown_imei
from modemagent.registry.assets.case_fields import CASE_FIELDS
from modemagent.registry.store.assets import assets
from modemagent.registry.store.database import dialect
from modemagent.registry.store.fleet.documents import Document, to_rfc3339
from modemagent.registry.store.fleet.view import View
from modemagent.registry.store.history.units import UnitKind
from modemagent.registry.store.tables.case_tables import (
    case_entry,
    case_sighting,
    case_task,
    case_thing,
    device_case,
)

CASE_COLUMNS = (
    "id", "kind", "state", "opened_by", "outcome", *CASE_FIELDS, "cell", "revision", "opened_ms",
    "changed_ms", "closed_ms",
)  # fmt: skip
_SIGHTING = (
    "device_case", "unit", "place", "first_stream", "first_sequence", "first_lo", "first_hi",
    "last_stream", "last_sequence", "last_lo", "last_hi", "mcc", "cell",
)  # fmt: skip

CaseRow = dict[str, Any]


def case_page(
    connection: Connection, *, limit: int, after: int | None = None, state: str | None = None
) -> Document:
    """Return a page of the cases without their journals, newest first."""
    c = device_case.c
    query = select(*(c[one] for one in CASE_COLUMNS)).order_by(c.id.desc()).limit(limit + 1)
    if after is not None:
        query = query.where(c.id < after)
    if state is not None:
        query = query.where(c.state == state)
    rows = [dict(row) for row in connection.execute(query).mappings()]
    following = str(rows[limit - 1]["id"]) if len(rows) > limit else None
    shown = rows[:limit]
    things = things_of(connection, [row["id"] for row in shown])
    sightings = sightings_of(connection, [row["id"] for row in shown])
    cases = [
        _document(connection, row, things.get(row["id"], []), sightings.get(row["id"], []))
        for row in shown
    ]
    return {"cases": cases, "next": following}


def open_cases(connection: Connection, most: int) -> tuple[int, int, int | None]:
    """Return how many cases are open and how many of them were sighted, and the last sighting.

    :param most: cases that are counted; the sightings of more are not looked at
    """
    c, s = device_case.c, case_sighting.c
    query = select(c.id).where(c.state == "open").order_by(c.id.desc()).limit(most + 1)
    cases = list(connection.execute(query).scalars())
    last = (
        select(s.device_case, func.max(s.last_hi)).where(s.device_case.in_(cases[:most]))
        .group_by(s.device_case)
    )  # fmt: skip
    sighted = dict(connection.execute(last).tuples().all()) if cases else {}
    return len(cases), len(sighted), max(sighted.values(), default=None)


def case_row(connection: Connection, case: int) -> CaseRow | None:
    """Return a case as stored."""
    rows = dialect.select_rows(connection, device_case, ("id",), CASE_COLUMNS, [(case,)])
    return dict(zip(CASE_COLUMNS, rows[0], strict=True)) if rows else None


def case_document(connection: Connection, row: CaseRow) -> Document:
    """Return a case as it is shown, without its journal."""
    case = row["id"]
    things = things_of(connection, [case]).get(case, [])
    sightings = sightings_of(connection, [case]).get(case, [])
    return _document(connection, row, things, sightings)


def _document(
    connection: Connection, row: CaseRow, things: list[Document], sightings: list[Document]
) -> Document:
    keys = [one["asset"] for one in things if one["asset"] is not None]
    known = {one["id"]: one for one in assets.load(connection, "id", keys)}
    return {
        "id": str(row["id"]),
        "kind": row["kind"],
        "state": "sighted" if sightings and row["state"] == "open" else row["state"],
        "outcome": row["outcome"],
        **{name: row[name] for name in CASE_FIELDS},
        "cell": bool(row["cell"]),
        "revision": row["revision"],
        "opened_at": to_rfc3339(row["opened_ms"]),
        "opened_by": row["opened_by"],
        "changed_at": to_rfc3339(row["changed_ms"]),
        "closed_at": to_rfc3339(row["closed_ms"]),
        "things": [_thing(one, known.get(one["asset"], {})) for one in things],
        "sightings": sightings,
    }


def _thing(one: Document, asset: Document) -> Document:
    is_modem = one["kind"] == UnitKind.MODEM
    return {
        "kind": "imei" if is_modem else "iccid",
        "number": shown_imei(one["number"]) if is_modem else one["number"],
        "asset": None if one["asset"] is None else str(one["asset"]),
        "tag": asset.get("tag"),
        "serial_number": asset.get("serial_number"),
        "model": asset.get("model"),
        "tracked": one["entry"] is not None,
    }


def things_of(connection: Connection, cases: Sequence[int]) -> dict[int, list[Document]]:
    """Return the things of cases in their order."""
    names = ("device_case", "position", "kind", "number", "asset", "entry")
    keys = [(case,) for case in cases]
    found: dict[int, list[Document]] = {}
    for row in sorted(dialect.select_rows(connection, case_thing, ("device_case",), names, keys)):
        found.setdefault(row[0], []).append(dict(zip(names, row, strict=True)))
    return found


def tasks_of(connection: Connection, case: int) -> list[Document]:
    """Return the checklist of a case."""
    names = ("position", "text", "done_ms", "done_by", "reference")
    rows = dialect.select_rows(connection, case_task, ("device_case",), names, [(case,)])
    return [
        {
            "position": position,
            "text": text,
            "done_at": to_rfc3339(done_ms),
            "done_by": done_by,
            "reference": reference,
        }
        for position, text, done_ms, done_by, reference in sorted(rows)
    ]


def journal(connection: Connection, case: int, after: int = 0) -> list[Document]:
    """Return the journal of a case, oldest first.

    :param after: only revisions after this one
    """
    names = ("revision", "made_ms", "actor", "action", "text")
    rows = dialect.select_rows(connection, case_entry, ("device_case",), names, [(case,)])
    return [
        {
            "revision": revision,
            "time": to_rfc3339(made_ms),
            "actor": actor,
            "action": action,
            "text": text,
        }
        for revision, made_ms, actor, action, text in sorted(rows)
        if revision > after
    ]


def sightings_of(connection: Connection, cases: Sequence[int]) -> dict[int, list[Document]]:
    """Return the sightings of cases, the newest first."""
    keys = [(case,) for case in cases]
    rows: list[Any] = dialect.select_rows(
        connection, case_sighting, ("device_case",), _SIGHTING, keys
    )
    view = View(connection)
    view.units(row[1] for row in rows)
    view.places(row[2] for row in rows)
    view.streams(stream for row in rows for stream in (row[3], row[7]))
    found: dict[int, list[Document]] = {}
    for row in sorted(rows, key=lambda row: -row[10]):
        unit, place = view.units([row[1]])[row[1]], view.places([row[2]])[row[2]]
        found.setdefault(row[0], []).append(
            {
                "kind": "imei" if unit.kind == UnitKind.MODEM else "iccid",
                "number": unit.number,
                "ref": unit.ref,
                "gateway_id": place.gateway_id,
                "port": place.device_id,
                "mcc": row[11] or None,
                "cell": None if row[12] is None else msgspec.json.decode(row[12]),
                "first_seen": to_rfc3339(row[6]),
                "first_report": view.report(row[3], row[4]),
                "last_seen": to_rfc3339(row[10]),
                "last_report": view.report(row[7], row[8]),
            }
        )
    return found
