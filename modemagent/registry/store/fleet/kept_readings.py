"""The kept readings of a place around a position."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection

from modemagent.registry.history.readings import Seen
from modemagent.registry.store.database import dialect
from modemagent.registry.store.intake.places import ROW_COLUMNS, Place, Row, row_of
from modemagent.registry.store.intake.slots import unpack

_KEPT = f"SELECT {', '.join(ROW_COLUMNS)} FROM sighting WHERE place = ? AND counts"  # noqa: S608
_BESIDE = "SELECT o.position FROM sighting o WHERE o.place = ? AND o.counts AND o.position"
_AROUND = (
    f"{_KEPT} AND position >= coalesce("
    f"({_BESIDE} < ? ORDER BY o.position DESC LIMIT 1 OFFSET 1), -1)"
    f" AND position <= coalesce(({_BESIDE} > ? ORDER BY o.position LIMIT 1 OFFSET 1), {2**62})"
    " ORDER BY position"
)
_LAST_HERE = f"{_KEPT} AND seen = {Seen.HERE:d} AND position < ? ORDER BY position DESC LIMIT 1"
_NEXT_HERE = f"{_KEPT} AND seen = {Seen.HERE:d} AND position > ? ORDER BY position LIMIT 1"
_SLOTS = (
    "SELECT p.id, s.slots FROM place p JOIN sighting s ON s.id = p.sighting WHERE p.id IN {keys}"
)


def around(connection: Connection, place: Place, low: int, high: int) -> list[Row]:
    """Return the kept readings from two before a position to two after another, in order."""
    values = place.id, place.id, low, place.id, high
    return [row_of(row) for row in dialect.query(connection, _AROUND, *values)]


def last_here(connection: Connection, place: Place, position: int) -> Row | None:
    """Return the last reading with a unit before a position."""
    found = dialect.query(connection, _LAST_HERE, place.id, position)
    return row_of(found[0]) if found else None


def next_here(connection: Connection, place: Place, row: Row) -> Row:
    """Return the first reading with a unit from a reading on, else that reading."""
    if row.content.unit is not None:
        return row
    found = dialect.query(connection, _NEXT_HERE, place.id, row.position)
    return row_of(found[0]) if found else row


def sims_at(connection: Connection, places: Iterable[int]) -> dict[int, list[int]]:
    """Return the SIMs at places by their newest readings, by slot."""
    return {
        place: [one.sim for one in unpack(bytes(slots)) if one.sim > 0]
        for place, slots in dialect.query_keys(connection, _SLOTS, places)
    }
