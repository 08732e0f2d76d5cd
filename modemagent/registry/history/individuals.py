"""Individuals: which intervals of one number belong to one physical unit, and its stays."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from modemagent.registry.history.places import Interval, Span
from modemagent.registry.history.readings import Key, Moment


class Stay(msgspec.Struct, frozen=True):
    """An individual at a place.

    :param opened_by: first reading
    :param last: last reading
    :param closed_by: reading that closed it; None while it is open
    :param cause: ``removed``, ``replaced`` or ``moved``
    :param moved_from: the stay before it in known order at another place, if it is a move
    """

    unit: Key
    individual: int
    place: Key
    spans: tuple[Span, ...]
    interval: Interval
    closed_by: Moment | None
    cause: str | None

    @property
    def opened_by(self) -> Moment:
        return self.spans[0].first

    @property
    def last(self) -> Moment:
        return self.spans[-1].last


class Individual(msgspec.Struct, frozen=True):
    """One physical unit; ``stays`` are in order of date."""

    unit: Key
    number: int
    stays: tuple[Stay, ...]


class Related(msgspec.Struct, frozen=True):
    """The individuals that have one number.

    :param grade: of two or more: ``certain``, ``probable`` or ``possible``; else None
    :param other_hardware: two individuals have another maker or model
    """

    individuals: tuple[Individual, ...]
    grade: str | None = None
    other_hardware: bool = False


def relate(intervals: Sequence[Interval]) -> Related:
    """Assign the intervals of one unit to individuals and derive their stays."""
    raise NotImplementedError
