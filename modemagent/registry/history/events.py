"""Events and findings that follow from the individuals of one number and their stays.

An event is identified by its kind, its subject and the report that first shows it, so the events
of a unit are a set: a late report adds some and retracts others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import msgspec

from modemagent.registry.history.individuals import Related, Stay
from modemagent.registry.history.places import Interval
from modemagent.registry.history.readings import Key, ReportTime, Sighting, moment_order


class Pair(NamedTuple):
    """Modem and SIM before or after a change; None for what the change does not concern.

    :param place: place of the modem in its gateway
    """

    modem: Key | None = None
    place: Key | None = None
    slot: int | None = None
    sim: Key | None = None
    imsi: Key | None = None
    eid: Key | None = None


class Occurrence(msgspec.Struct, frozen=True, gc=False):
    """An event.

    :param kind: such as ``modem.moved``
    :param subject: the modem or SIM; of a change in a slot ``(modem, slot)``; of ``modem.swapped``
        the place
    :param at: report that first shows the new state
    """

    kind: str
    subject: Any
    at: ReportTime
    previous: Pair | None
    new: Pair | None

    @property
    def key(self) -> tuple[str, Key, Key]:
        return (self.kind, self.subject, self.at.report)


class HistoryFinding(msgspec.Struct, frozen=True, gc=False):
    """A finding.

    :param kind: ``imei.duplicate``, ``imei.cloned``, ``sim.cloned``, ``gateway.identity_forked`` or
        ``gateway.clock_suspect``
    :param subject: the modem, SIM or gateway
    :param grade: ``certain``, ``probable`` or ``possible``; None for findings about gateways
    :param at: report that first shows the second individual; None for findings about gateways
    """

    kind: str
    subject: Any
    grade: str | None = None
    at: ReportTime | None = None


def modem_events(modem: Related, intervals: Sequence[Interval]) -> Iterator[Occurrence]:
    """Yield the events of one modem, except those of its slots.

    :param intervals: those from which its individuals were derived
    """
    unit = intervals[0].unit
    first = min(intervals, key=lambda one: moment_order(one.first))
    begin = first.sighting(first.first)
    yield Occurrence("modem.first_seen", unit, begin.at, None, _modem_pair(begin))
    for interval in intervals:
        if interval.cause == "removed" and interval.ended_by is not None:
            before = _modem_pair(interval.sightings[-1])
            yield Occurrence("modem.removed", unit, interval.ended_by, before, None)
        if interval.previous is not None:
            begin = interval.sightings[0]
            before = _modem_pair(interval.previous)
            yield Occurrence("modem.swapped", interval.place, begin.at, before, _modem_pair(begin))
    for stay, origin in _moves(modem):
        before = _modem_pair(origin.interval.sighting(origin.last))
        after = _modem_pair(stay.interval.sighting(stay.opened_by))
        yield Occurrence("modem.moved", unit, stay.opened_by, before, after)


def sim_events(sim: Related, intervals: Sequence[Interval]) -> Iterator[Occurrence]:
    """Yield the events of one SIM; places are ``(modem, number of the individual, slot)``."""
    unit = intervals[0].unit
    first = min(intervals, key=lambda one: (moment_order(one.first), one.place))
    new = _slot_pair(first, first.first)
    yield Occurrence("sim.first_seen", unit, first.first, None, new)
    reports = set()  # one report may show a SIM in two slots
    for stay, origin in _moves(sim):
        if origin.place[:2] != stay.place[:2] and stay.opened_by.report not in reports:
            reports.add(stay.opened_by.report)
            before = _slot_pair(origin.interval, origin.last)
            after = _slot_pair(stay.interval, stay.opened_by)
            yield Occurrence("sim.moved", unit, stay.opened_by, before, after)


def _moves(unit: Related) -> Iterator[tuple[Stay, Stay]]:
    """Yield the stays that began with a move, each with the one before it."""
    for individual in unit.individuals:
        for stay in individual.stays:
            if stay.moved_from is not None:
                yield stay, individual.stays[stay.moved_from]


def _modem_pair(sighting: Sighting) -> Pair:
    """Return a modem with the first of its SIMs."""
    reading = sighting.reading
    for one in reading.slots:
        if one.sim is not None:
            return Pair(reading.unit, sighting.place, one.slot, one.sim, one.imsi, one.eid)
    return Pair(reading.unit, sighting.place)


def _slot_pair(interval: Interval, at: ReportTime) -> Pair:
    sighting = interval.sighting(at)
    unit, _, slot = interval.place
    one = next(one for one in sighting.reading.slots if one.slot == slot)
    return Pair(unit, sighting.place, slot, one.sim, one.imsi, one.eid)


def modem_findings(modem: Related) -> Iterator[HistoryFinding]:
    """Yield ``imei.duplicate``, and ``imei.cloned`` if maker or model differ."""
    if modem.grade is not None:
        second = modem.individuals[1]
        at = second.stays[0].opened_by
        yield HistoryFinding("imei.duplicate", second.unit, modem.grade, at)
        if modem.other_hardware:
            yield HistoryFinding("imei.cloned", second.unit, modem.grade, at)


def sim_findings(sim: Related) -> Iterator[HistoryFinding]:
    """Yield ``sim.cloned``."""
    if sim.grade is not None:
        second = sim.individuals[1]
        yield HistoryFinding("sim.cloned", second.unit, sim.grade, second.stays[0].opened_by)


def gateway_findings(gateway: Key, *, forked: bool, suspect: bool) -> Iterator[HistoryFinding]:
    """Yield the findings about the identity and the clock of one gateway."""
    if forked:
        yield HistoryFinding("gateway.identity_forked", gateway)
    if suspect:
        yield HistoryFinding("gateway.clock_suspect", gateway)


def difference(
    published: Iterable[tuple[str, Key, Key]], events: Iterable[Occurrence]
) -> tuple[list[tuple[Occurrence, tuple[str, Key, Key] | None]], list[tuple[str, Key, Key]]]:
    """Compare published events with those that hold.

    :returns: new events, each with the key of the retracted event of the same kind and subject
        that it replaces, if any; keys of retracted events that are not replaced
    """
    old = set(published)
    added = [event for event in events if event.key not in old]
    retracted = sorted(old - {event.key for event in events}, key=repr)
    replaced: dict[tuple[str, Key], list[tuple[str, Key, Key]]] = {}
    for key in retracted:
        replaced.setdefault(key[:2], []).append(key)
    pairs = []
    for event in added:
        waiting = replaced.get(event.key[:2])
        pairs.append((event, waiting.pop(0) if waiting else None))
    return pairs, [key for waiting in replaced.values() for key in waiting]
