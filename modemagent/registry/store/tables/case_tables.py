"""Tables of cases, of their sightings, and of recall and warranty notices."""

from __future__ import annotations

from sqlalchemy import Column, Index, Table, false

from modemagent.registry.store.tables.asset_tables import metadata
from modemagent.registry.store.tables.columns import (
    BOOLEAN,
    BY_KEY,
    LONG,
    SMALL,
    TEXT,
    key,
    optional,
    required,
    row_id,
)

__all__ = [
    "case_entry", "case_place", "case_sighting", "case_task", "case_thing", "device_case",
    "metadata", "recall",
]  # fmt: skip


device_case = Table(
    "device_case",
    metadata,
    row_id(),
    *required(TEXT, "kind", "state", "opened_by"),  # state: open or closed
    *optional(TEXT, "outcome", "place", "proof", "police_reference", "operator", "assignee"),
    *optional(TEXT, "note", "happened_on"),
    Column("cell", BOOLEAN, nullable=False, server_default=false()),  # of sightings is noted
    *required(LONG, "revision", "opened_ms", "changed_ms"),
    *optional(LONG, "closed_ms"),
    Index("device_case_state", "state", "id"),
)

# What is missing: a modem by 14 digits, a SIM by its ICCID.
case_thing = Table(
    "case_thing",
    metadata,
    *key(LONG, "device_case", "position"),
    *required(SMALL, "kind"),
    *required(TEXT, "number"),
    *optional(LONG, "asset"),
    *optional(LONG, "entry"),  # of the tracked list, made by the case
    Index("case_thing_of_number", "kind", "number"),
    Index("case_thing_of_asset", "asset"),
    **BY_KEY,
)

case_task = Table(
    "case_task",
    metadata,
    *key(LONG, "device_case", "position"),
    *required(TEXT, "text"),
    *optional(LONG, "done_ms"),
    *optional(TEXT, "done_by", "reference"),
    **BY_KEY,
)

# The journal: one row for each revision.
case_entry = Table(
    "case_entry",
    metadata,
    *key(LONG, "device_case", "revision"),
    *required(LONG, "made_ms"),
    *required(TEXT, "actor", "action", "text"),
    **BY_KEY,
)

# Places that are watched on behalf of a case.
case_place = Table("case_place", metadata, *key(LONG, "device_case", "place"), **BY_KEY)

# First and last report of a unit of a case from each place.
case_sighting = Table(
    "case_sighting",
    metadata,
    *key(LONG, "device_case", "unit", "place"),
    *required(LONG, "first_stream", "first_sequence", "first_lo", "first_hi"),
    *required(LONG, "last_stream", "last_sequence", "last_lo", "last_hi"),
    *required(TEXT, "mcc"),
    *optional(TEXT, "cell"),  # JSON of the last report's cell
    Index("case_sighting_of_unit", "unit"),
    **BY_KEY,
)

recall = Table(
    "recall",
    metadata,
    row_id(),
    *required(TEXT, "kind", "title", "added_by"),
    *required(TEXT, "tac", "manufacturer", "model", "firmware"),  # empty: any
    *required(TEXT, "serial_first", "serial_last"),
    *optional(TEXT, "source", "reference"),
    *required(LONG, "added_ms"),
)
