"""Tables of re-checks: runs, what each has found, and the units that it is about."""

from __future__ import annotations

from sqlalchemy import (
    Column,
    Index,
    Table,
    text,
)

from modemagent.registry.store.tables.columns import (
    BOOLEAN,
    BY_KEY,
    BYTES,
    LONG,
    ROW,
    SMALL,
    TEXT,
    key,
    optional,
    required,
)
from modemagent.registry.store.tables.schema import metadata

__all__ = [
    "metadata", "modem_type", "recheck_part", "recheck_rule", "recheck_run", "recheck_unit",
]  # fmt: skip

_OVER = text("superseded_by IS NOT NULL")

# The newest maker, model and firmware of each modem (make 0: not read), by its TAC, and the state
# of its links. ``read_at``: read over AT commands.
modem_type = Table(
    "modem_type",
    metadata,
    *key(ROW, "unit"),
    *required(LONG, "tac", "make"),
    *required(BOOLEAN, "read_at"),
    Column("link_state", SMALL, nullable=False, server_default="1"),
    Index("modem_type_of_tac", "tac", "read_at", "make"),
    Index("modem_type_of_make", "make", "unit"),
    Index("modem_type_in_state", "link_state", "unit"),
)

# Re-checks. ``after``: the last unit that the present phase has done.
recheck_run = Table(
    "recheck_run",
    metadata,
    *key(ROW, "id"),
    *required(TEXT, "scope", "subject", "requested_by", "state"),
    *required(BOOLEAN, "dry"),
    *required(LONG, "most_ppm", "fewest"),  # limits: a share in millionths, and a number
    *required(LONG, "modems", "sims", "affected", "done", "after", "created_ms"),
    *optional(LONG, "confirmed_ms", "finished_ms"),
    *optional(TEXT, "confirmed_by"),
    *optional(LONG, "superseded_by"),  # the run that has taken over the units
    Index("recheck_run_of_state", "state"),
    Index("recheck_run_superseded", "superseded_by", sqlite_where=_OVER, postgresql_where=_OVER),
)

# Counts by rule: new findings, findings whose cause is gone, modems and SIMs with a new one.
recheck_rule = Table(
    "recheck_rule",
    metadata,
    *key(LONG, "run"),
    *key(TEXT, "rule"),
    *required(LONG, "found", "resolved", "modems", "sims"),
    **BY_KEY,
)

# What was changed, in parts: the units that it is about are still to be found.
recheck_part = Table(
    "recheck_part",
    metadata,
    *key(LONG, "run", "part"),
    *required(BYTES, "content"),
)

# The units that a run is about, until it is done. A run of all units has no rows.
recheck_unit = Table(
    "recheck_unit",
    metadata,
    *key(LONG, "run", "unit"),
    Index("recheck_unit_of_unit", "unit"),
    **BY_KEY,
)
