"""Derives the history of the units that a batch concerns, and writes what has changed.

The history of a modem follows from its kept readings; that of a SIM from the slots of the modems it
was in. Both are derived as a whole and compared with what is recorded, so it makes no difference
whether a reading is the newest or months old.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
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
from modemagent.registry.history.places import Interval, fold_place, sims_of
from modemagent.registry.rules.catalogue import OF_INDIVIDUALS
from modemagent.registry.store.database import dialect
from modemagent.registry.store.database.dialect import Read, Rows
from modemagent.registry.store.evaluation import rule_jobs
from modemagent.registry.store.findings.finding_log import FindingLog, Subject
from modemagent.registry.store.history import individual_findings
from modemagent.registry.store.history.facts import read_facts, write_facts
from modemagent.registry.store.history.occurrences import OccurrenceLog
from modemagent.registry.store.history.sightings import LoadedModem, load_modems
from modemagent.registry.store.history.stay_log import StayLog
from modemagent.registry.store.history.tails import (
    TailHistory,
    choose_tails,
    derive_tails,
    known_sims,
    read_boots,
    related_sims,
)
from modemagent.registry.store.history.units import UnitKind
from modemagent.registry.store.intake.batch import Batch
from modemagent.registry.store.tables import schema


class _Modem(NamedTuple):
    """The derived history of one modem."""

    loaded: LoadedModem
    intervals: list[Interval]
    related: Related
    sims: list[Interval]
    events: list[Occurrence]


#: A unit with more spans than this is related by a job, not in the transaction of a report.
MOST_SPANS = 500
#: How often the job relates such a unit.
DELAY_MS = 60_000
#: Time of the next relation of such a unit that has not changed.
NEVER_MS = 1 << 62

_LARGE = "SELECT id, relate_ms FROM unit WHERE id IN {keys} AND relate_ms IS NOT NULL"
_DUE = "SELECT id, kind FROM unit WHERE relate_ms <= {now_ms} ORDER BY relate_ms LIMIT {limit}"


def refold(batch: Batch) -> None:
    """Derive the history of the units of a batch and write the differences.

    Units with many readings are left to :func:`relate_due` and taken out of the batch; until then
    their stays are pending.
    """
    _Refold(batch, by_job=False).run()


def relate_due(batch: Batch, limit: int = 10) -> int:
    """Derive the history of units with many readings whose time has come; return their number."""
    query = _DUE.format(now_ms=int(batch.now_ms), limit=int(limit))
    rows = [tuple(row) for row in batch.connection.exec_driver_sql(query)]
    batch.modems.update(row for row, kind in rows if kind == UnitKind.MODEM)
    batch.sims.update(row for row, kind in rows if kind == UnitKind.SIM)
    if rows:
        _Refold(batch, by_job=True).run()
        rule_jobs.request(batch)
    return len(rows)


class _Refold:
    """The derivation of the units of one batch.

    :param by_job: units with many readings are derived too
    """

    def __init__(self, batch: Batch, *, by_job: bool) -> None:
        self._batch = batch
        self._by_job = by_job
        self._stays = StayLog(batch)
        self._events = OccurrenceLog(batch)
        self._findings = FindingLog(batch, OF_INDIVIDUALS)
        self._tails: list[TailHistory] = []
        self._facts: Rows = []  # of the modems of tails
        self._modems: dict[int, _Modem] = {}
        self._sims: dict[int, list[Interval]] = defaultdict(list)
        self._relate_ms: dict[int, int] = {}  # of the units with many readings
        self._next_ms: dict[int, int | None] = {}  # changes of it
        self._read: set[int] = set()  # SIMs in the readings of the batch

    def run(self) -> None:
        batch = self._batch
        new = batch.new_units
        individual_findings.write_gateways(batch, batch.gateways)
        self._fold_tails()
        modems = batch.modems = self._without_large(batch.modems)
        (rows,) = self._read_locked(modems, set(), self._stays.read_held(modems - new))
        self._derive(modems)
        held = {*batch.sims, *(row[0] for row in rows)}
        held.update(one.unit for modem in self._modems.values() for one in modem.sims)
        sims = self._without_large(held)
        # spans of other modems with these SIMs may have grown since they were derived
        rows, stays = self._read_locked(
            set(), sims,
            self._stays.read_holders(sims - new), self._stays.read((modems | sims) - new),
        )  # fmt: skip
        self._stays.add(stays)
        holders = {row[1] for row in rows} - batch.modems
        if not self._by_job and self._find_large(holders):
            for sim in sims - new:
                if self._find_large(self._stays.holders((sim,)) - batch.modems):
                    sims.remove(sim)
                    self._next_ms[sim] = batch.now_ms + DELAY_MS
            holders = self._stays.holders(sims - new) - batch.modems
        self._derive(holders)
        units = (modems | sims) - new
        for modem in self._modems.values():
            for one in modem.sims:
                self._sims[one.unit].append(one)
        unchanged = {unit for unit in sims - new if self._is_unchanged(unit)}
        self._load_derived(units - unchanged)
        for unit in sorted(modems):
            self._set_modem(unit)
        for unit in sorted(sims - unchanged):
            self._set_sim(unit)
        self._contest()
        self._stays.write()
        self._findings.write()
        self._write_large()
        self._events.write()
        write_facts(batch, self._tails, self._facts)
        batch.dirty |= modems | (sims - unchanged)

    def _fold_tails(self) -> None:
        """Derive the modems whose history only goes on."""
        batch = self._batch
        tails, self._read = choose_tails(batch)
        old = {tail.unit for tail in tails} - batch.new_units
        large = self._find_large(old - batch.usual)
        batch.modems |= large
        tails = [tail for tail in tails if tail.unit not in large]
        old -= large
        sims = known_sims(tails)
        stays, boots, self._facts = self._read_locked(
            old, sims, self._stays.read(old | sims),
            read_boots(batch.connection, tails), read_facts(batch.connection, old),
        )  # fmt: skip
        self._stays.add(stays)
        self._tails = derive_tails(batch, tails, self._stays, boots)
        for one in self._tails:
            unit = one.tail.unit
            if one.related is not None:
                self._stays.set(unit, one.related)
            self._events.set(unit, one.events)
            is_first = one.related is not None and all(
                event.kind.endswith(".first_seen") for event in one.events
            )
            dirty = batch.first_seen if is_first else batch.dirty
            dirty.add(unit)
            for sim, related, events in related_sims(one):
                dirty.add(sim)
                if events is None:
                    self._stays.extend(sim, related)
                else:
                    self._stays.set(sim, related)
                    self._events.set(sim, events)

    def _find_large(self, units: Iterable[int]) -> set[int]:
        """Return the units that have many readings."""
        found = dialect.query_keys(self._batch.connection, _LARGE, units)
        self._relate_ms.update(found)
        return {row[0] for row in found}

    def _without_large(self, units: set[int]) -> set[int]:
        """Return the units to derive now; the others are due in a minute."""
        large = self._find_large(units - self._batch.new_units)
        if self._by_job:
            return set(units)
        for unit in large:
            if self._relate_ms[unit] == NEVER_MS:
                self._next_ms[unit] = self._batch.now_ms + DELAY_MS
        return units - large

    def _measure(self, unit: int, intervals: Iterable[Interval]) -> None:
        """Leave a unit with many readings to the job from now on."""
        is_large = sum(len(one.spans) for one in intervals) > MOST_SPANS
        if is_large:
            self._next_ms[unit] = NEVER_MS
        elif unit in self._relate_ms:
            self._next_ms[unit] = None

    def _write_large(self) -> None:
        if not self._next_ms:
            return
        rows = sorted(self._next_ms.items())
        dialect.update_rows(
            self._batch.connection, schema.unit, ("id",), ("relate_ms",),
            [(next_ms, unit) for unit, next_ms in rows],
        )  # fmt: skip
        waiting = {unit for unit, next_ms in rows if next_ms not in (None, NEVER_MS)}
        self._stays.mark_pending(waiting, pending=True)
        self._stays.mark_pending(self._next_ms.keys() - waiting, pending=False)

    def _read_locked(self, modems: set[int], sims: set[int], *reads: Read | None) -> Sequence[Rows]:
        """Lock units, and the places of modems: a longer span there must wait. Then read."""
        connection, places, units = self._batch.connection, schema.place, schema.unit
        locks: list[Read | None] = []
        if not dialect.is_sqlite(connection):
            for table, key, some in (
                (units, "id", modems), (places, "unit", modems), (units, "id", sims),
            ):  # fmt: skip
                keys = [(one,) for one in sorted(some)]
                locks.append(dialect.rows_of(connection, table, (key,), ("id",), keys, lock=True))
        return dialect.read_together(connection, [*locks, *reads])[len(locks) :]

    def _load_derived(self, units: set[int]) -> None:
        """Read the events and the findings of units."""
        reads = [self._events.read(units), self._findings.read("unit", units)]
        events, findings = dialect.read_together(self._batch.connection, reads)
        self._events.add(events)
        self._findings.add("unit", findings)

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
            self._findings.set(Subject("unit", unit=unit), ())
            return
        self._measure(unit, modem.intervals)
        self._stays.set(unit, modem.related)
        self._events.set(unit, [*modem_events(modem.related, modem.intervals), *modem.events])
        verdicts = [*modem_findings(modem.related)]
        findings = individual_findings.of_unit(verdicts, modem.related)
        self._findings.set(Subject("unit", unit=unit), findings)

    def _is_unchanged(self, unit: int) -> bool:
        """Return True if a SIM has the one stay that is recorded, and nothing else can differ.

        Its only event is in its first reading, which is the same report as before with the same
        date, and not one of this batch.
        """
        batch, intervals = self._batch, self._sims.get(unit, ())
        return (
            len(intervals) == 1
            and len(intervals[0].spans) <= MOST_SPANS
            and unit not in self._relate_ms
            and not batch.is_rebuilt
            and not batch.is_redated
            and unit not in self._read
            and self._stays.is_recorded(unit, relate(intervals, marks_are_numbers=True))
        )

    def _set_sim(self, unit: int) -> None:
        intervals = self._sims.get(unit)
        if not intervals:
            self._stays.set(unit, None)
            self._events.set(unit, ())
            self._findings.set(Subject("unit", unit=unit), ())
            return
        self._measure(unit, intervals)
        related = relate(intervals, marks_are_numbers=True)
        self._stays.set(unit, related)
        self._events.set(unit, sim_events(related, intervals))
        findings = individual_findings.of_unit([*sim_findings(related)], related)
        self._findings.set(Subject("unit", unit=unit), findings)

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
        for sim in sims_of(interval.sightings[-1].reading):  # a SIM that has left stays no longer
            everywhere = self._sims.get(sim, ())
            if len(everywhere) > 1 and any(
                one.place[0] == unit and is_contested(one, span.last, everywhere)
                for one in everywhere
            ):
                return True
        return False
