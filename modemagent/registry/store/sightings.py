"""Kept readings of units, as the history takes them: with dates, makers and neighbours."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection

from modemagent.registry.history.readings import (
    Moment,
    PlaceReading,
    Seen,
    Sighting,
    SlotReading,
)
from modemagent.registry.store import dialect, schema
from modemagent.registry.store.boots import BOOT_COLUMNS, Boot, boot_of
from modemagent.registry.store.places import (
    ROW_COLUMNS,
    Clocks,
    Content,
    Place,
    Row,
    load_places,
    row_of,
)
from modemagent.registry.store.slots import NOT_READ, unpack

ReportKey = tuple[int, int]  # row of the stream, sequence


def load_sightings(connection: Connection, units: Iterable[int]) -> list[list[Sighting]]:
    """Return the kept readings of modems, one list for each place, by position.

    Between the first and the last reading of a modem at a place the readings of others are
    included; before them the last one of another modem, after them the next that is not unread.
    """
    wanted = sorted(set(units))
    limits = _limits(connection, wanted)
    places = load_places(connection, ("id",), [(one,) for one in sorted(limits)])
    rows: dict[int, list[Row]] = {}
    for place in places:
        rows[place.id] = _rows(connection, place, *limits[place.id])
    return as_sightings(connection, places, rows)


def load_all_sightings(connection: Connection, gateways: Iterable[int]) -> list[list[Sighting]]:
    """Return all kept readings of the places of gateways, one list for each place, by position."""
    places = load_places(connection, ("gateway",), [(one,) for one in sorted(set(gateways))])
    rows = {place.id: _rows(connection, place, -1, 2**62) for place in places}
    return as_sightings(connection, places, rows)


def _limits(connection: Connection, units: Sequence[int]) -> dict[int, tuple[int, int]]:
    """Return the first and last position of some units at each place."""
    keys = [(one,) for one in units]
    limits: dict[int, tuple[int, int]] = {}
    for place, position in dialect.select_rows(
        connection, schema.sighting, ("unit",), ("place", "position"), keys
    ):
        low, high = limits.get(place, (position, position))
        limits[place] = min(low, position), max(high, position)
    for place, first, last in dialect.select_rows(
        connection, schema.place, ("unit",), ("id", "first_position", "last_position"), keys
    ):
        low, high = limits.get(place, (first, last))
        limits[place] = min(low, first), max(high, last)
    return limits


_CHOSEN = ", ".join(ROW_COLUMNS)


def _rows(connection: Connection, place: Place, low: int, high: int) -> list[Row]:
    here = f"SELECT {_CHOSEN} FROM sighting WHERE place = {place.id} AND counts"  # noqa: S608
    nearest = "SELECT {} FROM sighting WHERE place = {} AND counts AND seen {} AND position {}"
    before = connection.exec_driver_sql(
        nearest.format("max(position)", place.id, f"= {Seen.HERE:d}", f"< {low}")
    ).scalar()
    after = connection.exec_driver_sql(
        nearest.format("min(position)", place.id, f"<> {Seen.UNREAD:d}", f"> {high}")
    ).scalar()
    low = low if before is None else int(before)
    high = high if after is None else int(after)
    found = connection.exec_driver_sql(
        f"{here} AND position BETWEEN {low} AND {high} ORDER BY position"
    )
    rows = [row_of(tuple(row)) for row in found]
    if rows and rows[-1].position == place.first_position < place.last.position:
        rows.append(Row(0, place.last, rows[-1].content, False, place.agreeing))
    return rows


def as_sightings(
    connection: Connection, places: Sequence[Place], rows: dict[int, list[Row]]
) -> list[list[Sighting]]:
    """Return kept readings with their dates, one list for each place."""
    every = [row for some in rows.values() for row in some]
    boots = dated_boots(connection, (row.at.boot for row in every))
    makes = make_names(connection, (row.content.make for row in every))
    gateways = gateway_ids(connection, (place.gateway for place in places))
    found = []
    for place in places:
        sightings: list[Sighting] = []
        unread = False
        broken = True
        for row in rows[place.id]:
            broken = broken or row.gap_before or unread
            reading = reading_of(row.content, makes)
            moment = moment_of(row.at, boots[row.at.boot], gateways[place.gateway])
            sightings.append(Sighting(moment, place.id, row.at.boot, reading, broken))
            unread = reading.seen == Seen.UNREAD
            if not unread:
                broken = False
        found.append(sightings)
    return found


def reading_of(content: Content, makes: dict[int, tuple[str, str, str]]) -> PlaceReading:
    """Return the content of a stored reading."""
    if content.seen == Seen.GONE:
        return PlaceReading(Seen.GONE)
    maker, model, _ = makes[content.make] if content.make is not None else ("", "", "")
    return PlaceReading(
        Seen(content.seen),
        content.unit,
        maker or None,
        model or None,
        content.reader,
        tuple(
            SlotReading(one.slot, one.card or None, one.imsi or None, one.eid or None, one.extra)
            for one in unpack(content.slots)
            if one.card != NOT_READ
        ),
    )


def moment_of(at: Clocks, boot: Boot, gateway_id: str) -> Moment:
    """Return a reading as a point in time."""
    lo, hi = boot.date(at.uptime_ms, at.wall_ms, at.synchronized)
    return Moment((at.stream, at.sequence), gateway_id, at.position, lo, hi)


def dated_boots(connection: Connection, boots: Iterable[int]) -> dict[int, Boot]:
    """Return boots by row, without their parts."""
    keys = [(one,) for one in sorted(set(boots))]
    rows = dialect.select_rows(connection, schema.boot, ("id",), BOOT_COLUMNS, keys)
    return {row[0]: boot_of(row) for row in rows}


def make_names(
    connection: Connection, makes: Iterable[int | None]
) -> dict[int, tuple[str, str, str]]:
    """Return manufacturer, model and firmware by row; what was not read is empty."""
    keys = [(one,) for one in sorted({one for one in makes if one is not None})]
    names = ("id", "manufacturer", "model", "firmware")
    rows: list[tuple[Any, ...]] = dialect.select_rows(connection, schema.make, ("id",), names, keys)
    return {row[0]: (row[1], row[2], row[3]) for row in rows}


def gateway_ids(connection: Connection, gateways: Iterable[int]) -> dict[int, str]:
    """Return the ids of gateways by row."""
    keys = [(one,) for one in sorted(set(gateways))]
    rows = dialect.select_rows(connection, schema.gateway, ("id",), ("id", "gateway_id"), keys)
    return {row[0]: row[1] for row in rows}


def by_first(values: Iterable[tuple[Any, ...]]) -> dict[Any, list[tuple[Any, ...]]]:
    """Return rows by their first column."""
    found: defaultdict[Any, list[tuple[Any, ...]]] = defaultdict(list)
    for row in values:
        found[row[0]].append(row)
    return dict(found)
