"""Pairings: the intervals of SIMs in the slots of one modem individual, and the events of slots.

Slots are folded along the stays of the individual: a pairing survives the removal, the storage and
the travel of the modem. It ends with another SIM, with an empty slot, or with the SIM elsewhere.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import NamedTuple

from modemagent.registry.history.events import Occurrence, Pair
from modemagent.registry.history.individuals import Individual
from modemagent.registry.history.places import Interval, Span, same_sim
from modemagent.registry.history.readings import Key, ReportTime, Sighting, SlotReading, is_before


class SlotHistory(NamedTuple):
    """Intervals of SIMs, with ``(modem, number of the individual, slot)`` as place, and events."""

    intervals: list[Interval]
    events: list[Occurrence]


def fold_slots(individual: Individual) -> SlotHistory:
    """Return the intervals of SIMs in all slots of one modem individual, and what changed there."""
    history = SlotHistory([], [])
    slots: dict[int, _Slot] = {}
    for sighting, is_continued in _sightings(individual):
        read = sighting.reading.slots
        if len(read) < len(slots) or not is_continued:
            numbers = {one.slot for one in read}
            for slot in slots.values():
                slot.is_continued &= is_continued and slot.number in numbers
        for one in read:
            if one.slot not in slots:
                slots[one.slot] = _Slot(individual, one.slot, history)
            slots[one.slot].advance(one, sighting)
    for slot in slots.values():
        slot.close(None, None)
    return history


def _sightings(individual: Individual) -> Iterator[tuple[Sighting, bool]]:
    """Yield the sightings along the stays; False with the first of each span."""
    for stay in individual.stays:
        sightings = stay.interval.sightings
        for span in stay.spans:
            at = bisect_left(sightings, span.first.position, key=_position)
            end = bisect_right(sightings, span.last.position, key=_position)
            for one in range(at, end):
                yield sightings[one], one > at


def _position(one: Sighting) -> int:
    return one.at.position


class _Slot:
    """One slot of one modem individual, after its last reading.

    :ivar known: the last SIM, with the IMSI and EID last read, also after it was removed
    :ivar is_continued: the slot was read each time since its last reading, in one span
    """

    def __init__(self, individual: Individual, number: int, history: SlotHistory) -> None:
        self.number = number
        self.is_continued = False
        self._unit = individual.unit
        self._place: Key = (individual.unit, individual.number, number)
        self._history = history
        self._companions: frozenset[Key] = frozenset((individual.unit,))
        self._known: SlotReading | None = None
        self._last: Sighting | None = None
        self._sim: Key | None = None
        self._extra = ""
        self._spans: list[Span] = []
        self._sightings: list[Sighting] = []

    def advance(self, one: SlotReading, sighting: Sighting) -> None:
        """Apply the next reading of the slot."""
        at, known = sighting.at, self._known
        in_order = self._last is None or is_before(self._last.at, at)
        end = at if in_order else None
        if one.sim is None:
            if self._spans:
                self.close(end, "removed")
                if end is not None and known is not None:
                    self._add("sim.removed", sighting, known, None)
        elif known is not None and same_sim(known, one):
            if one.imsi is not None and known.imsi not in (None, one.imsi) and in_order:
                self._add("sim.imsi_switched", sighting, known, one)
            self._extend(sighting)
            self._known = SlotReading(
                self.number, one.sim, one.imsi or known.imsi, one.eid or known.eid,
                one.extra or known.extra,
            )  # fmt: skip
            self._extra = self._known.extra
        else:
            if self._spans:
                self.close(end, "replaced")
            if known is not None and in_order:
                switched = known.eid is not None and known.eid == one.eid
                kind = "sim.profile_switched" if switched else "sim.swapped"
                self._add(kind, sighting, known, one)
            self._known, self._sim, self._extra = one, one.sim, one.extra
            self._extend(sighting)
        self._last = sighting
        self.is_continued = True

    def close(self, ended_by: ReportTime | None, cause: str | None) -> None:
        """End the interval of the SIM in the slot, if any."""
        if self._spans:
            self._history.intervals.append(
                Interval(
                    unit=self._sim,
                    place=self._place,
                    marks=frozenset(((None, self._extra, None),) if self._extra else ()),
                    spans=tuple(self._spans),
                    ended_by=ended_by,
                    cause=cause if ended_by is not None else None,
                    sightings=tuple(self._sightings),
                )
            )
            self._spans, self._sightings = [], []

    def _extend(self, sighting: Sighting) -> None:
        at = sighting.at
        self._sightings.append(sighting)
        if self.is_continued and self._spans:
            self._spans[-1] = Span(self._spans[-1].first, at, self._companions)
        else:
            self._spans.append(Span(at, at, self._companions))

    def _add(
        self, kind: str, sighting: Sighting, before: SlotReading, after: SlotReading | None
    ) -> None:
        previous = self._pair(self._last or sighting, before)
        new = None if after is None else self._pair(sighting, after)
        subject = (self._unit, self.number)
        self._history.events.append(Occurrence(kind, subject, sighting.at, previous, new))

    def _pair(self, sighting: Sighting, one: SlotReading) -> Pair:
        return Pair(self._unit, sighting.place, self.number, one.sim, one.imsi, one.eid)
