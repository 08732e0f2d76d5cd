"""An in-memory store that folds reports as they arrive, as the database does.

It forgets readings that add nothing, derives again only the units that a report concerns, skips
readings that continue an uncontested place, and keeps a log of published and retracted events.
"""

from __future__ import annotations

from bisect import insort
from collections import defaultdict
from typing import Any

from modemagent.registry.history.dates import BootClock, add_anchor, date_boots, date_reading
from modemagent.registry.history.derive import BatchClock, ReceivedReport
from modemagent.registry.history.events import (
    HistoryFinding,
    Occurrence,
    difference,
    gateway_findings,
    modem_events,
    modem_findings,
    sim_events,
    sim_findings,
)
from modemagent.registry.history.individuals import Related, is_contested, relate
from modemagent.registry.history.pairings import fold_slots
from modemagent.registry.history.places import Interval, fold_place, is_forgettable
from modemagent.registry.history.readings import ReportTime, Seen, Sighting, position
from modemagent.registry.history.streams import StreamOrder, StreamPart, order_streams

Key = Any


class GatewayState:
    def __init__(self) -> None:
        self.clocks: dict[Key, BootClock] = {}
        self.parts: dict[tuple[Key, Key], StreamPart] = {}
        self.received: dict[tuple[Key, Key], set[int]] = defaultdict(set)  # by stream and boot
        self.rejected: dict[Key, set[int]] = defaultdict(set)
        self.order = StreamOrder({}, [], set())
        self.dates: dict[Key, Any] = {}
        self.forked = False
        self.places: set[Key] = set()

    def numbers(self, stream: Key) -> set[int]:
        return self.rejected[stream].union(
            *(
                numbers
                for (one, boot), numbers in self.received.items()
                if one == stream and boot not in self.order.aliens
            )
        )


class MemoryStore:
    def __init__(self, *, skip_unchanged: bool = True) -> None:
        self.skip_unchanged = skip_unchanged
        self.gateways: dict[Key, GatewayState] = defaultdict(GatewayState)
        self.bodies: dict[Key, set[bytes]] = defaultdict(set)
        self.valid: set[Key] = set()
        self.kept: dict[Key, list[ReceivedReport]] = defaultdict(list)  # by place
        self.related: dict[Key, Related] = {}
        self.sim_related: dict[Key, Related] = {}
        self.sim_intervals: dict[Key, list[Interval]] = {}  # by modem
        self.events: dict[Key, dict[Key, Occurrence]] = defaultdict(dict)  # by owner
        self.findings: dict[Key, list[HistoryFinding]] = {}
        self.contested: set[Key] = set()
        self.refolds = self.skipped = self.forgotten = 0

    # what arrives

    def receive(self, report: ReceivedReport, batch: BatchClock | None = None) -> None:
        state = self.gateways[report.gateway]
        before = self._dated(state)
        known = self.bodies[report.key]
        self._note_batch(state, batch)
        dirty: set[Key] = set()
        if report.digest not in known:
            fills_hole = report.sequence not in state.numbers(report.stream)
            known.add(report.digest)
            if not report.rejected:
                state.forked |= report.key in self.valid
                self.valid.add(report.key)
            self._note(state, report, batch)
            dirty |= self._dirty_by_dates(report.gateway, before)
            if fills_hole:
                for place in state.places:
                    dirty |= self._across(place, report)
            if report.reading is not None:
                dirty |= self._insert(report)
        else:
            dirty |= self._dirty_by_dates(report.gateway, before)
        suspect = any(one.suspect for one in state.dates.values())
        forked = state.forked or bool(state.order.aliens)
        self.findings[report.gateway] = [
            *gateway_findings(report.gateway, forked=forked, suspect=suspect)
        ]
        self._refold(dirty)

    # a boot has a clock before its first report: a later batch may bring reports of earlier boots
    def _note_batch(self, state: GatewayState, batch: BatchClock | None) -> None:
        if batch is not None:
            clock = state.clocks.get(batch.boot, BootClock(batch.boot, 0, 1 << 62))
            state.clocks[batch.boot] = clock._replace(
                up_ms=max(clock.up_ms, batch.uptime_ms),
                bound_ms=min(clock.bound_ms, batch.received_ms - batch.uptime_ms),
            )

    def _note(self, state: GatewayState, report: ReceivedReport, batch: BatchClock | None) -> None:
        if report.rejected:
            state.rejected[report.stream].add(report.sequence)
            return
        clock = state.clocks.get(report.boot, BootClock(report.boot, 0, 1 << 62))
        clusters = clock.clusters
        if report.synchronized:
            clusters = add_anchor(clusters, report.wall_ms, report.uptime_ms)
        state.clocks[report.boot] = BootClock(
            report.boot,
            max(clock.up_ms, report.uptime_ms),
            min(clock.bound_ms, report.received_ms - report.uptime_ms),
            clusters,
        )
        self._note_batch(state, batch)
        key = (report.stream, report.boot)
        number = report.sequence
        part = state.parts.get(key, StreamPart(*key, number, number, 0))
        state.parts[key] = StreamPart(
            *key, min(part.first, number), max(part.last, number), max(part.up_ms, report.uptime_ms)
        )
        state.received[key].add(number)

    # dates and order

    def _dated(self, state: GatewayState) -> tuple[Any, Any, Any]:
        return state.order.ranks, state.order.aliens, state.dates

    def _dirty_by_dates(self, gateway: Key, before: tuple[Any, Any, Any]) -> set[Key]:
        state = self.gateways[gateway]
        if not state.parts:
            return set()
        state.order = order_streams(list(state.parts.values()), state.clocks)
        state.dates = {}
        for boots in state.order.boots:
            clocks = [state.clocks[boot] for boot in boots]
            state.dates.update(zip(boots, date_boots(clocks), strict=True))
        ranks, aliens, dates = before
        everything = aliens != state.order.aliens or any(
            rank != state.order.ranks[stream] for stream, rank in ranks.items()
        )
        units = set()
        for place in state.places:
            self.kept[place].sort(key=self._position)
            for one in self.kept[place]:
                if everything or self._date(dates, one) != self._date(state.dates, one):
                    units |= self._around(place, one)
        return units

    def _date(self, dates: dict[Key, Any], one: ReceivedReport) -> tuple[int, int] | None:
        boot = dates.get(one.boot)
        if boot is None:
            return None
        return date_reading(boot, one.uptime_ms, one.wall_ms, one.synchronized)

    def _position(self, report: ReceivedReport) -> Key:
        rank = self.gateways[report.gateway].order.ranks[report.stream]
        return (position(rank, report.sequence), report.boot, report.digest)

    # readings that are kept

    def _insert(self, report: ReceivedReport) -> set[Key]:
        place = report.place
        state = self.gateways[report.gateway]
        state.places.add(place)
        insort(self.kept[place], report, key=self._position)
        if report.boot in state.order.aliens:
            return set()
        dirty = self._around(place, report)
        counted = self._counted(place)
        at = next((k for k, one in enumerate(counted) if one is report), None)
        if at is None:
            return dirty
        newest = at == len(counted) - 1
        if self.skip_unchanged and newest and at > 0 and place not in self.contested:
            last = counted[at - 1]
            if last.reading == report.reading and last.stream == report.stream:
                self.skipped += 1
                dirty = set()
        for k in (at + 1, at, at - 1):
            if 0 < k < len(counted) - 1:
                one, two, three = (self._sighting(x) for x in counted[k - 1 : k + 2])
                hole = self._hole(counted[k - 1], counted[k + 1])
                if is_forgettable(one, two, three, hole=hole):
                    self.kept[place].remove(counted[k])
                    self.forgotten += 1
                    counted = self._counted(place)
        return dirty

    def _around(self, place: Key, report: ReceivedReport) -> set[Key]:
        """Return the units of the readings beside a report, over GONE and UNREAD."""
        at = self._position(report)
        counted = [one for one in self._counted(place) if one.reading.seen == Seen.HERE]
        before = [one for one in counted if self._position(one) < at]
        after = [one for one in counted if self._position(one) > at]
        units = {one.reading.unit for one in (*before[-1:], *after[:1])}
        return units | ({report.reading.unit} if report.reading else set()) - {None}

    def _across(self, place: Key, report: ReceivedReport) -> set[Key]:
        """Return the units of the readings at a place between which a number was missing."""
        numbers = [one.sequence for one in self._counted(place) if one.stream == report.stream]
        if any(one < report.sequence for one in numbers) and max(numbers) > report.sequence:
            return self._around(place, report)
        return set()

    def _counted(self, place: Key) -> list[ReceivedReport]:
        state = self.gateways[place[0]]
        found: dict[Key, ReceivedReport] = {}
        for one in self.kept[place]:
            if one.boot not in state.order.aliens:
                known = found.get(one.key)
                if known is None or one.digest < known.digest:
                    found[one.key] = one
        return sorted(found.values(), key=self._position)

    def _hole(self, one: ReceivedReport, other: ReceivedReport) -> bool:
        if one.stream != other.stream:
            return True
        numbers = self.gateways[one.gateway].numbers(one.stream)
        return any(n not in numbers for n in range(one.sequence, other.sequence))

    def _sighting(self, one: ReceivedReport, broken: bool = True) -> Sighting:
        state = self.gateways[one.gateway]
        lo, hi = date_reading(state.dates[one.boot], one.uptime_ms, one.wall_ms, one.synchronized)
        at = ReportTime(one.key, one.gateway, self._position(one)[0], lo, hi)
        return Sighting(at, one.place, one.boot, one.reading, broken)

    # units that are derived again

    def _load(self, unit: Key) -> list[list[Sighting]]:
        """Return what :func:`fold_place` requires for one unit, by place."""
        found = []
        for place in list(self.kept):
            counted = self._counted(place)
            if not any(one.reading.unit == unit for one in counted):
                continue
            chosen: dict[int, Sighting] = {}
            before: ReceivedReport | None = None
            other: tuple[int, Sighting] | None = None
            unread = False
            for k, one in enumerate(counted):
                seen = one.reading.seen
                if seen == Seen.UNREAD:
                    unread = True
                    continue
                broken = before is None or unread or self._hole(before, one)
                sighting = self._sighting(one, broken)
                if seen == Seen.HERE and one.reading.unit == unit:
                    if other is not None:
                        chosen.setdefault(*other)
                    chosen[k] = sighting
                elif before is not None and before.reading.unit == unit:
                    chosen[k] = sighting
                if seen == Seen.HERE and one.reading.unit != unit:
                    other = (k, sighting)
                before, unread = one, False
            found.append([chosen[k] for k in sorted(chosen)])
        return found

    def _refold(self, units: set[Key]) -> None:
        sims: set[Key] = set()
        for unit in sorted(units):
            sims |= self._fold_modem(unit)
        holders = self._holders(sims) - units
        for unit in sorted(holders):  # spans with these SIMs may have grown since
            self._fold_modem(unit)
        for sim in sorted(sims):
            intervals = self._sim_everywhere(sim)
            if not intervals:
                self.sim_related.pop(sim, None)
                self.findings.pop(("sim", sim), None)
                self._publish(("sim", sim), [])
                continue
            related = self.sim_related[sim] = relate(intervals, marks_are_numbers=True)
            self.findings["sim", sim] = [*sim_findings(related)]
            self._publish(("sim", sim), [*sim_events(related, intervals)])
        self._contest(units | holders)

    def _fold_modem(self, unit: Key) -> set[Key]:
        """Derive one modem and return the SIMs that it has, and had by the last derivation."""
        self.refolds += 1
        intervals = [
            one
            for sightings in self._load(unit)
            for one in fold_place(sightings)
            if one.unit == unit
        ]
        sims = {one.unit for one in self.sim_intervals.pop(unit, ())}
        self.related.pop(unit, None)
        self.findings.pop(unit, None)
        events: list[Occurrence] = []
        if intervals:
            modem = self.related[unit] = relate(intervals)
            events += modem_events(modem, intervals)
            self.sim_intervals[unit] = []
            for individual in modem.individuals:
                slots = fold_slots(individual)
                events += slots.events
                self.sim_intervals[unit] += slots.intervals
            self.findings[unit] = [*modem_findings(modem)]
            sims |= {one.unit for one in self.sim_intervals[unit]}
        self._publish(("modem", unit), events)
        return sims

    def _publish(self, owner: Key, events: list[Occurrence]) -> None:
        log = self.events[owner]
        added, retracted = difference(log, events)
        for event, replaced in added:
            if replaced is not None:
                del log[replaced]
            log[event.key] = event
        for key in retracted:
            del log[key]
        current = {event.key: event for event in events}
        log.update(current)

    def _contest(self, units: set[Key]) -> None:
        for unit in units & self.related.keys():
            intervals = [
                *{
                    stay.place: stay.interval
                    for one in self.related[unit].individuals
                    for stay in one.stays
                    if stay.interval.sightings[-1].at.report == self._newest(stay.place).key
                }.values()
            ]
            everywhere = [
                stay.interval for one in self.related[unit].individuals for stay in one.stays
            ]
            for interval in intervals:
                span = interval.spans[-1]
                self.contested.discard(interval.place)
                if is_contested(interval, span.last, everywhere) or any(
                    one.place[0] == unit and is_contested(one, span.last, of_sim)
                    for sim in span.companions
                    for of_sim in [self._sim_everywhere(sim)]
                    for one in of_sim
                ):
                    self.contested.add(interval.place)

    def _holders(self, sims: set[Key]) -> set[Key]:
        return {
            unit
            for unit, some in self.sim_intervals.items()
            if any(one.unit in sims for one in some)
        }

    def _newest(self, place: Key) -> ReceivedReport:
        return next(
            one for one in reversed(self._counted(place)) if one.reading.seen != Seen.UNREAD
        )

    def _sim_everywhere(self, sim: Key) -> list[Interval]:
        return [one for some in self.sim_intervals.values() for one in some if one.unit == sim]
