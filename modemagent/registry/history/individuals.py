"""Individuals: which intervals of one number belong to one physical unit, and its stays.

A number that is at two places at once belongs to two units: a cloned IMEI, a batch that left the
factory with one IMEI, a copied SIM. The same function relates modems at places and SIMs in slots.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import groupby, pairwise

import msgspec

from modemagent.registry.history.dates import TOLERANCE_MS
from modemagent.registry.history.places import Interval, Mark, Span, marks_agree
from modemagent.registry.history.readings import (
    ERA_BITS,
    SEQUENCE_BITS,
    Key,
    ReportTime,
    is_before,
    moment_order,
)

#: Two returns within this time, over reboots or missing numbers, are a duplicate, grade possible.
ALTERNATION_MS = 7 * 24 * 3_600_000
#: Grades of a duplicate, the strongest first.
GRADES = ("certain", "probable", "possible")


class Stay(msgspec.Struct, frozen=True, gc=False):
    """An individual at a place.

    :param individual: number of the individual, in order of first reading
    :param closed_by: the reading that closed it; None while it is open
    :param cause: ``removed``, ``replaced`` or ``moved``
    :param moved_from: index of the stay before it in known order, if that is at another place
    """

    unit: Key
    individual: int
    place: Key
    spans: tuple[Span, ...]
    interval: Interval
    closed_by: ReportTime | None = None
    cause: str | None = None
    moved_from: int | None = None

    @property
    def opened_by(self) -> ReportTime:
        return self.spans[0].first

    @property
    def last(self) -> ReportTime:
        return self.spans[-1].last


class Individual(msgspec.Struct, frozen=True, gc=False):
    """One physical unit; ``stays`` are in order of date."""

    unit: Key
    number: int
    stays: tuple[Stay, ...]


class Related(msgspec.Struct, frozen=True, gc=False):
    """The individuals that have one number.

    :param grade: ``certain``, ``probable`` or ``possible`` if there are two or more, else None
    :param other_hardware: two individuals have another maker or model
    """

    individuals: tuple[Individual, ...]
    grade: str | None = None
    other_hardware: bool = False


def relate(intervals: Sequence[Interval], *, marks_are_numbers: bool = False) -> Related:
    """Assign the intervals of one unit to individuals and derive their stays.

    :param marks_are_numbers: individuals with other marks have other numbers, so they are not
        duplicates: SIMs whose ICCIDs differ in the 20th digit only
    """
    if len(intervals) == 1:
        (only,) = intervals
        stay = Stay(only.unit, 0, only.place, only.spans, only, only.ended_by, only.cause)
        return Related((Individual(only.unit, 0, (stay,)),))
    groups: list[_Group] = []
    for interval in sorted(intervals, key=lambda one: (moment_order(one.first), one.place)):
        chosen = max(
            (group for group in groups if group.accepts(interval)),
            key=lambda group: group.preference(interval),
            default=None,
        )
        if chosen is None:
            chosen = _Group()
            groups.append(chosen)
        chosen.add(interval)
    individuals = tuple(
        Individual(intervals[0].unit, number, _stays(number, group.intervals))
        for number, group in enumerate(groups)
    )
    return Related(individuals, *_judge(groups, marks_are_numbers))


class _Group:
    """Intervals assigned to one individual."""

    def __init__(self) -> None:
        self.intervals: list[Interval] = []
        self.marks: set[Mark] = set()

    def add(self, interval: Interval) -> None:
        self.intervals.append(interval)
        self.marks |= interval.marks

    def accepts(self, interval: Interval) -> bool:
        return marks_agree(self.marks, interval.marks) and not any(
            contradiction(one, interval) for one in self.intervals
        )

    def preference(self, interval: Interval) -> tuple[bool, bool, bool, object]:
        """Rank this individual among those that an interval may belong to."""
        first = interval.first
        seen = [
            span.last
            for one in self.intervals
            for span in one.spans
            if not is_before(first, span.first)
        ]
        last = max(self.intervals, key=lambda one: moment_order(one.first))
        return (
            any(one.place == interval.place for one in self.intervals),
            last.ended_by is not None and not is_before(first, last.ended_by),
            not any(is_before(first, one.last) for one in self.intervals),
            max(map(moment_order, seen or [last.last])),
        )


def contradiction(one: Interval, other: Interval) -> str | None:
    """Return the grade with which two intervals exclude that they are of one individual.

    :returns: ``certain`` if both places show two or more readings in spans that overlap,
        ``probable`` if one place shows one, ``possible`` if the unit seems to return twice or both
        spans show the same companion; None if the intervals do not contradict
    """
    if one.place == other.place:
        return None
    grade: str | None = None
    for span in one.spans:
        for theirs in other.spans:
            if not _overlap(span.first, span.last, theirs.first, theirs.last):
                continue
            if not span.companions.isdisjoint(theirs.companions):
                grade = grade or "possible"
            elif span.several and theirs.several:
                return "certain"
            else:
                grade = "probable"
    if grade is None and len(one.spans) > 1 and len(other.spans) > 1 and _alternate(one, other):
        grade = "possible"
    return grade


def is_contested(interval: Interval, last: ReportTime, intervals: Iterable[Interval]) -> bool:
    """Return True if a longer last span of an interval can change how its unit is related.

    It can unless the unit was seen elsewhere only before: then the reading that makes the span
    longer is not evidence against anything.

    :param last: end of the span
    """
    return any(
        other.place != interval.place and span.last.hi_ms + TOLERANCE_MS >= last.lo_ms
        for other in intervals
        for span in other.spans
    )


def _overlap(
    first: ReportTime, last: ReportTime, other_first: ReportTime, other_last: ReportTime
) -> bool:
    """Return True if two stretches of time overlap by more than the tolerance in any case."""
    return (
        last.lo_ms > other_first.hi_ms + TOLERANCE_MS
        and other_last.lo_ms > first.hi_ms + TOLERANCE_MS
    )


def _alternate(one: Interval, other: Interval) -> bool:
    """Return True if the spans of two intervals take turns A B A B within a week."""
    ordered = _by_date([*((span, 0) for span in one.spans), *((span, 1) for span in other.spans)])
    turns = [[span for span, _ in turn] for _, turn in groupby(ordered, key=lambda pair: pair[1])]
    return any(
        all(is_before(a[-1].first, b[0].first) for a, b in pairwise(four))
        and four[3][0].first.hi_ms - four[0][-1].last.lo_ms <= ALTERNATION_MS
        for four in (turns[k : k + 4] for k in range(len(turns) - 3))
    )


def _by_date(spans: Iterable[tuple[Span, int]]) -> list[tuple[Span, int]]:
    """Sort spans by date, those of one gateway by position."""
    by_gateway: dict[object, list[tuple[Span, int]]] = defaultdict(list)
    for one in spans:
        at = one[0].first
        by_gateway[at.gateway, at.position >> SEQUENCE_BITS + ERA_BITS].append(one)
    keyed = []
    for each in by_gateway.values():
        lo = hi = 0
        each.sort(key=lambda one: one[0].first.position)
        for one in each:
            at = one[0].first
            lo, hi = max(lo, at.lo_ms), max(hi, at.hi_ms)
            keyed.append(((lo, hi, at.gateway, at.position, one[1]), one))
    keyed.sort(key=lambda one: one[0])
    return [one for _, one in keyed]


def _stays(number: int, intervals: Sequence[Interval]) -> tuple[Stay, ...]:
    """Return the stays of one individual from its spans in order of date."""
    if len(intervals) == 1 and len(intervals[0].spans) == 1:
        (only,) = intervals
        return (Stay(only.unit, number, only.place, only.spans, only, only.ended_by, only.cause),)
    visits: list[tuple[int, list[Span]]] = []  # number of the interval, spans
    newest: dict[int, int] = {}  # number of the interval, its last visit
    for span, index in _by_date(
        (span, index) for index, one in enumerate(intervals) for span in one.spans
    ):
        at = newest.get(index)
        if at is not None and not any(
            is_before(visits[at][1][-1].first, spans[0].first)
            and is_before(spans[-1].first, span.first)
            for _, spans in visits[at + 1 :]
        ):
            visits[at][1].append(span)
        else:
            newest[index] = len(visits)
            visits.append((index, [span]))
    stays = []
    for k, (index, spans) in enumerate(visits):
        interval = intervals[index]
        closed_by, cause = None, None
        if newest[index] == k:
            closed_by, cause = interval.ended_by, interval.cause
        later = _next(visits, k)
        if later is not None and intervals[visits[later][0]].place != interval.place:
            arrival = visits[later][1][0].first
            if closed_by is None or is_before(arrival, closed_by):
                closed_by, cause = arrival, "moved"
        earlier = _previous(visits, k)
        if earlier is not None and intervals[visits[earlier][0]].place == interval.place:
            earlier = None
        stays.append(
            Stay(
                interval.unit,
                number,
                interval.place,
                tuple(spans),
                interval,
                closed_by,
                cause,
                earlier,
            )
        )
    return tuple(stays)


def _next(visits: Sequence[tuple[int, list[Span]]], k: int) -> int | None:
    last = visits[k][1][-1].first
    return next(
        (j for j in range(k + 1, len(visits)) if is_before(last, visits[j][1][0].first)), None
    )


def _previous(visits: Sequence[tuple[int, list[Span]]], k: int) -> int | None:
    first = visits[k][1][0].first
    return next((j for j in range(k - 1, -1, -1) if is_before(visits[j][1][-1].first, first)), None)


def _judge(groups: Sequence[_Group], marks_are_numbers: bool) -> tuple[str | None, bool]:
    """Return the grade of a duplicate, and whether maker or model differ as well."""
    grades: set[str | None] = set()
    other_hardware = False
    for k, group in enumerate(groups):
        for earlier in groups[:k]:
            if not marks_agree(group.marks, earlier.marks):
                if marks_are_numbers:
                    continue
                other_hardware = True
                grades.add("probable")
            for one in group.intervals:
                for theirs in earlier.intervals:
                    if "certain" not in grades:
                        grades.add(contradiction(one, theirs))
    return next((grade for grade in GRADES if grade in grades), None), other_hardware
