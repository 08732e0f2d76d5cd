"""A rehearsal: simulated tray, person and printer around a real session of the bench."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from modemagent.logs import Log, NullLog
from modemagent.provisioning.bench_file import BenchSettings
from modemagent.provisioning.columns import ColumnMap
from modemagent.provisioning.order import parse_order
from modemagent.provisioning.runtime import Bench, Listener
from modemagent.provisioning.session import Companion, SessionOptions, run_session
from modemagent.provisioning.simulation.comparison import FoundResult, compare_results
from modemagent.provisioning.simulation.known_units import SimulatedRegistry
from modemagent.provisioning.simulation.person import Pace, SimulatedPerson, SimulatedPrinter
from modemagent.provisioning.simulation.planted import (
    TRANSCRIPT,
    PlantedUnit,
    order_of,
    planted_units,
)
from modemagent.simulator.catalogue import find
from modemagent.simulator.script import load
from modemagent.simulator.server import SimulatorServer
from modemagent.simulator.tray import SimulatedTray

_ORDER = "rehearsal"
#: Short times, because simulated modules start at once; but a busy machine may delay an answer for
#: seconds, and a good module that counts as mute would be a fault that was not planted.
_BOOT_S, _SIM_S = 6.0, 10.0


class Rehearsal:
    """Units, tray and person in a directory; a context manager that runs the simulated modems."""

    def __init__(
        self,
        folder: Path,
        *,
        units: int | Sequence[PlantedUnit],
        bays: int = 8,
        seed: int = 1,
        pace: Pace | None = None,
        log: Log | None = None,
    ) -> None:
        self.folder = folder
        self.units = planted_units(units, seed) if isinstance(units, int) else list(units)
        self._log = log or NullLog()
        self._server = SimulatorServer()
        (folder / "dev").mkdir(parents=True, exist_ok=True)
        self.tray = SimulatedTray(self._server, folder / "dev", bays)
        self.printer = SimulatedPrinter()
        script = load(find(TRANSCRIPT))
        self.person = SimulatedPerson(self.units, script, self.tray, self.printer, pace or Pace())
        self.order = parse_order(order_of(self.units).encode(), _ORDER, ColumnMap())
        (folder / f"{_ORDER}.csv").write_text(order_of(self.units), encoding="utf-8")
        self.settings = BenchSettings(
            station="simulated",
            bays={bay: self.tray.path(bay) for bay in self.tray.bays},
            boot_s=_BOOT_S,
            sim_s=_SIM_S,
            printer="simulated",
        )
        self.results: list[FoundResult] = []

    def __enter__(self) -> Rehearsal:
        self._server.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.__exit__(kind, error, trace)

    def run(self, listener: Listener, companions: Sequence[Companion] = ()) -> list[FoundResult]:
        """Run until all units have their verdict; return what was found about each.

        :param companions: a screen
        """
        run_session(
            self.order,
            self.settings,
            self.folder / "state",
            listener,
            log=self._log,
            options=SessionOptions(),
            printer=self.printer,
            companions=(self._work, *companions),
            known_units=SimulatedRegistry(self.units),
        )
        return self.results

    async def _work(self, bench: Bench, stop: asyncio.Event) -> None:
        await self.person.work(bench)
        self.results = compare_results(self.units, self.person.runs, bench.state.ledger)
        stop.set()
