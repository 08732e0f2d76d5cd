"""Places: which readings are kept, and the intervals during which a place held one unit."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from modemagent.registry.history.readings import Key, Moment, PlaceReading, Sighting


class Span(msgspec.Struct, frozen=True, gc=False):
    """Part of an interval during which the unit cannot have left: one boot, no missing number.

    :param several: two or more readings
    """

    first: Moment
    last: Moment
    several: bool


class Interval(msgspec.Struct, frozen=True):
    """A unit at a place, by the readings of that place alone.

    :param place: the place of a modem; of a SIM, its modem, the individual's number and the slot
    :param mark: what distinguishes units with one number: ``(reader, maker, model)`` of a modem,
        ``(extra digit,)`` of a SIM
    :param ended_by: first reading of the place that contradicts the interval
    :param cause: ``removed`` or ``replaced``; None if nothing ended it
    :param sightings: the kept readings of a modem; empty for a SIM
    :param previous: last reading of the place before the interval with a unit
    """

    unit: Key
    place: Key
    mark: tuple[str | None, ...]
    spans: tuple[Span, ...]
    ended_by: Moment | None = None
    cause: str | None = None
    sightings: tuple[Sighting, ...] = ()
    previous: Sighting | None = None


def agree(one: PlaceReading, other: PlaceReading) -> bool:
    """Return True if two readings are equal, so that one between two equal ones is forgotten."""
    return one == other


def is_forgettable(before: Sighting, one: Sighting, after: Sighting, *, hole: bool) -> bool:
    """Return True if a reading equals both neighbours of its place and adds nothing.

    :param hole: a number between the neighbours was not received
    """
    raise NotImplementedError


def fold_place(sightings: Sequence[Sighting]) -> list[Interval]:
    """Return the intervals of modems at one place, from its sightings by position.

    To get the intervals of one unit only, pass the sightings of the unit, the next sighting after
    each that is not UNREAD, and the last HERE sighting of another unit before each.
    """
    raise NotImplementedError
