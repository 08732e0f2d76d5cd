"""Places: which readings are kept, and the intervals during which a place held one modem.

The intervals of a place follow from its own readings alone. A reboot, a new stream, another port
name or an IMEI that was not read do not end an interval; they end a span of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from modemagent.registry.history.readings import (
    Key,
    PlaceReading,
    ReportTime,
    Seen,
    Sighting,
    SlotReading,
    moment_order,
    same_era,
)

#: Reader, maker and model of a modem; None for what was not read.
Mark = tuple[str | None, str | None, str | None]


class Span(msgspec.Struct, frozen=True, gc=False):
    """Part of an interval during which the unit cannot have left.

    It lies in one boot, no number in it is missing, and the unit was read each time.

    :param companions: the SIMs of a modem, the modem of a SIM
    """

    first: ReportTime
    last: ReportTime
    companions: frozenset[Key] = frozenset()

    @property
    def several(self) -> bool:
        """True if the span has two or more readings."""
        return self.first.position != self.last.position


class Interval(msgspec.Struct, frozen=True, gc=False):
    """A unit at a place, by the readings of that place alone.

    :param place: the place of a modem; of a SIM ``(modem, number of the individual, slot)``
    :param marks: what distinguishes units with one number: the makers and models of a modem, the
        20th digit of an ICCID
    :param ended_by: first reading of the place that contradicts the interval
    :param cause: ``removed`` or ``replaced``; None if nothing ended it
    :param sightings: the kept readings of the modem; of a SIM those in which it was read
    :param previous: the modem at the place before, if it is another one
    """

    unit: Key
    place: Key
    marks: frozenset[Mark]
    spans: tuple[Span, ...]
    ended_by: ReportTime | None = None
    cause: str | None = None
    sightings: tuple[Sighting, ...] = ()
    previous: Sighting | None = None

    @property
    def first(self) -> ReportTime:
        """Earliest reading; spans are in the order of their gateway, not of their dates."""
        if len(self.spans) == 1:
            return self.spans[0].first
        return min([span.first for span in self.spans], key=moment_order)

    @property
    def last(self) -> ReportTime:
        """Latest reading."""
        if len(self.spans) == 1:
            return self.spans[0].last
        return max([span.last for span in self.spans], key=moment_order)

    def sighting(self, at: ReportTime) -> Sighting:
        """Return the kept reading at a moment."""
        ends = (self.sightings[-1], self.sightings[0])
        return next(one for one in (*ends, *self.sightings) if one.at.report == at.report)


def is_forgettable(before: Sighting, one: Sighting, after: Sighting, *, hole: bool) -> bool:
    """Return True if a reading equals both neighbours of its place and adds nothing.

    :param hole: a number between the neighbours was not received, or they are of two streams
    """
    return (
        not hole
        and before.boot == one.boot == after.boot
        and before.reading == one.reading == after.reading
    )


def fold_place(sightings: Sequence[Sighting]) -> list[Interval]:
    """Return the intervals of modems at one place, from its sightings by position.

    For the intervals of one modem alone, the sightings of that modem are enough, with the next
    sighting after each that is not UNREAD and the last HERE sighting of another modem before each.
    """
    intervals: list[Interval] = []
    run: list[Sighting] = []  # readings of one modem without another one or GONE between
    previous: Sighting | None = None
    for one in sightings:
        seen = one.reading.seen
        if seen == Seen.UNREAD:
            continue
        if run and (seen == Seen.GONE or not _continues(run, one)):
            end = one if same_era(run[-1].at.position, one.at.position) else None
            intervals.append(_interval(run, previous, end))
            previous = run[-1]
            run = []
        if seen == Seen.HERE:
            run.append(one)
    if run:
        intervals.append(_interval(run, previous, None))
    return intervals


def _continues(run: Sequence[Sighting], one: Sighting) -> bool:
    """Return True if a HERE reading shows the modem of the run.

    With one IMEI and no SIM in common, another maker or model is another modem.
    """
    last, reading = run[-1].reading, one.reading
    if last.unit != reading.unit:
        return False
    mark = (reading.reader, reading.maker, reading.model)
    if not reading.slots or (last.slots and mark == (last.reader, last.maker, last.model)):
        return True
    for known in (other.reading for other in reversed(run)):
        comparable = known.reader == reading.reader or None in (known.reader, reading.reader)
        if comparable and known.slots and (known.maker or known.model):
            alike = marks_agree((mark,), ((known.reader, known.maker, known.model),))
            return alike or not sims_of(known).isdisjoint(sims_of(reading))
    return True


def _interval(run: list[Sighting], previous: Sighting | None, end: Sighting | None) -> Interval:
    reading, begin = run[0].reading, run[0].at.position
    if previous is not None and (
        previous.reading.unit == reading.unit or not same_era(previous.at.position, begin)
    ):
        previous = None
    return Interval(
        unit=reading.unit,
        place=run[0].place,
        marks=frozenset(
            [
                (one.reading.reader, one.reading.maker, one.reading.model)
                for one in run
                if one.reading.maker or one.reading.model
            ]
        ),
        spans=_spans(run),
        ended_by=None if end is None else end.at,
        cause=None if end is None else "removed" if end.reading.seen == Seen.GONE else "replaced",
        sightings=tuple(run),
        previous=previous,
    )


def _spans(run: Sequence[Sighting]) -> tuple[Span, ...]:
    spans: list[Span] = []
    first = last = run[0]
    companions = sims_of(first.reading)
    for one in run[1:]:
        if one.broken or one.boot != last.boot:
            spans.append(Span(first.at, last.at, companions))
            first, companions = one, sims_of(one.reading)
        elif one.reading.slots != last.reading.slots:
            companions |= sims_of(one.reading)
        last = one
    spans.append(Span(first.at, last.at, companions))
    return tuple(spans)


def sims_of(reading: PlaceReading) -> frozenset[Key]:
    """Return the SIMs that were read."""
    return frozenset([slot.sim for slot in reading.slots if slot.sim is not None])


def same_sim(one: SlotReading, other: SlotReading) -> bool:
    """Return True if two readings of a slot show one SIM."""
    return one.sim == other.sim and (one.extra == other.extra or not one.extra or not other.extra)


def marks_agree(ones: Iterable[Mark], others: Iterable[Mark]) -> bool:
    """Return True unless makers or models read by one program differ.

    Programs name makers and models differently, so only marks of equal readers are compared. An
    unknown reader is compared with all; a maker or model that was not read equals any.

    >>> marks_agree([("at", "Quectel", "EG25-G")], [("modemmanager", "QUALCOMM", "0")])
    True
    >>> marks_agree([(None, "Quectel", "EG25-G")], [("at", "SIMCom", "SIM7600G-H")])
    False
    """
    mine, theirs = set(ones), set(others)
    if not mine or not theirs or not mine.isdisjoint(theirs):
        return True
    for reader in {mark[0] for mark in mine | theirs}:
        one = [mark for mark in mine if reader is None or mark[0] == reader]
        other = [mark for mark in theirs if reader is None or mark[0] == reader]
        if one and other and not any(_alike(mark, known) for mark in one for known in other):
            return False
    return True


def _alike(one: Mark, other: Mark) -> bool:
    return all(a is None or b is None or a == b for a, b in zip(one[1:], other[1:], strict=True))
