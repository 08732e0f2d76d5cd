"""Derives the history of the units that a batch concerns, and writes what has changed.

The history of a modem follows from its kept readings; that of a SIM from the slots of the modems it
was in. Both are derived as a whole and compared with what is recorded, so it makes no difference
whether a reading is the newest or months old.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from modemagent.registry.history.events import (
    Occurrence,
    modem_events,
    modem_findings,
    sim_events,
    sim_findings,
)
from modemagent.registry.history.individuals import Related, is_contested, relate
from modemagent.registry.history.pairings import fold_slots
from modemagent.registry.history.places import Interval, fold_place
from modemagent.registry.store import dialect, schema
from modemagent.registry.store.batch import Batch
from modemagent.registry.store.finding_log import FindingLog
from modemagent.registry.store.occurrences import OccurrenceLog
from modemagent.registry.store.sightings import LoadedModem, load_modems
from modemagent.registry.store.stay_log import StayLog


class _Modem(NamedTuple):
    """The derived history of one modem."""

    loaded: LoadedModem
    intervals: list[Interval]
    related: Related
    sims: list[Interval]
    events: list[Occurrence]


def refold(batch: Batch) -> None:
    """Derive the history of the units of a batch and write the differences."""
    work = _Refold(batch)
    work.run()


class _Refold:
    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self._stays = StayLog(batch)
        self._events = OccurrenceLog(batch)
        self._findings = FindingLog(batch)
        self._modems: dict[int, _Modem] = {}
        self._sims: dict[int, list[Interval]] = defaultdict(list)

    def run(self) -> None:
        batch = self._batch
        self._findings.set_gateways(batch.gateways)
        modems = sorted(batch.modems)
        self._lock(modems, with_places=True)
        self._derive(modems)
        new = batch.new_units
        sims = set(batch.sims) | self._stays.held(batch.modems - new)
        sims.update(one.unit for modem in self._modems.values() for one in modem.sims)
        self._lock(sorted(sims), with_places=False)
        # spans of other modems with these SIMs may have grown since they were derived
        self._derive(self._stays.holders(sims - new) - self._modems.keys() - batch.modems)
        units = (batch.modems | sims) - new
        self._stays.load(units)
        self._events.load(units)
        self._findings.load(units)
        for unit in modems:
            self._set_modem(unit)
        for modem in self._modems.values():
            for one in modem.sims:
                self._sims[one.unit].append(one)
        for unit in sorted(sims):
            self._set_sim(unit)
        self._contest()
        self._stays.write()
        self._findings.write()
        self._events.write()

    def _lock(self, units: list[int], *, with_places: bool) -> None:
        """Lock units, and the places that hold them: a longer span there must wait."""
        connection = self._batch.connection
        if dialect.is_sqlite(connection):
            return
        keys = [(one,) for one in units]
        dialect.select_rows(connection, schema.unit, ("id",), ("id",), keys, lock=True)
        if with_places:
            dialect.select_rows(connection, schema.place, ("unit",), ("id",), keys, lock=True)

    def _derive(self, units: Iterable[int]) -> None:
        """Derive modems from their kept readings."""
        for unit, loaded in load_modems(self._batch.connection, units).items():
            intervals = [
                one
                for sightings in loaded.places.values()
                for one in fold_place(sightings)
                if one.unit == unit
            ]
            related = relate(intervals)
            sims: list[Interval] = []
            events: list[Occurrence] = []
            for individual in related.individuals:
                slots = fold_slots(individual)
                sims += slots.intervals
                events += slots.events
            self._modems[unit] = _Modem(loaded, intervals, related, sims, events)

    def _set_modem(self, unit: int) -> None:
        modem = self._modems.get(unit)
        if modem is None:
            self._stays.set(unit, None)
            self._events.set(unit, ())
            self._findings.set(unit, (), None)
            return
        self._stays.set(unit, modem.related)
        self._events.set(unit, [*modem_events(modem.related, modem.intervals), *modem.events])
        self._findings.set(unit, [*modem_findings(modem.related)], modem.related)

    def _set_sim(self, unit: int) -> None:
        intervals = self._sims.get(unit)
        if not intervals:
            self._stays.set(unit, None)
            self._events.set(unit, ())
            self._findings.set(unit, (), None)
            return
        related = relate(intervals, marks_are_numbers=True)
        self._stays.set(unit, related)
        self._events.set(unit, sim_events(related, intervals))
        self._findings.set(unit, [*sim_findings(related)], related)

    def _contest(self) -> None:
        """Mark the places where a longer span can change how a unit is related."""
        changed = []
        for unit, modem in self._modems.items():
            for place, before in modem.loaded.present.items():
                interval = next(one for one in reversed(modem.intervals) if one.place == place)
                if self._is_contested(unit, modem, interval) != before:
                    changed.append((not before, place))
        dialect.update_rows(
            self._batch.connection, schema.place, ("id",), ("contested",), sorted(changed)
        )

    def _is_contested(self, unit: int, modem: _Modem, interval: Interval) -> bool:
        span = interval.spans[-1]
        if len(modem.intervals) > 1 and is_contested(interval, span.last, modem.intervals):
            return True
        for sim in span.companions:
            everywhere = self._sims.get(sim, ())
            if len(everywhere) > 1 and any(
                one.place[0] == unit and is_contested(one, span.last, everywhere)
                for one in everywhere
            ):
                return True
        return False
