"""Pairings: the intervals of SIMs in the slots of modem individuals."""

from __future__ import annotations

from modemagent.registry.history.individuals import Individual
from modemagent.registry.history.places import Interval


def fold_slots(individual: Individual) -> list[Interval]:
    """Return the intervals of SIMs in the slots of one modem individual, along its stays.

    The place of such an interval is ``(unit of the modem, number of the individual, slot)``.
    """
    raise NotImplementedError
