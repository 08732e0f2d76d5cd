"""Tables of what people keep on pages: views with a name, and sets of findings that were chosen."""

from __future__ import annotations

from sqlalchemy import Column, Index, Table

from modemagent.registry.store.tables.columns import (
    BOOLEAN,
    BYTES,
    LONG,
    ROW,
    TEXT,
    optional,
    required,
)
from modemagent.registry.store.tables.people_tables import metadata

__all__ = ["finding_set", "metadata", "saved_view"]

saved_view = Table(
    "saved_view",
    metadata,
    Column("id", ROW, primary_key=True, autoincrement=True),
    *required(LONG, "person"),
    *required(TEXT, "section", "name", "query"),
    *required(BOOLEAN, "shared"),
    Index("saved_view_of_section", "section", "person"),
)

# A set of findings that does not change while people decide about it.
finding_set = Table(
    "finding_set",
    metadata,
    Column("id", ROW, primary_key=True, autoincrement=True),
    *required(LONG, "person", "made_ms", "acts"),
    *required(TEXT, "sentence"),
    *required(BYTES, "items"),
    *optional(BYTES, "outcome"),
    Index("finding_set_made", "made_ms"),
)
