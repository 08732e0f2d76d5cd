"""Tables of findings, of what shows them, and of what was decided about them."""

from __future__ import annotations

from sqlalchemy import Column, Index, Table, false, text

from modemagent.registry.store.tables.columns import (
    BOOLEAN,
    BY_KEY,
    BYTES,
    LONG,
    SMALL,
    TEXT,
    key,
    optional,
    required,
    row_id,
)
from modemagent.registry.store.tables.schema import metadata

__all__ = [
    "decision", "denial", "finding", "finding_alias", "finding_report", "metadata",
]  # fmt: skip

_AT_PLACE = text("place IS NOT NULL")
_OPEN = text("recorded_to IS NULL AND state <> 'resolved'")
_DECIDED = text("recorded_to IS NULL AND until_ms IS NOT NULL")

finding = Table(
    "finding",
    metadata,
    row_id(),
    *required(BYTES, "finding_id"),
    *required(TEXT, "type", "severity"),
    *optional(TEXT, "grade"),
    *optional(LONG, "unit", "gateway"),
    *required(LONG, "stream", "sequence", "lo_ms", "hi_ms"),
    *required(TEXT, "state"),
    *required(LONG, "recorded_from"),
    *optional(LONG, "recorded_to"),
    *optional(LONG, "place"),  # of a value that does not identify a unit
    Column("part", TEXT, nullable=False, server_default=""),  # slot, field or port
    Column("late", BOOLEAN, nullable=False, server_default=false()),
    Column("again", LONG, nullable=False, server_default="0"),  # earlier findings of its kind
    Column("revision", LONG, nullable=False, server_default="1"),
    *optional(LONG, "until_ms"),  # end of an acknowledgement or a suppression
    *optional(TEXT, "assignee"),
    Index("finding_of_id", "finding_id"),
    Index("finding_of_unit", "unit"),
    Index("finding_of_gateway", "gateway"),
    Index("finding_of_place", "place", sqlite_where=_AT_PLACE, postgresql_where=_AT_PLACE),
    Index("finding_of_severity", "severity", "id"),
    Index("finding_of_type", "severity", "type", "id"),
    Index("finding_open", "severity", "id", sqlite_where=_OPEN, postgresql_where=_OPEN),
    Index(
        "finding_open_of_type",
        *("severity", "type", "id"),
        sqlite_where=_OPEN,
        postgresql_where=_OPEN,
    ),
    Index(
        "finding_decided",
        *("state", "severity", "id"),
        sqlite_where=_DECIDED,
        postgresql_where=_DECIDED,
    ),
)

# What changed a finding: decisions of people, and changes by the registry.
decision = Table(
    "decision",
    metadata,
    *key(LONG, "finding", "revision"),  # the revision that it made
    *required(TEXT, "action", "actor", "reason"),
    *optional(LONG, "until_ms"),
    *optional(TEXT, "assignee"),
    *required(LONG, "made_ms"),
    **BY_KEY,
)

# Places whose network refuses the registration, since the report that first stated it.
denial = Table(
    "denial",
    metadata,
    *key(LONG, "place"),
    *required(LONG, "stream", "sequence", "since_lo", "since_hi"),
    *required(BOOLEAN, "found"),  # it has lasted long enough to be a finding
    Index("denial_since", "found", "since_hi"),
    **BY_KEY,
)

# Reports that show a finding, by individual; 0 if it is not about individuals.
finding_report = Table(
    "finding_report",
    metadata,
    *key(LONG, "finding"),
    *key(SMALL, "individual"),
    *key(LONG, "stream", "sequence"),
    **BY_KEY,
)

finding_alias = Table(
    "finding_alias",
    metadata,
    *key(BYTES, "finding_id"),
    *required(LONG, "finding"),
    **BY_KEY,
)
