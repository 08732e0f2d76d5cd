"""Events and findings that follow from the individuals of one number and their stays.

An event is identified by its kind, its subject and the report that first shows it, so the events
of a unit are a set: a late report adds some and retracts others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import msgspec

from modemagent.registry.history.individuals import Related
from modemagent.registry.history.places import Interval
from modemagent.registry.history.readings import Key, Moment, moment_order


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


class Occurrence(msgspec.Struct, frozen=True):
    """An event.

    :param kind: such as ``modem.moved``
    :param subject: the modem or SIM; of a change in a slot ``(modem, slot)``; of ``modem.swapped``
        the place
    :param at: report that first shows the new state
    """

    kind: str
    subject: Any
    at: Moment
    previous: Pair | None
    new: Pair | None

    @property
    def key(self) -> tuple[str, Key, Key]:
        return (self.kind, self.subject, self.at.report)


class Verdict(msgspec.Struct, frozen=True):
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
    at: Moment | None = None


def modem_events(modem: Related, intervals: Sequence[Interval]) -> Iterator[Occurrence]:
    """Yield the events of one modem, except those of its slots.

    :param intervals: those from which its individuals were derived
    """
    unit = intervals[0].unit
    first = min(intervals, key=lambda one: moment_order(one.first))
    yield Occurrence("modem.first_seen", unit, first.first, None, Pair(unit, first.place))
    for interval in intervals:
        here = Pair(unit, interval.place)
        if interval.cause == "removed" and interval.ended_by is not None:
            yield Occurrence("modem.removed", unit, interval.ended_by, here, None)
        if interval.previous is not None:
            before = Pair(interval.previous.reading.unit, interval.place)
            begin = interval.sightings[0].at
            yield Occurrence("modem.swapped", interval.place, begin, before, here)
    for individual in modem.individuals:
        for stay in individual.stays:
            if stay.came_from is not None:
                before, after = Pair(unit, stay.came_from), Pair(unit, stay.place)
                yield Occurrence("modem.moved", unit, stay.opened_by, before, after)


def sim_events(sim: Related, intervals: Sequence[Interval]) -> Iterator[Occurrence]:
    """Yield the events of one SIM; places are ``(modem, number of the individual, slot)``."""
    unit = intervals[0].unit
    first = min(intervals, key=lambda one: (moment_order(one.first), one.place))
    yield Occurrence("sim.first_seen", unit, first.first, None, _in_slot(unit, first.place))
    reports = set()  # one report may show a SIM in two slots
    for individual in sim.individuals:
        for stay in individual.stays:
            came_from: Any = stay.came_from
            place: Any = stay.place
            is_move = came_from is not None and came_from[:2] != place[:2]
            if is_move and stay.opened_by.report not in reports:
                reports.add(stay.opened_by.report)
                before, after = _in_slot(unit, came_from), _in_slot(unit, place)
                yield Occurrence("sim.moved", unit, stay.opened_by, before, after)


def modem_findings(modem: Related) -> Iterator[Verdict]:
    """Yield ``imei.duplicate``, and ``imei.cloned`` if maker or model differ."""
    if modem.grade is not None:
        second = modem.individuals[1]
        at = second.stays[0].opened_by
        yield Verdict("imei.duplicate", second.unit, modem.grade, at)
        if modem.other_hardware:
            yield Verdict("imei.cloned", second.unit, modem.grade, at)


def sim_findings(sim: Related) -> Iterator[Verdict]:
    """Yield ``sim.cloned``."""
    if sim.grade is not None:
        second = sim.individuals[1]
        yield Verdict("sim.cloned", second.unit, sim.grade, second.stays[0].opened_by)


def gateway_findings(gateway: Key, *, forked: bool, suspect: bool) -> Iterator[Verdict]:
    """Yield the findings about the identity and the clock of one gateway."""
    if forked:
        yield Verdict("gateway.identity_forked", gateway)
    if suspect:
        yield Verdict("gateway.clock_suspect", gateway)


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


def _in_slot(unit: Key, place: Any) -> Pair:
    return Pair(modem=place[0], slot=place[2], sim=unit)
