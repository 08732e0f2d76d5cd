"""The kept readings of a place around a position."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, func, select

from modemagent.registry.history.readings import Seen
from modemagent.registry.store import dialect, schema
from modemagent.registry.store.places import ROW_COLUMNS, Place, Row, row_of
from modemagent.registry.store.slots import unpack

_SLOTS = (
    "SELECT p.id, s.slots FROM place p JOIN sighting s ON s.id = p.sighting WHERE p.id IN {keys}"
)


def around(connection: Connection, place: Place, low: int, high: int) -> list[Row]:
    """Return the kept readings from two before a position to two after another, in order."""
    c, other = schema.sighting.c, schema.sighting.alias().c
    there = (other.place == place.id) & other.counts
    second_before = select(other.position).where(there, other.position < low)
    second_before = second_before.order_by(other.position.desc()).limit(1).offset(1)
    second_after = select(other.position).where(there, other.position > high)
    second_after = second_after.order_by(other.position).limit(1).offset(1)
    query = select(*(c[name] for name in ROW_COLUMNS)).where(
        c.place == place.id,
        c.counts,
        c.position >= func.coalesce(second_before.scalar_subquery(), -1),
        c.position <= func.coalesce(second_after.scalar_subquery(), 2**62),
    )
    found = connection.execute(query.order_by(c.position))
    return [row_of(tuple(row)) for row in found]


def last_here(connection: Connection, place: Place, position: int) -> Row | None:
    """Return the last reading with a unit before a position."""
    c = schema.sighting.c
    query = (
        select(*(c[name] for name in ROW_COLUMNS))
        .where(c.place == place.id, c.counts, c.seen == Seen.HERE, c.position < position)
        .order_by(c.position.desc())
        .limit(1)
    )
    row = connection.execute(query).first()
    return None if row is None else row_of(tuple(row))


def next_here(connection: Connection, place: Place, row: Row) -> Row:
    """Return the first reading with a unit from a reading on, else that reading."""
    if row.content.unit is not None:
        return row
    c = schema.sighting.c
    query = (
        select(*(c[name] for name in ROW_COLUMNS))
        .where(c.place == place.id, c.counts, c.seen == Seen.HERE)
        .where(c.position > row.position)
        .order_by(c.position)
        .limit(1)
    )
    found = connection.execute(query).first()
    return row if found is None else row_of(tuple(found))


def sims_at(connection: Connection, places: Iterable[int]) -> dict[int, list[int]]:
    """Return the SIMs at places by their newest readings, by slot."""
    return {
        place: [one.sim for one in unpack(bytes(slots)) if one.sim > 0]
        for place, slots in dialect.query_keys(connection, _SLOTS, places)
    }
