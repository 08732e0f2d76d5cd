"""A scripted person at a simulated tray: plugs units in, scans labels, pulls them out again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import NamedTuple

from modemagent.provisioning.attempt import ENDED, BayState, BayView, Blame
from modemagent.provisioning.events import CodeScanned, PortFailed, UnitPlugged, UnitPulled
from modemagent.provisioning.label_job import JobResult, LabelJob
from modemagent.provisioning.runtime import Bench
from modemagent.provisioning.scans.sources import Bounces
from modemagent.provisioning.simulation.planted import PlantedUnit
from modemagent.simulator.modem import SimulatedModem
from modemagent.simulator.script import Script
from modemagent.simulator.tray import SimulatedTray

_POLL_S = 0.02
#: How long a reset module is away, and how long the person looks for labels when the paper is out.
_RESET_S, _PAPER_S = 0.2, 0.5
_SOURCE = "scanner 1"


class SimulatedPrinter:
    """A printer that has no paper after some labels, until it is loaded.

    :ivar labels: number of the label and its job, in the order of printing
    """

    def __init__(self, roll: int = 1) -> None:
        self.labels: list[LabelJob] = []
        self._left = roll
        self.is_empty = False

    def send(self, job: LabelJob) -> JobResult:
        if self._left == 0:
            self.is_empty = True
            return JobResult("failed", "no paper")
        self._left -= 1
        self.labels.append(job)
        return JobResult("printed")

    def status(self) -> str:
        return "no paper" if self.is_empty else ""

    def load(self) -> None:
        """Put paper in."""
        self._left, self.is_empty = 1000, False


class Pace(NamedTuple):
    """How long a person takes, in seconds."""

    plug_s: float = 0.0
    scan_s: float = 0.0
    pull_s: float = 0.0


HUMAN = Pace(plug_s=3.0, scan_s=3.0, pull_s=2.0)


class SimulatedPerson:
    """Works until all units have their verdict.

    :ivar runs: the turn that gave each unit its verdict, by its number
    """

    def __init__(
        self,
        units: Sequence[PlantedUnit],
        script: Script,
        tray: SimulatedTray,
        printer: SimulatedPrinter,
        pace: Pace = Pace(),  # noqa: B008 - immutable
    ) -> None:
        self._waiting = list(units)
        self._script = script
        self._tray = tray
        self._printer = printer
        self._pace = pace
        self._in_bay: dict[str, PlantedUnit] = {}
        self._run_before: dict[str, int] = {}
        self.runs: dict[int, int] = {}
        self._scanned: set[tuple[int, int, str]] = set()
        self._bounces = Bounces()
        self._modems: dict[int, SimulatedModem] = {}
        self._paper_at: float | None = None

    async def work(self, bench: Bench) -> None:
        """Plug, scan and pull until nothing is left, and the registry has checked all units."""
        while self._waiting or self._in_bay or bench.state.ledger.unchecked():
            await asyncio.sleep(_POLL_S)
            self._load_paper()
            for bay in bench.view().bays:
                unit = self._in_bay.get(bay.number)
                if unit is None:
                    await self._plug_next(bench, bay)
                else:
                    await self._look_at(bench, bay, unit)

    def _load_paper(self) -> None:
        if not self._printer.is_empty:
            self._paper_at = None
        elif self._paper_at is None:
            self._paper_at = time.monotonic() + _PAPER_S
        elif time.monotonic() >= self._paper_at:
            self._printer.load()

    async def _plug_next(self, bench: Bench, bay: BayView) -> None:
        if bench.state.bays[bay.number].is_plugged:
            return  # the bench has yet to notice that the last unit was pulled
        unit = next((one for one in self._waiting if self._may_plug(one)), None)
        if unit is None:
            return
        await asyncio.sleep(self._pace.plug_s)
        self._waiting.remove(unit)
        self._in_bay[bay.number] = unit
        self._run_before[bay.number] = bay.run
        self._plug(bench, bay.number, unit)

    def _may_plug(self, unit: PlantedUnit) -> bool:
        is_free = unit.after is None or (
            unit.after.number in self.runs and unit.after not in self._in_bay.values()
        )
        if not is_free:
            return False
        partner = unit.partner
        is_first_of_two = partner is not None and partner in self._waiting
        free = len(self._tray.bays) - len(self._in_bay)
        return not is_first_of_two or free >= 2

    def _plug(self, bench: Bench, bay: str, unit: PlantedUnit) -> None:
        if unit.is_flashing:
            bench.post(UnitPlugged(bay, "05c6:9008"))
            bench.post(PortFailed(bay, "flashing", "the module is in flashing mode"))
            return
        modem = self._modems.get(unit.number)
        if modem is None:
            modem = self._modems[unit.number] = SimulatedModem(
                self._script, clone=unit.number, **unit.modem
            )
        self._tray.plug(bay, modem)

    async def _pull(self, bench: Bench, bay: str) -> PlantedUnit:
        await asyncio.sleep(self._pace.pull_s)
        unit = self._in_bay.pop(bay)
        self._tray.pull(bay)
        if unit.is_flashing:
            bench.post(UnitPulled(bay))
        return unit

    async def _look_at(self, bench: Bench, bay: BayView, unit: PlantedUnit) -> None:
        if bay.run == self._run_before[bay.number]:
            return  # the tile still shows the unit before this one
        running = self._tray.modem(bay.number)
        if running is not None and not running.endpoint.open:
            await asyncio.sleep(_RESET_S)
            running.modem.faults.drop("vanish")
            running.replug()
        elif bay.state is BayState.SCANNING and bay.blame is Blame.OPERATOR:
            # puts it in again without another SIM card
            await self._pull(bench, bay.number)
            await asyncio.sleep(0.1)
            self._waiting.insert(0, unit)
        elif bay.state in (BayState.SCANNING, BayState.VERIFYING):
            await self._scan(bench, bay, unit)
        elif bay.state in ENDED and bay.state is not BayState.ABORTED and bay.run:
            if unit.partner is not None and unit.partner in self._waiting:
                return
            partner_runs = [n for n, each in self._in_bay.items() if each is unit.partner]
            self.runs[unit.number] = bay.run
            if partner_runs and not _has_ended(bench, partner_runs[0]):
                return
            await self._pull(bench, bay.number)

    async def _scan(self, bench: Bench, bay: BayView, unit: PlantedUnit) -> None:
        key = (unit.number, bay.run, str(bay.state))
        if key in self._scanned:
            return
        self._scanned.add(key)
        await asyncio.sleep(self._pace.scan_s)
        self._send(bench, f"MA-BAY-{bay.number}")
        for code in unit.label if bay.state is BayState.SCANNING else (unit.imei,):
            self._send(bench, code)

    def _send(self, bench: Bench, code: str) -> None:
        if not self._bounces.is_bounce(_SOURCE, code, time.monotonic()):
            bench.post(CodeScanned(_SOURCE, code))


def _has_ended(bench: Bench, number: str) -> bool:
    return bench.state.bays[number].state in ENDED
