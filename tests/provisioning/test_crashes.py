"""A program that ends anywhere: after each record, and by SIGKILL in the middle of the work."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from modemagent.provisioning.attempt import BayState
from modemagent.provisioning.events import CodeScanned, LabelDone, PrintLabel
from modemagent.provisioning.journal import read_journal
from modemagent.provisioning.ledger import Ledger
from tests.provisioning.line import KIND, Line, unit_with
from tests.simulated import simulated_fleet

UNITS = [unit_with(number) for number in range(1, 4)]


class World:
    """What a crash does not take away: paper that has come out of the printer.

    :ivar paper: label number and copy of each label that was printed
    """

    def __init__(self) -> None:
        self.paper: list[tuple[int, int]] = []
        self.doubts = 0

    def work(self, line: Line, *, crash_after: int | None = None) -> bool:
        """Bring all units to their verdict; return False if the program ended before.

        :param crash_after: number of records that reach the disk
        """
        line.prints = False
        for bay, unit in zip(line.state.bays, UNITS, strict=False):
            line.plug(bay, unit)
            for _ in range(6):
                if self._has_crashed(line, crash_after):
                    return False
                state = line.bay(bay).state
                if state is BayState.PRINTING:
                    job = [each for each in line.effects if isinstance(each, PrintLabel)][-1]
                    entry = line.state.ledger.runs[job.run]
                    assert entry.reading is not None, "a label needs the numbers of its unit"
                    assert entry.row
                    self.paper.append((job.number, job.copy))
                    if self._has_crashed(line, crash_after):
                        return False
                    line.post(LabelDone(job.run, "printed"))
                elif state is BayState.VERIFYING:
                    line.post(CodeScanned("scanner", f"MA-BAY-{bay}"))
                    line.post(CodeScanned("scanner", unit.imei))
                elif state is BayState.HOLD:
                    self.doubts += 1
                    number = line.state.bays[bay].run.label
                    if any(number == printed for printed, _ in self.paper):
                        line.post(CodeScanned("scanner", f"MA-BAY-{bay}"))
                        line.post(CodeScanned("scanner", unit.imei))
                    else:
                        line.act("reprint", bay)
        return not self._has_crashed(line, crash_after)

    @staticmethod
    def _has_crashed(line: Line, crash_after: int | None) -> bool:
        return crash_after is not None and len(line.records) >= crash_after


def whole_session() -> int:
    line = Line(KIND.format(label="print+scan"))
    assert World().work(line)
    return len(line.records)


@pytest.mark.parametrize("kept", range(whole_session() + 1))
def test_crash_after_any_record_loses_and_doubles_nothing(kept: int) -> None:
    world = World()
    first = Line(KIND.format(label="print+scan"))
    world.work(first, crash_after=kept)
    del first.records[kept:]
    again = first.restarted()
    assert world.work(again)
    ledger = again.state.ledger
    assert sorted(ledger.units) == [unit.imei[:14] for unit in UNITS]
    assert all(unit.verdict == "pass" for unit in ledger.units.values())
    assert [len(units) for units in ledger.claims.values()] == [len(UNITS)]
    passed = Counter(run.unit for run in ledger.runs.values() if run.verdict == "pass")
    assert set(passed.values()) == {1}
    assert len(set(world.paper)) == len(world.paper), "a label twice without the mark of a copy"
    assert world.doubts <= 1


def test_label_keeps_its_number_over_two_crashes() -> None:
    line = Line(KIND.format(label="print"))
    line.prints = False
    line.plug("01", UNITS[0])
    second = line.restarted()
    second.plug("01", UNITS[0])
    third = second.restarted()
    third.plug("01", UNITS[0])
    assert third.bay().state is BayState.HOLD
    assert third.bay().label.startswith("label 01 doubt")


def test_killed_bench_goes_on_without_repeating(tmp_path: Path) -> None:
    """The program is killed when its first, second and third verdict is printed."""
    order = tmp_path / "4711.csv"
    order.write_text("model,quantity,sim\nEG25-G,4,required\n")
    with simulated_fleet(["quectel-eg25-g"], count=4, faults=["latency-ms=20"]) as fleet:
        bays = [f"--bay={number:02}={modem.path}" for number, modem in enumerate(fleet, 1)]
        words = ["provision", str(order), "--state-dir", str(tmp_path), "--json", "--once", *bays]
        call = [sys.executable, "-m", "modemagent", *words]
        journal = tmp_path / "provision/4711/journal.jsonl"
        for kill_at in (1, 2, 3):
            shown = _run_until(call, kill_at)
            ledger = _ledger(journal)
            on_disk = {run.number for run in ledger.runs.values() if run.verdict == "pass"}
            assert shown <= on_disk, "a verdict was shown that is not on the disk"
        done = subprocess.run(call, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    ledger = _ledger(journal)
    passed = Counter(run.unit for run in ledger.runs.values() if run.verdict == "pass")
    assert list(passed.values()) == [1, 1, 1, 1]
    assert {run.verdict for run in ledger.runs.values()} <= {"pass", "aborted", "interrupted"}


def _run_until(call: list[str], verdicts: int) -> set[int]:
    """Kill the program after some events of verdicts; return the turns that passed."""
    shown: set[int] = set()
    with subprocess.Popen(call, stdout=subprocess.PIPE, text=True, env=os.environ) as process:
        assert process.stdout is not None
        seen = 0
        for line in process.stdout:
            event = json.loads(line)
            if event["event"] != "attempt.ended":
                continue
            seen += 1
            if event["verdict"] == "pass":
                shown.add(event["run"])
            if seen >= verdicts:
                process.send_signal(signal.SIGKILL)
                break
    return shown


def _ledger(journal: Path) -> Ledger:
    ledger = Ledger()
    records, _ = read_journal(journal)
    for record in records:
        ledger.apply(record)
    return ledger
