"""Kept readings of modems, as the history takes them: with dates, makers and neighbours."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection

from modemagent.registry.history.dates import BootDates, date_reading
from modemagent.registry.history.readings import (
    PlaceReading,
    ReportTime,
    Seen,
    Sighting,
    SlotReading,
)
from modemagent.registry.store.database import dialect
from modemagent.registry.store.intake.boots import BOOT_COLUMNS, Boot, boot_of
from modemagent.registry.store.intake.slots import NOT_READ, unpack
from modemagent.registry.store.tables import schema


class LoadedModem(msgspec.Struct):
    """The kept readings of one modem.

    :param places: for each place the readings of the modem by position, the last one of another
        modem before them, and the next one after each that is not UNREAD
    :param present: the places that hold the modem by their newest reading, and whether they are
        contested
    """

    places: dict[int, list[Sighting]]
    present: dict[int, bool]


_BEFORE = (
    "SELECT {} FROM sighting n WHERE n.place = s.place AND n.counts AND n.position < s.position"
)
_AFTER = (
    "SELECT {} FROM sighting n WHERE n.place = s.place AND n.counts AND n.position > s.position"
)
_COLUMNS = (
    "s.id, s.unit, s.place, s.position, s.stream, s.sequence, s.uptime_ms, s.wall_ms,"
    " s.synchronized, s.boot, b.start_lo, b.start_hi, b.chosen, g.gateway_id, s.seen,"
    " m.manufacturer, m.model, s.reader, s.slots"
)
_TABLES = (
    "FROM sighting s JOIN boot b ON b.id = s.boot JOIN place p ON p.id = s.place"
    " JOIN gateway g ON g.id = p.gateway LEFT JOIN make m ON m.id = s.make"
)
_OWN = (
    f"SELECT {_COLUMNS}, s.gap_before, ({_BEFORE.format('n.id')} ORDER BY n.position DESC LIMIT 1),"
    " p.sighting, p.contested, p.last_position, p.last_stream, p.last_sequence,"
    " p.last_uptime_ms, p.last_wall_ms, p.last_synchronized"
    f" {_TABLES} WHERE s.counts AND s.unit IN {{keys}} ORDER BY s.place, s.position"
)
# the seen of the reading before; the last HERE before; the next one that is not UNREAD
_NEIGHBOURS = (
    f"SELECT s.id, ({_BEFORE.format('n.seen')} ORDER BY n.position DESC LIMIT 1),"  # noqa: S608
    f" ({_BEFORE.format('n.id')} AND n.seen = {Seen.HERE:d} ORDER BY n.position DESC LIMIT 1),"
    f" ({_AFTER.format('n.id')} AND n.seen <> {Seen.UNREAD:d} ORDER BY n.position LIMIT 1)"
    " FROM sighting s WHERE s.id IN {keys}"
)
_BY_ROW = f"SELECT {_COLUMNS} {_TABLES} WHERE s.id IN {{keys}}"


class _Own(NamedTuple):
    """What a row of a modem's own reading has besides the reading.

    :param before: reading of the place before it
    """

    gap_before: bool
    before: int | None
    open_sighting: int
    contested: bool
    last_position: int
    last_stream: int
    last_sequence: int
    last_uptime_ms: int
    last_wall_ms: int
    last_synchronized: bool


class _Neighbours(NamedTuple):
    """The readings around one, by what they state."""

    seen_before: int | None
    here_before: int | None
    next: int | None


_WIDTH = _COLUMNS.count(",") + 1


def load_modems(connection: Connection, units: Iterable[int]) -> dict[int, LoadedModem]:
    """Return the kept readings of modems that have any, by unit."""
    rows = dialect.query_keys(connection, _OWN, units)
    extra = [_Own(*row[_WIDTH:]) for row in rows]
    around = _neighbours(connection, rows, extra)
    kept: dict[int | None, Sighting] = {}
    for row, more in zip(rows, extra, strict=True):
        broken = bool(more.gap_before) or around[row[0]].seen_before in (None, Seen.UNREAD)
        kept[row[0]] = _sighting(row, broken=broken)
    wanted = {one for near in around.values() for one in near[1:] if one is not None}
    for row in dialect.query_keys(connection, _BY_ROW, wanted - kept.keys()):
        kept[row[0]] = _sighting(row, broken=True)
    found: dict[int, LoadedModem] = {}
    for row, more in zip(rows, extra, strict=True):
        if row[1] not in found:
            found[row[1]] = LoadedModem({}, {})
        modem, near = found[row[1]], around[row[0]]
        sightings = modem.places.setdefault(row[2], [])
        if near.here_before is not None:
            _append(sightings, kept[near.here_before])
        one = kept[row[0]]
        _append(sightings, one)
        if more.open_sighting == row[0]:
            modem.present[row[2]] = bool(more.contested)
            if more.last_position > one.at.position:
                sightings.append(_newest(row, more, one))
        elif near.next is not None:
            _append(sightings, kept[near.next])
    return found


def _neighbours(
    connection: Connection, rows: list[tuple[Any, ...]], extra: list[_Own]
) -> dict[int, _Neighbours]:
    """Return the neighbours of each row; they are searched for at the ends of runs alone."""
    befores = [more.before for more in extra]
    keys: list[int] = [row[0] for row in rows]
    follows = [False, *(one == before for one, before in zip(keys, befores[1:], strict=False))]
    ends = [not one for one in [*follows[1:], False]]
    wanted = [
        key for key, is_next, is_end in zip(keys, follows, ends, strict=False)
        if is_end or not is_next
    ]  # fmt: skip
    found = {row[0]: _Neighbours(*row[1:]) for row in dialect.query_keys(
        connection, _NEIGHBOURS, wanted
    )}  # fmt: skip
    for at, key in enumerate(keys):
        if key not in found:
            found[key] = _Neighbours(Seen.HERE, befores[at], keys[at + 1])
    return found


def _append(sightings: list[Sighting], one: Sighting) -> None:
    """Append a reading unless it is the last one already."""
    if not sightings or sightings[-1].at.position < one.at.position:
        sightings.append(one)


def _sighting(row: tuple[Any, ...], *, broken: bool) -> Sighting:
    (
        _, unit, place, position, stream, sequence, uptime, wall, synchronized, boot, start_lo,
        start_hi, chosen, gateway, seen, maker, model, reader, slots, *_,
    ) = row  # fmt: skip
    dates = BootDates(start_lo, start_hi, bool(chosen), False)
    lo, hi = date_reading(dates, uptime, wall, bool(synchronized))
    reading = PlaceReading(
        Seen(seen), unit, maker or None, model or None, reader, slots_of(bytes(slots))
    )
    return Sighting(
        ReportTime((stream, sequence), gateway, position, lo, hi), place, boot, reading, broken
    )


def _newest(row: tuple[Any, ...], own: _Own, first: Sighting) -> Sighting:
    """Return the last reading of an open span, which differs from the first in its clocks only."""
    dates = BootDates(row[10], row[11], bool(row[12]), False)
    lo, hi = date_reading(dates, own.last_uptime_ms, own.last_wall_ms, bool(own.last_synchronized))
    report = (own.last_stream, own.last_sequence)
    at = ReportTime(report, first.at.gateway, own.last_position, lo, hi)
    return Sighting(at, first.place, first.boot, first.reading, broken=False)


@lru_cache(maxsize=4096)
def slots_of(packed: bytes) -> tuple[SlotReading, ...]:
    """Return the slots that were read."""
    return tuple(
        SlotReading(one.slot, one.sim or None, one.imsi or None, one.eid or None, one.extra)
        for one in unpack(packed)
        if one.sim != NOT_READ
    )


def dated_boots(connection: Connection, boots: Iterable[int]) -> dict[int, Boot]:
    """Return boots by row, without their parts."""
    keys = [(one,) for one in sorted(set(boots))]
    rows = dialect.select_rows(connection, schema.boot, ("id",), BOOT_COLUMNS, keys)
    return {row[0]: boot_of(row) for row in rows}
