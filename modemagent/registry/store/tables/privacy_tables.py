"""Tables of privacy: the audit of acts, and what is left of erased SIMs."""

from __future__ import annotations

from sqlalchemy import Column, Index, Table, UniqueConstraint, text

from modemagent.registry.store.tables.columns import (
    BY_KEY,
    BYTES,
    LONG,
    ROW,
    SMALL,
    TEXT,
    key,
    optional,
    required,
    row_id,
)
from modemagent.registry.store.tables.people_tables import metadata

__all__ = ["audit", "erased_number", "erased_ref", "erasure", "metadata"]

_WAITS = text("position IS NULL")

# What people and programs did, and which numbers they saw in full. A row gets its position and its
# hash when it is chained. It holds references and ids, never a number.
audit = Table(
    "audit",
    metadata,
    Column("id", ROW, primary_key=True, autoincrement=True),
    *optional(LONG, "position"),
    *required(LONG, "made_ms"),
    *required(TEXT, "actor", "kind", "object", "detail"),
    *optional(BYTES, "hash"),
    UniqueConstraint("position", name="audit_position"),
    Index("audit_waiting", "id", sqlite_where=_WAITS, postgresql_where=_WAITS),
    Index("audit_of_actor", "actor", "position"),
    Index("audit_of_kind", "kind", "position"),
    Index("audit_about", "object", "position"),
    Index("audit_made", "made_ms", "position"),
)

# References of SIMs that were erased: requests with them are answered with 410.
erased_ref = Table("erased_ref", metadata, *key(LONG, "ref"), *required(LONG, "erased_ms"))

# Numbers that were erased, as keyed hashes: a late report gets the row of the pseudonym.
erased_number = Table(
    "erased_number",
    metadata,
    *key(SMALL, "kind"),
    *key(LONG, "hash"),
    *required(LONG, "target", "erased_ms"),
    Index("erased_number_since", "erased_ms"),
    **BY_KEY,
)

# Erasures. ``after``: stream, sequence and time of the last body that was searched. ``numbers``:
# what is searched for, until it is done.
erasure = Table(
    "erasure",
    metadata,
    row_id(),
    *required(SMALL, "kind"),
    *required(LONG, "unit", "ref"),
    *required(TEXT, "state", "requested_by", "reason"),
    *required(LONG, "requested_ms", "bodies", "redacted", "rows"),
    *optional(LONG, "finished_ms"),
    *optional(BYTES, "numbers", "after"),
)
