"""What the journal states: units with their verdicts, claims of rows and SIM cards, labels, people.

The ledger changes by records only, so that a start after a crash has the same ledger.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from modemagent.provisioning.attempt import OF_ROW, RunVerdict
from modemagent.provisioning.journal import without_collector
from modemagent.provisioning.ledger_entries import RunEntry, UnitEntry
from modemagent.provisioning.unit_counts import (
    PASSING,
    CountedVerdict,
    UnitCounts,
    is_of_unit,
)

#: Verdicts that count in figures.
COUNTED = PASSING | {RunVerdict.FAIL}
#: Time without a verdict after which a start of the bench begins a shift.
_PAUSE = timedelta(hours=4)


class Ledger:
    """The state that the journal states."""

    def __init__(self) -> None:
        self.order = ""
        self.digest = ""
        self.runs: dict[int, RunEntry] = {}
        self.units: dict[str, UnitEntry] = {}
        #: row -> units that have it, in their order
        self.claims: dict[str, dict[str, None]] = {}
        #: key of a SIM card -> unit
        self.sims: dict[str, str] = {}
        self.duplicated: set[str] = set()
        #: unit -> steps that were waived for its next turn, and by whom
        self.standing: dict[str, dict[str, str]] = {}
        #: key of a standing waiver -> units that have passed with it
        self.waived_by: dict[str, set[str]] = {}
        self.recalls: list[Mapping[str, Any]] = []
        self.counts = UnitCounts()
        #: of the shift: since the first start after the end of another one, or after a pause
        self.shift = UnitCounts()
        self._verdict_at = ""
        #: number of verdicts given and revoked, so that figures are made again only after one
        self.verdicts = 0
        self.label = 0
        self.person = ""
        self.checked_at = ""
        self.check_problem = ""
        self.judged_at = ""
        #: ``golden`` or ``bad``, and what was wrong with its last result
        self.unit_problems: dict[str, str] = {}
        #: lot -> the decision that has stopped it
        self.stopped_lots: dict[str, Mapping[str, Any]] = {}
        self.lot_decisions: list[Mapping[str, Any]] = []
        self.is_closed = False
        self._is_shift_over = False

    @property
    def next_run(self) -> int:
        return len(self.runs) + 1

    @property
    def decided_run(self) -> int:
        """The last turn before the latest decision about a lot."""
        return self.lot_decisions[-1]["run"] if self.lot_decisions else 0

    def forget_readings(self, present: Container[int] = ()) -> None:
        """Forget the readings of units that have their verdict, which the journal has.

        :param present: turns of units that are in their bays
        """
        for run in self.runs.values():
            if run.verdict is not None and run.number not in present:
                run.forget_reading()

    def restore_readings(self, records: Iterable[Mapping[str, Any]]) -> None:
        """Read the readings again from the records of the journal."""
        for record in records:
            if record["kind"] == "reading":
                self._reading(record)

    def unchecked(self) -> list[str]:
        """Return the units that have passed while the registry was away."""
        return [
            entry.unit
            for entry in self.units.values()
            if entry.verdict in PASSING and self.runs[entry.run].registry == "unchecked"
        ]

    def runs_before(self, unit: str, number: int) -> list[RunEntry]:
        """Return the turns of a unit without a verdict since its last one, oldest first."""
        entry = self.units.get(unit)
        before = [self.runs[each] for each in entry.runs if each < number] if entry else []
        ended = [at for at, run in enumerate(before, 1) if run.verdict in COUNTED]
        return before[ended[-1] if ended else 0 :]

    def claimed(self, row: str, unit: str) -> int:
        """Return the number of other units that have a row."""
        units = self.claims.get(row, {})
        return len(units) - (unit in units)

    def last_run(self, unit: str) -> RunEntry | None:
        """Return the turn of a unit that gave its present verdict."""
        entry = self.units.get(unit)
        return self.runs.get(entry.run) if entry is not None else None

    def apply(self, record: Mapping[str, Any]) -> None:
        """Change the state by one record."""
        change = _CHANGES.get(record["kind"])
        if change is not None:
            change(self, record)

    # -- one method for each kind of record

    def _order(self, record: Mapping[str, Any]) -> None:
        self.order, self.digest = record["order"], record["digest"]

    def _opened(self, record: Mapping[str, Any]) -> None:
        last = self._verdict_at or self.shift.since
        is_later = bool(last) and _time(record["at"]) - _time(last) > _PAUSE
        if not self.shift.since or self._is_shift_over or is_later:
            self.shift = UnitCounts(record["at"])
        self._is_shift_over = False

    def _person(self, record: Mapping[str, Any]) -> None:
        self.person = record["person"]

    def _station_check(self, record: Mapping[str, Any]) -> None:
        problem = record.get("problem", "")
        if by := record.get("by"):
            self.unit_problems.pop(by, None)
            if problem:
                self.unit_problems[by] = problem
            return
        self.check_problem, self.judged_at = problem, record.get("checked_at") or record["at"]
        self.checked_at = "" if problem else self.judged_at

    def _attempt(self, record: Mapping[str, Any]) -> None:
        number = record["run"]
        self.runs[number] = RunEntry(
            number, record["bay"], record["at"], record["mono_ms"], self.person
        )

    def _reading(self, record: Mapping[str, Any]) -> None:
        run = self.runs[record["run"]]
        run.keep_reading(record["reading"])
        run.unit = record["unit"]
        if run.unit and (run.number not in (runs := self._unit(run.unit).runs)):
            runs.append(run.number)

    def _scan(self, record: Mapping[str, Any]) -> None:
        run = self.runs.get(record.get("run") or 0)
        if run is not None:
            run.scans.append(record)

    def _step(self, record: Mapping[str, Any]) -> None:
        run = self.runs[record["run"]]
        run.steps[record["step"]] = record
        if record.get("duplicated"):
            self.duplicated.add(run.unit)

    def _claim(self, record: Mapping[str, Any]) -> None:
        unit = record["unit"]
        self._release(unit)
        entry = self._unit(unit)
        entry.row, entry.iccid = record["row"], record.get("iccid") or ""
        if entry.row:
            self.claims.setdefault(entry.row, {})[unit] = None
        if entry.iccid:
            self.sims[entry.iccid] = unit
        self.runs[record["run"]].row = entry.row

    def _registered(self, record: Mapping[str, Any]) -> None:
        self.runs[record["run"]].is_registered = True

    def _registry_check(self, record: Mapping[str, Any]) -> None:
        run = self.runs[record["run"]]
        run.registry, run.known = record["result"], record["known"]

    def _label_intent(self, record: Mapping[str, Any]) -> None:
        run = self.runs[record["run"]]
        run.label, run.copies, run.is_label_sent = record["number"], record["copy"], False
        self.label = max(self.label, run.label)

    def _label_sent(self, record: Mapping[str, Any]) -> None:
        self.runs[record["run"]].is_label_sent = True

    def _label_refused(self, record: Mapping[str, Any]) -> None:
        self.runs[record["run"]].copies -= 1

    def _verdict(self, record: Mapping[str, Any]) -> None:
        self.verdicts += 1
        run = self.runs[record["run"]]
        run.verdict = RunVerdict(record["verdict"])
        run.row = run.row or record.get("row", "")
        run.failed, run.waived = tuple(record["failed"]), tuple(record["waived"])
        run.ended_at, run.ended_ms = record["at"], record["mono_ms"]
        run.person_ms, run.module_ms = record.get("person_ms", 0), record.get("module_ms", 0)
        run.is_golden = record.get("golden", False)
        run.blame, run.reason = record.get("blame") or "", record.get("reason", "")
        self._count(run)
        if run.verdict not in COUNTED or run.is_golden or not run.unit:
            return
        entry = self._unit(run.unit)
        entry.run, entry.verdict, entry.at = run.number, run.verdict, run.ended_at
        entry.first = entry.first or run.verdict
        identity = record.get("identity", {})
        entry.serial_number = identity.get("serial_number") or ""
        entry.eid = identity.get("eid") or ""
        if run.verdict is RunVerdict.FAIL:
            entry.failures += 1
            self._release(run.unit)

    def _count(self, run: RunEntry) -> None:
        verdict = run.verdict
        if verdict is None or verdict not in COUNTED or run.is_golden:
            return
        self._verdict_at = run.ended_at
        found = CountedVerdict(verdict, run.failed[0] if run.failed else "", run.blame)
        about_unit = is_of_unit(verdict, run.steps.values())
        for counts in (self.counts, self.shift):
            counts.put(run.unit or f"run {run.number}", run.number, found, is_of_unit=about_unit)
            if not run.revoked:
                counts.note_end(run.ended_ms)

    def _told(self, record: Mapping[str, Any]) -> None:
        self.runs[record["run"]].is_reported = True

    def _waiver(self, record: Mapping[str, Any]) -> None:
        run = self.runs.get(record["run"])
        if run is not None:
            run.waivers.append(record)
        if record.get("rule"):
            self.waived_by.setdefault(record["rule"], set()).add(record["unit"])
        if record.get("standing"):
            self.standing.setdefault(record["unit"], {})[record["step"]] = record["person"]

    def _rework(self, record: Mapping[str, Any]) -> None:
        entry = self._unit(record["unit"])
        entry.failures = 0
        entry.reworks.append(record["reason"])
        self.duplicated.discard(record["unit"])

    def _revoked(self, record: Mapping[str, Any]) -> None:
        self.verdicts += 1
        run = self.runs[record["run"]]
        run.verdict, run.revoked = RunVerdict.FAIL, record["reason"]
        others = (name for name in run.failed if name not in OF_ROW)
        run.failed = tuple(dict.fromkeys((record["step"], *others)))
        run.blame, run.reason, run.is_reported = "unit", run.revoked, False
        self._count(run)
        entry = self.units.get(run.unit)
        if entry is not None:
            entry.verdict = RunVerdict.FAIL
            self._release(run.unit)
        if record["step"] == "unique" and record.get("by") != "registry":
            self.duplicated.add(run.unit)

    def _recall(self, record: Mapping[str, Any]) -> None:
        self.recalls.append(record)
        if record.get("by") != "registry":
            self.duplicated.add(record["unit"])

    def _lot(self, record: Mapping[str, Any]) -> None:
        self.lot_decisions.append(record)
        self.stopped_lots.pop(record["lot"], None)
        if record["do"] == "stop":
            self.stopped_lots[record["lot"]] = record

    def _closed(self, _: Mapping[str, Any]) -> None:
        self.is_closed = self._is_shift_over = True

    def _unit(self, unit: str) -> UnitEntry:
        return self.units.setdefault(unit, UnitEntry(unit))

    def _release(self, unit: str) -> None:
        """Give the row and the SIM card of a unit back."""
        entry = self._unit(unit)
        if entry.row and unit in self.claims.get(entry.row, ()):
            del self.claims[entry.row][unit]
        if entry.iccid and self.sims.get(entry.iccid) == unit:
            del self.sims[entry.iccid]
        entry.row = entry.iccid = ""


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


_CHANGES = {
    "opened": Ledger._opened,
    "order": Ledger._order,
    "person": Ledger._person,
    "station_check": Ledger._station_check,
    "attempt": Ledger._attempt,
    "reading": Ledger._reading,
    "scan": Ledger._scan,
    "step": Ledger._step,
    "claim": Ledger._claim,
    "registered": Ledger._registered,
    "registry_check": Ledger._registry_check,
    "label_intent": Ledger._label_intent,
    "label_sent": Ledger._label_sent,
    "label_refused": Ledger._label_refused,
    "verdict": Ledger._verdict,
    "told": Ledger._told,
    "waiver": Ledger._waiver,
    "rework": Ledger._rework,
    "revoked": Ledger._revoked,
    "recall": Ledger._recall,
    "lot": Ledger._lot,
    "closed": Ledger._closed,
}


def replayed(records: Iterable[Mapping[str, Any]]) -> Ledger:
    """Return the state that records lead to."""
    ledger = Ledger()
    with without_collector():
        for record in records:
            ledger.apply(record)
    return ledger
