"""Simulated trays that are killed in the middle, and a long shift.

Is every planted fault found, and no other? Do memory and time of a unit stay the same?

Each tray has 16 bays and every kind of fault twice. The bench with its modules is killed by SIGKILL
at random moments and started again: what was in a bay is put into another one. At the end, each
unit must have the verdict, failed steps and blame that were planted. The exit status is 3 if not.

The long shift has as many units as ``--units`` states; a hub with four bays vanishes and comes back
again and again. Memory and processor time include the simulated modules.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
from modemagent.provisioning.attempt import ENDED, BayState, BayView
from modemagent.provisioning.events import PersonActed
from modemagent.provisioning.journal import order_folder, read_journal
from modemagent.provisioning.ledger import COUNTED, Ledger, replayed
from modemagent.provisioning.runtime import Bench
from modemagent.provisioning.simulation.comparison import FoundResult, found_result
from modemagent.provisioning.simulation.person import SimulatedPerson
from modemagent.provisioning.simulation.planted import PlantedUnit, planted_units
from modemagent.provisioning.simulation.rehearsal import Rehearsal

_BAYS, _UNITS = 16, 72
#: Time after which a bench that does not end is stuck.
_STUCK_S = 120.0
_CHILD = "--child"
#: Units between two measurements, and between two failures of the hub; how long that is away.
_STEP, _HUB_EVERY, _HUB_AWAY_S = 500, 250, 0.3


class ForgetfulPerson(SimulatedPerson):
    """A person who can tell after a kill only which units are in the trays of good and bad ones.

    :ivar notes: file with the turns of each unit, and the units that were taken out with a verdict
    """

    notes: Path

    def go_on(self, notes: Path, random_: random.Random) -> None:
        """Take the units that are not finished, in another order than before."""
        self.notes = notes
        done = {unit for unit, run in _noted(notes) if run == 0}
        self._waiting = [unit for unit in self._waiting if unit.number not in done]
        if done:
            groups = [unit for unit in self._waiting if unit.after is None]
            random_.shuffle(groups)
            self._waiting = [*groups, *(one for one in self._waiting if one.after is not None)]
        self.runs = dict.fromkeys(done, 0)

    def _note(self, unit: PlantedUnit, run: int) -> None:
        with self.notes.open("a") as out:
            out.write(f"{unit.number} {run}\n")

    async def _look_at(self, bench: Bench, bay: BayView, unit: PlantedUnit) -> None:
        if bay.run != self._run_before[bay.number]:
            self._note(unit, bay.run)
        if bay.state is BayState.HOLD and bay.step == "print" and "printed?" in bay.reason:
            bench.post(PersonActed("reprint", bay.number))  # in doubt after a kill
        is_worn_out = bay.state is BayState.HOLD and "a lead gives a reason" in bay.reason
        partner = [n for n, one in self._in_bay.items() if one is unit.partner]
        if is_worn_out and (
            unit.partner in self._waiting
            or (partner and bench.state.bays[partner[0]].state not in ENDED)
        ):
            return  # the two of a pair are in the tray together
        if is_worn_out:
            self.runs[unit.number] = bay.run
            await self._pull(bench, bay.number)
        else:
            await super()._look_at(bench, bay, unit)

    async def _pull(self, bench: Bench, bay: str) -> PlantedUnit:
        unit = await super()._pull(bench, bay)
        if unit.number in self.runs:
            self._note(unit, 0)
        return unit


def _noted(notes: Path) -> list[tuple[int, int]]:
    lines = notes.read_text().splitlines() if notes.exists() else []
    pairs = [line.split() for line in lines]
    return [(int(pair[0]), int(pair[1])) for pair in pairs if len(pair) == 2]


def work(folder: Path, seed: int, start: int) -> None:
    """Work on a tray until it is done or killed."""
    shutil.rmtree(folder / "dev", ignore_errors=True)
    with Rehearsal(folder, units=_UNITS, bays=_BAYS, seed=seed) as rehearsal:
        old = rehearsal.person
        person = ForgetfulPerson(rehearsal.units, old._script, old._tray, old._printer)
        person.go_on(folder / "notes", random.Random(seed * 100 + start))
        rehearsal.person = person
        rehearsal.run(lambda *_: None)


def judged(folder: Path, seed: int) -> list[FoundResult]:
    """Return what was found about each unit."""
    units = planted_units(_UNITS, seed)
    ledger = replayed(
        read_journal(order_folder(folder / "state", "rehearsal") / "journal.jsonl")[0]
    )
    turns: dict[int, set[int]] = {}
    for number, run in _noted(folder / "notes"):
        turns.setdefault(number, set()).add(run)
    return [FoundResult(unit, found_result(_last(unit, turns, ledger), ledger)) for unit in units]


def _last(unit: PlantedUnit, turns: dict[int, set[int]], ledger: Ledger) -> int:
    """Return the last turn of a unit that has a verdict."""
    counted = [
        run for run in turns.get(unit.number, ()) if run and ledger.runs[run].verdict in COUNTED
    ]
    if not counted and (entry := ledger.units.get(unit.imei[:14])) is not None:
        return entry.run  # killed before the person had seen the turn
    return max(counted, default=0)


class ShiftPerson(SimulatedPerson):
    """A person of a long shift, who notes memory and processor time.

    :ivar found: units, MB, and processor time of a unit in ms
    """

    found: list[tuple[int, float, float]]
    _cpu = 0.0

    async def _pull(self, bench: Bench, bay: str) -> PlantedUnit:
        unit = await super()._pull(bench, bay)
        self._modems.pop(unit.number, None)
        ledger = bench.state.ledger
        entry = ledger.units.get(unit.imei[:14])
        if entry is not None and ledger.runs[self.runs[unit.number]].verdict not in COUNTED:
            self.runs[unit.number] = entry.run  # it came back with the hub, and was done
        count = len(self.runs)
        if count % _HUB_EVERY == 0:
            await self._lose_hub()
        if count % _STEP == 0 and (not self.found or self.found[-1][0] < count):
            now, megabytes = time.process_time(), _resident_kb() / 1000
            self.found.append(
                (count, round(megabytes, 1), round((now - self._cpu) / _STEP * 1e3, 2))
            )
            self._cpu = now
        return unit

    async def _lose_hub(self) -> None:
        units = {bay: unit for bay, unit in self._in_bay.items() if bay in self._tray.bays[:4]}
        for bay in units:
            self._tray.pull(bay)
        await asyncio.sleep(_HUB_AWAY_S)
        for bay, unit in units.items():
            if unit.number in self._modems:
                self._tray.plug(bay, self._modems[unit.number])


def _resident_kb() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4


def shift(count: int, seed: int) -> dict[str, Any]:
    """Return memory and processor time over a long shift, and the units that are wrong."""
    begin = time.monotonic()
    with (
        tempfile.TemporaryDirectory() as name,
        Rehearsal(Path(name), units=count, bays=_BAYS, seed=seed) as rehearsal,
    ):
        old = rehearsal.person
        person = ShiftPerson(rehearsal.units, old._script, old._tray, old._printer)
        person.found = []
        rehearsal.person = person
        results = rehearsal.run(lambda *_: None)
    return {"units": len(results), "s": round(time.monotonic() - begin),
            "units_mb_ms": person.found, "wrong": _wrong(results)}  # fmt: skip


def _wrong(results: list[FoundResult]) -> list[str]:
    return [
        f"{one.unit.number} {one.unit.fault or 'good'}: {one.found}, planted {one.unit.expected}"
        for one in results
        if not one.is_right
    ]


def _unfinished(folder: Path, seed: int) -> str:
    done = {unit for unit, run in _noted(folder / "notes") if run == 0}
    units = planted_units(_UNITS, seed)
    return ", ".join(f"{one.number} {one.fault}" for one in units if one.number not in done)


def tray(seed: int, kills: int) -> dict[str, Any]:
    """Kill and resume one tray."""
    random_ = random.Random(seed)
    begin = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        done = 0
        for start in range(kills + 1):
            call = [sys.executable, __file__, _CHILD, name, str(seed), str(start)]
            process = subprocess.Popen(call, stderr=subprocess.PIPE, text=True)
            last = start == kills
            try:
                _, error = process.communicate(timeout=_STUCK_S if last else random_.uniform(1, 4))
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.communicate()
                done += 1
                if last:
                    return {"seed": seed, "wrong": [f"stuck with {_unfinished(folder, seed)}"]}
                continue
            if process.returncode:
                return {"seed": seed, "wrong": [error[-2000:]]}
            break
        results = judged(folder, seed)
        ledger = replayed(
            read_journal(order_folder(folder / "state", "rehearsal") / "journal.jsonl")[0]
        )
    wrong = _wrong(results)
    planted = sum(bool(one.unit.fault) for one in results)
    return {"seed": seed, "kills": done, "planted": planted, "units": len(results),
            "turns": len(ledger.runs), "s": round(time.monotonic() - begin),
            "wrong": wrong}  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trays", type=int, default=10)
    parser.add_argument("--kills", type=int, default=4)
    parser.add_argument("--units", type=int, default=5000, help="of the long shift; 0: none")
    parser.add_argument("--seed", type=int, default=1000)
    given = parser.parse_args()
    is_wrong = False
    if given.units:
        is_wrong |= _print(shift(given.units, given.seed))
    for at in range(given.trays):
        is_wrong |= _print(tray(given.seed + at, given.kills))
    return 3 if is_wrong else 0


def _print(found: dict[str, Any]) -> bool:
    print(json.dumps(found), flush=True)
    return bool(found["wrong"])


if __name__ == "__main__":
    if sys.argv[1:2] == [_CHILD]:
        work(Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
        sys.exit()
    sys.exit(main())
