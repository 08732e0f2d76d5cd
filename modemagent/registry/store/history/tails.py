"""Histories that follow from a batch and the newest reading before it, without the older ones.

A modem that is read for the first time has no history. A reading that follows all others of a modem
leaves its history as it is and adds to its end, if the modem was at one place only and its SIMs
were in no other modem and slot: then nothing can contradict. All other units are derived as a
whole (:mod:`.refold`).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from sqlalchemy import Connection

from modemagent.registry.history.dates import BootDates, date_reading
from modemagent.registry.history.events import Occurrence, modem_events, sim_events
from modemagent.registry.history.individuals import Related, relate
from modemagent.registry.history.pairings import fold_slots
from modemagent.registry.history.places import Interval, fold_place
from modemagent.registry.history.readings import PlaceReading, ReportTime, Seen, Sighting
from modemagent.registry.store.database import dialect
from modemagent.registry.store.database.dialect import Read, Rows
from modemagent.registry.store.history.sightings import slots_of
from modemagent.registry.store.history.stay_log import StayLog
from modemagent.registry.store.intake.batch import Batch
from modemagent.registry.store.intake.places import Row, Tail

_BOOTS = (
    "SELECT b.id, b.start_lo, b.start_hi, b.chosen, g.gateway_id FROM boot b"
    " JOIN gateway g ON g.id = b.gateway WHERE b.id IN {keys}"
)


class TailHistory(NamedTuple):
    """What the end of the history of one modem consists of.

    :param related: the modem, if it is new; None: its stay goes on
    :param events: of the modem and its slots
    :param sims: the intervals of each SIM that was read
    :param dated: those of the added readings that are kept, with their dates
    """

    tail: Tail
    related: Related | None
    events: list[Occurrence]
    sims: dict[int, list[Interval]]
    dated: list[tuple[Row, ReportTime]]


def choose_tails(batch: Batch) -> tuple[list[Tail], set[int]]:
    """Return the tails whose modem and SIMs the batch shows once; give up the others.

    :returns: also all SIMs in the readings of the batch
    """
    tails, batch.tails = batch.tails, []
    units = Counter(tail.unit for tail in tails)
    seen = Counter(sim for packed in batch.slots for sim in {*sims_in(packed)})
    sims = [_sims(tail) for tail in tails]
    for some in sims:
        seen.update(some)
    found = []
    for tail, some in zip(tails, sims, strict=True):
        alone = units[tail.unit] == 1 and all(seen[sim] == 1 for sim in some)
        if alone and tail.unit not in batch.modems and not batch.is_rebuilt:
            found.append(tail)
        else:
            batch.modems.add(tail.unit)
    return found, {*seen}


def known_sims(tails: Iterable[Tail]) -> set[int]:
    """Return the SIMs in the newest stored readings."""
    return {sim for tail in tails if tail.known for sim in sims_in(tail.known.content.slots)}


def read_boots(connection: Connection, tails: Iterable[Tail]) -> Read | None:
    """Return the query for the boots of the readings in tails."""
    boots = {row.at.boot for tail in tails for row in _rows(tail)}
    return dialect.rows_by(connection, _BOOTS, boots)


def derive_tails(
    batch: Batch, tails: Iterable[Tail], stays: StayLog, booted: Rows
) -> list[TailHistory]:
    """Derive the ends of histories; a modem whose history does not end simply is given up.

    :param stays: those of the modems and of their known SIMs are loaded
    :param booted: rows of the query of :func:`read_boots`
    """
    simple = [
        tail
        for tail in tails
        if (
            {tail.unit, *_sims(tail)} <= batch.new_units
            if tail.known is None
            else _is_simple(batch, tail, tail.known, stays)
        )
    ]
    boots = {row[0]: (BootDates(row[1], row[2], bool(row[3]), False), row[4]) for row in booted}
    found = [_derive(tail, boots) for tail in simple]
    chosen = [one for one in found if _stays_away(one)]
    batch.modems.update({tail.unit for tail in tails} - {one.tail.unit for one in chosen})
    return chosen


@lru_cache(maxsize=4096)
def sims_in(packed: bytes) -> tuple[int, ...]:
    """Return the SIMs in packed slots."""
    return tuple(one.sim for one in slots_of(packed) if one.sim is not None)


def _sims(tail: Tail) -> set[int]:
    return {sim for row in _rows(tail) for sim in sims_in(row.content.slots)}


def _rows(tail: Tail) -> list[Row]:
    return tail.added if tail.known is None else [tail.known, *tail.added]


def _is_simple(batch: Batch, tail: Tail, known: Row, stays: StayLog) -> bool:
    """Return True if a modem has one open stay, and the newest SIM of each slot as well.

    What was read last of each slot must be the whole state of the slot: a slot that was not read
    or was empty may have held a SIM before, and the IMSI may have been read in an older reading.
    """
    if not stays.is_only(tail.unit, (tail.place.id, None, None, None, None, None)):
        return False
    read = {}
    for one in slots_of(known.content.slots):
        read[one.slot] = one.sim, one.extra
        where = tail.place.id, tail.unit, 0, one.slot, one.imsi, one.eid
        if one.sim is not None and not stays.is_only(one.sim, where):
            return False
    for row in tail.added:
        for one in slots_of(row.content.slots):
            sim, extra = read.get(one.slot, (None, ""))
            if one.slot not in read or (one.sim == sim and one.extra != extra):
                return False
            if one.sim not in (None, sim) and (sim is None or one.sim not in batch.new_units):
                return False
    return True


def _derive(tail: Tail, boots: dict[int, tuple[BootDates, str]]) -> TailHistory:
    sightings = []
    for row in _rows(tail):
        at = row.at
        dates, gateway = boots[at.boot]
        lo, hi = date_reading(dates, at.uptime_ms, at.wall_ms, at.synchronized)
        moment = ReportTime((at.stream, at.sequence), gateway, at.position, lo, hi)
        reading = PlaceReading(Seen.HERE, tail.unit, slots=slots_of(row.content.slots))
        sightings.append(Sighting(moment, tail.place.id, at.boot, reading, row.gap_before))
    intervals = fold_place(sightings)
    related = relate(intervals)
    sims: dict[int, list[Interval]] = defaultdict(list)
    history = fold_slots(related.individuals[0])
    for interval in history.intervals:
        sims[interval.unit].append(interval)
    events = history.events
    if tail.known is None:
        events = [*modem_events(related, intervals), *events]
    dated = zip(tail.added, sightings[-len(tail.added) :], strict=True)
    return TailHistory(
        tail,
        related if tail.known is None else None,
        events,
        sims,
        [(row, one.at) for row, one in dated if row.id],
    )


def _stays_away(one: TailHistory) -> bool:
    """Return True unless a known SIM left its slot and returned."""
    return one.tail.known is None or all(
        len(one.sims[sim]) == 1 for sim in sims_in(one.tail.known.content.slots)
    )


def related_sims(one: TailHistory) -> Iterable[tuple[int, Related, list[Occurrence] | None]]:
    """Yield each SIM of a tail with its individuals and its events.

    The events are None if the SIM was there before: then it has no further ones, and its stay
    began before the tail.
    """
    known = set() if one.tail.known is None else {*sims_in(one.tail.known.content.slots)}
    for sim, intervals in one.sims.items():
        related = relate(intervals, marks_are_numbers=True)
        yield sim, related, None if sim in known else [*sim_events(related, intervals)]
