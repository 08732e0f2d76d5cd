"""Tables of re-checks: runs, what each has found, and the units that it is about."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
)

from modemagent.registry.store.schema import metadata

__all__ = [
    "metadata", "modem_type", "recheck_part", "recheck_rule", "recheck_run", "recheck_unit",
]  # fmt: skip

# SQLite takes a column as the number of the row only if its type is INTEGER.
_ROW = BigInteger().with_variant(Integer, "sqlite")
_LONG, _TEXT, _BYTES = BigInteger(), Text(), LargeBinary()
_BOOLEAN = Boolean(create_constraint=False)
_UNSORTED: dict[str, Any] = {"sqlite_with_rowid": False}  # the table is its own index


def _key(kind: Any, *names: str) -> list[Column[Any]]:
    return [Column(name, kind, primary_key=True, autoincrement=False) for name in names]


def _required(kind: Any, *names: str) -> list[Column[Any]]:
    return [Column(name, kind, nullable=False) for name in names]


def _optional(kind: Any, *names: str) -> list[Column[Any]]:
    return [Column(name, kind, nullable=True) for name in names]


# The newest maker, model and firmware of each modem (make 0: not read), by its TAC, and the state
# of its links. ``read_at``: read over AT commands.
modem_type = Table(
    "modem_type",
    metadata,
    *_key(_ROW, "unit"),
    *_required(_LONG, "tac", "make"),
    *_required(_BOOLEAN, "read_at"),
    Column("link_state", SmallInteger(), nullable=False, server_default="1"),
    Index("modem_type_of_tac", "tac", "read_at", "make"),
    Index("modem_type_of_make", "make", "unit"),
    Index("modem_type_in_state", "link_state", "unit"),
)

# Re-checks. ``after``: the last unit that the present phase has done.
recheck_run = Table(
    "recheck_run",
    metadata,
    *_key(_ROW, "id"),
    *_required(_TEXT, "scope", "subject", "requested_by", "state"),
    *_required(_BOOLEAN, "dry"),
    *_required(_LONG, "most_ppm", "fewest"),  # limits: a share in millionths, and a number
    *_required(_LONG, "modems", "sims", "affected", "done", "after", "created_ms"),
    *_optional(_LONG, "confirmed_ms", "finished_ms"),
    *_optional(_TEXT, "confirmed_by"),
    Index("recheck_run_of_state", "state"),
)

# Counts by rule: new findings, findings whose cause is gone, modems and SIMs with a new one.
recheck_rule = Table(
    "recheck_rule",
    metadata,
    *_key(_LONG, "run"),
    *_key(_TEXT, "rule"),
    *_required(_LONG, "found", "resolved", "modems", "sims"),
    **_UNSORTED,
)

# What was changed, in parts: the units that it is about are still to be found.
recheck_part = Table(
    "recheck_part",
    metadata,
    *_key(_LONG, "run", "part"),
    *_required(_BYTES, "content"),
)

# The units that a run is about, until it is done. A run of all units has no rows.
recheck_unit = Table(
    "recheck_unit",
    metadata,
    *_key(_LONG, "run", "unit"),
    Index("recheck_unit_of_unit", "unit"),
    **_UNSORTED,
)
