"""Tables of cases, of their sightings, and of recall and warranty notices."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Column, Index, Integer, SmallInteger, Table, Text

from modemagent.registry.store.asset_tables import metadata

__all__ = [
    "case_entry", "case_place", "case_sighting", "case_task", "case_thing", "device_case",
    "metadata", "recall",
]  # fmt: skip

_ROW = BigInteger().with_variant(Integer, "sqlite")
_LONG, _TEXT, _SMALL = BigInteger(), Text(), SmallInteger()
_UNSORTED: dict[str, Any] = {"sqlite_with_rowid": False}


def _id() -> Column[int]:
    return Column("id", _ROW, primary_key=True, autoincrement=False)


def _key(kind: Any, *names: str) -> list[Column[Any]]:
    return [Column(name, kind, primary_key=True, autoincrement=False) for name in names]


def _required(kind: Any, *names: str) -> list[Column[Any]]:
    return [Column(name, kind, nullable=False) for name in names]


def _optional(kind: Any, *names: str) -> list[Column[Any]]:
    return [Column(name, kind, nullable=True) for name in names]


device_case = Table(
    "device_case",
    metadata,
    _id(),
    *_required(_TEXT, "kind", "state", "opened_by"),  # state: open or closed
    *_optional(_TEXT, "outcome", "place", "proof", "police_reference", "operator", "assignee"),
    *_optional(_TEXT, "note", "happened_on"),
    *_required(_LONG, "revision", "opened_ms", "changed_ms"),
    *_optional(_LONG, "closed_ms"),
    Index("device_case_state", "state", "id"),
)

# What is missing: a modem by 14 digits, a SIM by its ICCID.
case_thing = Table(
    "case_thing",
    metadata,
    *_key(_LONG, "device_case", "position"),
    *_required(_SMALL, "kind"),
    *_required(_TEXT, "number"),
    *_optional(_LONG, "asset"),
    *_optional(_LONG, "entry"),  # of the tracked list, made by the case
    Index("case_thing_of_number", "kind", "number"),
    **_UNSORTED,
)

case_task = Table(
    "case_task",
    metadata,
    *_key(_LONG, "device_case", "position"),
    *_required(_TEXT, "text"),
    *_optional(_LONG, "done_ms"),
    *_optional(_TEXT, "done_by", "reference"),
    **_UNSORTED,
)

# The journal: one row for each revision.
case_entry = Table(
    "case_entry",
    metadata,
    *_key(_LONG, "device_case", "revision"),
    *_required(_LONG, "made_ms"),
    *_required(_TEXT, "actor", "action", "text"),
    **_UNSORTED,
)

# Places that are watched on behalf of a case.
case_place = Table("case_place", metadata, *_key(_LONG, "device_case", "place"), **_UNSORTED)

# First and last report of a unit of a case from each place.
case_sighting = Table(
    "case_sighting",
    metadata,
    *_key(_LONG, "device_case", "unit", "place"),
    *_required(_LONG, "first_stream", "first_sequence", "first_lo", "first_hi"),
    *_required(_LONG, "last_stream", "last_sequence", "last_lo", "last_hi"),
    *_required(_TEXT, "mcc"),
    Index("case_sighting_of_unit", "unit"),
    **_UNSORTED,
)

recall = Table(
    "recall",
    metadata,
    _id(),
    *_required(_TEXT, "kind", "title", "added_by"),
    *_required(_TEXT, "tac", "manufacturer", "model", "firmware"),  # empty: any
    *_required(_TEXT, "serial_first", "serial_last"),
    *_optional(_TEXT, "source", "reference"),
    *_required(_LONG, "added_ms"),
)
