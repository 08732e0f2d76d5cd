"""Fewer bytes for a modem: columns without padding, fewer indexes, no copies of equal readings.

PostgreSQL aligns each number to its size, so columns are ordered by theirs; SQLite does not. The
units on the sides of events have partial indexes instead of rows in ``event_about``.

Alembic revision 0021_narrow_rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.types import TypeEngine

revision = "0021_narrow_rows"
down_revision = "0020_bench_turns"
branch_labels = None
depends_on = None

_LONG, _SMALL = sa.BigInteger(), sa.SmallInteger()
_LAST = {
    "last_stream": "opened_stream",
    "last_sequence": "opened_sequence",
    "last_lo": "from_lo",
    "last_hi": "from_hi",
}
_TEXT, _BYTES, _BOOL = sa.Text(), sa.LargeBinary(), sa.Boolean()


def upgrade() -> None:
    """Rewrite the tables, and replace indexes."""
    op.drop_table("event_about")
    op.drop_index("place_sim_at_place", "place_sim")
    for name in ("stay_of_unit", "stay_in_holder", "stay_at_place"):
        op.drop_index(name, "stay")
    is_first = " AND ".join(f"{last} = {first}" for last, first in _LAST.items())
    _rewrite(
        "stay", _stay(), {one: f"CASE WHEN {is_first} THEN NULL ELSE {one} END" for one in _LAST}
    )
    op.create_index("stay_of_unit", "stay", ["unit"])
    _index("stay_in_holder", "stay", ["holder"], "holder IS NOT NULL")
    _index("stay_at_place", "stay", ["place"], "holder IS NULL")
    if op.get_bind().dialect.name == "sqlite":
        op.execute("UPDATE event SET first_position = NULL WHERE first_position = position")
    else:
        _rewrite_others()
    for name in ("old_modem", "old_sim", "new_modem", "new_sim"):
        _index(f"event_of_{name}", "event", [name], f"{name} <> unit")


def _rewrite_others() -> None:
    """Rewrite the tables of which only the order of the columns is another (PostgreSQL)."""
    for name in ("event_of_unit", "event_held"):
        op.drop_index(name, "event")
    op.drop_constraint("event_position", "event")
    _rewrite("event", _event(), {"first_position": "nullif(first_position, position)"})
    op.create_unique_constraint("event_position", "event", ["position"])
    op.create_index("event_of_unit", "event", ["unit"])
    _index("event_held", "event", ["stream"], "position IS NULL")

    op.drop_index("place_of_unit", "place")
    op.drop_constraint("place_key", "place")
    _rewrite("place", _place(), fillfactor=60)
    op.create_unique_constraint("place_key", "place", ["gateway", "device_id"])
    op.create_index("place_of_unit", "place", ["unit"])

    for name in ("sighting_at_place", "sighting_of_unit"):
        op.drop_index(name, "sighting")
    _rewrite("sighting", _sighting())
    op.create_index("sighting_at_place", "sighting", ["place", "position"])
    op.create_index("sighting_of_unit", "sighting", ["unit"])

    for name in ("unit_of_ref", "unit_to_relate", "unit_of_last_digits"):
        op.drop_index(name, "unit")
    op.drop_constraint("unit_key", "unit")
    _rewrite("unit", _unit())
    op.create_unique_constraint("unit_key", "unit", ["kind", "key"])
    op.create_index("unit_of_ref", "unit", ["ref"])
    _index("unit_to_relate", "unit", ["relate_ms"], "relate_ms IS NOT NULL")
    op.execute("CREATE INDEX unit_of_last_digits ON unit (substr(number, length(number) - 3))")


def _stay() -> list[sa.Column[Any]]:
    return [
        *_required(_LONG, "unit", "place", "opened_stream", "opened_sequence", "from_lo"),
        *_required(_LONG, "from_hi", "recorded_from"),
        *_optional(_LONG, "holder", "imsi", "eid"),
        *_optional(_LONG, "last_stream", "last_sequence", "last_lo", "last_hi"),
        *_optional(_LONG, "closed_stream", "closed_sequence", "to_lo", "to_hi", "recorded_to"),
        *_required(_SMALL, "individual"),
        *_optional(_SMALL, "holder_individual", "slot"),
        *_required(_BOOL, "order_known", "pending"),
        *_optional(_TEXT, "cause"),
    ]


def _event() -> list[sa.Column[Any]]:
    return [
        *_optional(_LONG, "position", "first_position"),
        *_required(_LONG, "unit", "stream", "sequence", "lo_ms", "hi_ms", "recorded_ms"),
        *_optional(_LONG, "old_place", "old_modem", "old_sim", "old_imsi", "old_eid"),
        *_optional(_LONG, "new_place", "new_modem", "new_sim", "new_imsi", "new_eid"),
        *_optional(_SMALL, "old_slot", "new_slot"),
        *_required(_SMALL, "revision"),
        *_required(_BOOL, "withdrawn", "superseded"),
        *_required(_BYTES, "event_id"),
        *_required(_TEXT, "type"),
        *_optional(_BYTES, "replaces"),
    ]


def _place() -> list[sa.Column[Any]]:
    return [
        *_required(_LONG, "gateway", "sighting"),
        *_optional(_LONG, "unit"),
        *_required(_LONG, "identity", "problems"),
        sa.Column("likeness", _LONG, nullable=False, server_default="0"),
        *_required(_LONG, "first_position", "agreeing"),
        *_required(_LONG, "last_stream", "last_sequence", "last_position", "last_boot"),
        *_required(_LONG, "last_uptime_ms", "last_wall_ms", "last_received_ms", "last_digest"),
        *_required(_SMALL, "heard_day", "seen"),
        *_required(_BOOL, "watch", "contested", "last_synchronized"),
        *_required(_TEXT, "mcc", "device_id"),
    ]


def _sighting() -> list[sa.Column[Any]]:
    return [
        *_required(_LONG, "place", "position", "stream", "sequence", "boot", "uptime_ms"),
        *_required(_LONG, "wall_ms", "received_ms", "agreeing", "identity", "digest"),
        *_optional(_LONG, "unit", "make", "serial_number", "imeisv", "meid"),
        *_required(_SMALL, "seen"),
        *_required(_BOOL, "synchronized", "counts", "gap_before"),
        *_optional(_TEXT, "reader"),
        *_required(_BYTES, "slots"),
    ]


def _unit() -> list[sa.Column[Any]]:
    return [
        *_required(_LONG, "ref"),
        *_optional(_LONG, "relate_ms"),
        *_required(_SMALL, "kind", "heard_day"),
        *_required(_TEXT, "key", "number"),
    ]


def _rewrite(
    name: str,
    columns: Sequence[sa.Column[Any]],
    values: Mapping[str, str] | None = None,
    fillfactor: int = 100,
) -> None:
    """Copy a table, whose indexes were dropped, into one with these columns after the key.

    :param values: expressions of columns that are not copied
    """
    options: dict[str, Any] = (
        {} if fillfactor == 100 else {"postgresql_with": {"fillfactor": fillfactor}}
    )
    if op.get_bind().dialect.name != "sqlite":
        op.drop_constraint(f"{name}_pkey", name)
    op.rename_table(name, f"old_{name}")
    row = _LONG.with_variant(sa.Integer(), "sqlite")
    key = sa.Column("id", row, autoincrement=False, nullable=False)
    op.create_table(name, key, *columns, sa.PrimaryKeyConstraint("id"), **options)
    names = ["id", *(one.name for one in columns)]
    copied = ", ".join((values or {}).get(one, one) for one in names)
    op.execute(
        f"INSERT INTO {name} ({', '.join(names)}) SELECT {copied} FROM old_{name}"  # noqa: S608
    )
    op.drop_table(f"old_{name}")


def _index(name: str, table: str, columns: list[str], condition: str) -> None:
    where = sa.text(condition)
    op.create_index(name, table, columns, sqlite_where=where, postgresql_where=where)


def _required(kind: TypeEngine[Any], *names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, kind, nullable=False) for name in names]


def _optional(kind: TypeEngine[Any], *names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, kind, nullable=True) for name in names]
