"""The whole history of a set of reports in one call: for tests and for taking over old data."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

import msgspec

from modemagent.registry.history.dates import (
    BootClock,
    BootDates,
    add_anchor,
    date_boots,
    date_reading,
)
from modemagent.registry.history.events import (
    HistoryFinding,
    Occurrence,
    gateway_findings,
    modem_events,
    modem_findings,
    sim_events,
    sim_findings,
)
from modemagent.registry.history.individuals import Related, relate
from modemagent.registry.history.pairings import fold_slots
from modemagent.registry.history.places import Interval, fold_place
from modemagent.registry.history.readings import (
    Key,
    PlaceReading,
    ReportTime,
    Seen,
    Sighting,
    position,
)
from modemagent.registry.history.streams import StreamOrder, StreamPart, order_streams


class ReceivedReport(msgspec.Struct, frozen=True, gc=False):
    """One received report, as far as the history depends on it.

    :param place: key of the place, unique in the fleet
    :param reading: None if the report states nothing about a place
    :param digest: of the body: of two bodies under one key the smaller counts
    :param rejected: the number was received, the content is invalid
    """

    gateway: Any
    stream: Any
    sequence: int
    boot: Any
    uptime_ms: int
    wall_ms: int
    synchronized: bool
    received_ms: int
    digest: bytes
    place: Any = None
    reading: PlaceReading | None = None
    rejected: bool = False

    @property
    def key(self) -> tuple[Key, Key, int]:
        return (self.gateway, self.stream, self.sequence)


class BatchClock(msgspec.Struct, frozen=True, gc=False):
    """Boot and uptime of the sender of a batch, and when the batch was received."""

    gateway: Any
    boot: Any
    uptime_ms: int
    received_ms: int


class History(msgspec.Struct):
    """Everything that follows from a set of reports.

    :param modems: individuals and stays by modem
    :param sims: the same by SIM; places are ``(modem, number of the individual, slot)``
    """

    modems: dict[Key, Related]
    sims: dict[Key, Related]
    events: list[Occurrence]
    findings: list[HistoryFinding]


def derive(reports: Iterable[ReceivedReport], batches: Iterable[BatchClock] = ()) -> History:
    """Derive the history of a set of reports; their order and repetitions have no effect."""
    by_gateway: dict[Key, list[ReceivedReport]] = defaultdict(list)
    headers: dict[Key, list[BatchClock]] = defaultdict(list)
    for report in reports:
        by_gateway[report.gateway].append(report)
    for batch in batches:
        headers[batch.gateway].append(batch)
    findings: list[HistoryFinding] = []
    intervals: list[Interval] = []
    for gateway, received in by_gateway.items():
        sightings, verdicts = _fold_gateway(gateway, received, headers[gateway])
        findings += verdicts
        for place in sightings.values():
            intervals += fold_place(place)
    history = derive_units(intervals)
    history.findings += findings
    return history


def derive_units(intervals: Iterable[Interval]) -> History:
    """Derive individuals, pairings, events and findings from all intervals of some modems."""
    history = History({}, {}, [], [])
    by_sim: dict[Key, list[Interval]] = defaultdict(list)
    for unit, mine in _by_unit(intervals).items():
        modem = history.modems[unit] = relate(mine)
        history.events += modem_events(modem, mine)
        history.findings += modem_findings(modem)
        for individual in modem.individuals:
            slots = fold_slots(individual)
            history.events += slots.events
            for interval in slots.intervals:
                by_sim[interval.unit].append(interval)
    for unit, mine in by_sim.items():
        sim = history.sims[unit] = relate(mine, marks_are_numbers=True)
        history.events += sim_events(sim, mine)
        history.findings += sim_findings(sim)
    return history


def _by_unit(intervals: Iterable[Interval]) -> dict[Key, list[Interval]]:
    found: dict[Key, list[Interval]] = defaultdict(list)
    for interval in intervals:
        found[interval.unit].append(interval)
    return found


def _fold_gateway(
    gateway: Key, reports: Sequence[ReceivedReport], batches: Sequence[BatchClock]
) -> tuple[dict[Key, list[Sighting]], list[HistoryFinding]]:
    """Return the sightings of each place of one gateway, by position, and its findings."""
    bodies: dict[tuple[Key, bytes], ReceivedReport] = {}
    for report in sorted(reports, key=lambda one: one.received_ms, reverse=True):
        bodies[report.key, report.digest] = report
    valid = [one for one in bodies.values() if not one.rejected]
    clocks = _boot_clocks(valid, batches)
    order = order_streams(_stream_parts(valid), clocks)
    dates: dict[Key, BootDates] = {}
    for boots in order.boots:
        dates.update(zip(boots, date_boots([clocks[boot] for boot in boots]), strict=True))
    counted: dict[tuple[Key, Key, int], ReceivedReport] = {}
    for one in sorted(valid, key=lambda one: one.digest, reverse=True):
        if one.boot not in order.aliens:
            counted[one.key] = one
    forked = len(valid) > len({one.key for one in valid}) or bool(order.aliens)
    suspect = any(one.suspect for one in dates.values())
    verdicts = [*gateway_findings(gateway, forked=forked, suspect=suspect)]
    received = {key[1:] for key in counted} | {
        (one.stream, one.sequence) for one in bodies.values() if one.rejected
    }
    return _sightings(counted, order, dates, received), verdicts


def _boot_clocks(
    reports: Iterable[ReceivedReport], batches: Iterable[BatchClock]
) -> dict[Key, BootClock]:
    clocks: dict[Key, BootClock] = {}
    for one in reports:
        clock = clocks.get(one.boot, BootClock(one.boot, 0, 1 << 62))
        clusters = clock.clusters
        if one.synchronized:
            clusters = add_anchor(clusters, one.wall_ms, one.uptime_ms)
        clocks[one.boot] = BootClock(
            one.boot,
            max(clock.up_ms, one.uptime_ms),
            min(clock.bound_ms, one.received_ms - one.uptime_ms),
            clusters,
        )
    for batch in batches:
        if batch.boot in clocks:
            clock = clocks[batch.boot]
            up = max(clock.up_ms, batch.uptime_ms)
            bound = min(clock.bound_ms, batch.received_ms - batch.uptime_ms)
            clocks[batch.boot] = clock._replace(up_ms=up, bound_ms=bound)
    return clocks


def _stream_parts(reports: Iterable[ReceivedReport]) -> list[StreamPart]:
    parts: dict[tuple[Key, Key], list[ReceivedReport]] = defaultdict(list)
    for one in reports:
        parts[one.stream, one.boot].append(one)
    return [
        StreamPart(
            stream,
            boot,
            min(one.sequence for one in part),
            max(one.sequence for one in part),
            max(one.uptime_ms for one in part),
        )
        for (stream, boot), part in parts.items()
    ]


def _sightings(
    counted: Mapping[tuple[Key, Key, int], ReceivedReport],
    order: StreamOrder,
    dates: Mapping[Key, BootDates],
    received: set[tuple[Key, int]],
) -> dict[Key, list[Sighting]]:
    gaps = _Gaps(received)
    places: dict[Key, list[tuple[ReceivedReport, PlaceReading]]] = defaultdict(list)
    for one in sorted(counted.values(), key=lambda one: (order.ranks[one.stream], one.sequence)):
        if one.reading is not None:
            places[one.place].append((one, one.reading))
    found: dict[Key, list[Sighting]] = {}
    for place, reports in places.items():
        found[place] = sightings = []
        unread = False
        before: ReceivedReport | None = None
        for one, reading in reports:
            lo, hi = date_reading(dates[one.boot], one.uptime_ms, one.wall_ms, one.synchronized)
            at = position(order.ranks[one.stream], one.sequence)
            broken = before is None or unread or gaps.between(before, one)
            moment = ReportTime(one.key, one.gateway, at, lo, hi)
            sightings.append(Sighting(moment, place, one.boot, reading, broken))
            unread = reading.seen == Seen.UNREAD
            if not unread:
                before = one
    return found


class _Gaps:
    """Numbers of streams that were not received."""

    def __init__(self, received: Iterable[tuple[Key, int]]) -> None:
        self._ends: dict[tuple[Key, int], int] = {}  # number, last number received without a gap
        last: tuple[Key, int] | None = None
        run: list[tuple[Key, int]] = []
        for stream, number in chain(sorted(received), [(None, 0)]):
            if last is not None and (stream, number) != (last[0], last[1] + 1):
                self._ends.update(dict.fromkeys(run, last[1]))
                run = []
            run.append((stream, number))
            last = (stream, number)

    def between(self, one: ReceivedReport, other: ReceivedReport) -> bool:
        """Return True if a number between two reports was not received."""
        if one.stream != other.stream:
            return True
        return self._ends[one.stream, one.sequence] < other.sequence
