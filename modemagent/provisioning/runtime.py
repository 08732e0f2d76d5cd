"""The running bench: the one place that joins reducer, journal, readings, printer and registry.

The reducer handles each event at once. The records of all events that have arrived meanwhile are
then written and synced together, and only after that anything is shown, sent or printed.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from modemagent.logs import Log
from modemagent.provisioning import opening
from modemagent.provisioning.attempt import ENDED
from modemagent.provisioning.bench_file import BenchSettings
from modemagent.provisioning.events import (
    Announce,
    Append,
    CheckRegistry,
    CodeScanned,
    Effect,
    Handled,
    Happening,
    PersonActed,
    PrintLabel,
    ReadAgain,
    SendReport,
    StartHook,
    TimePassed,
    WantLabel,
)
from modemagent.provisioning.hooks import notify_commands, run_hook
from modemagent.provisioning.journal import Journal, JournalError
from modemagent.provisioning.label_job import LabelJob, LabelPrinter, label_due
from modemagent.provisioning.ledger import replayed
from modemagent.provisioning.line import LineView, StationView
from modemagent.provisioning.order import BenchOrder
from modemagent.provisioning.people import StandingWaiver
from modemagent.provisioning.print_queue import PrintQueue
from modemagent.provisioning.readings import BayReadings
from modemagent.provisioning.reducer import Reducer
from modemagent.provisioning.registry_check import KnownUnits, OfflineUnits, RegistryChecks
from modemagent.provisioning.report_queue import ReportQueue
from modemagent.provisioning.state import LineState
from modemagent.provisioning.station_reports import StationReports
from modemagent.provisioning.view import held_view, line_view, report_counts
from modemagent.watching.events import now as time_of_day

#: Intervals of looking at paths of ports, with a unit at work and without, and at USB devices.
_TICK_S, _IDLE_TICK_S, _DEVICES_S = 0.05, 0.1, 0.5
#: Interval of attempts to write a journal.
_RETRY_JOURNAL_S = 1.0

#: Receives each event of the bench: name, time of day and fields.
Listener = Callable[[str, str, dict[str, Any]], None]


class Bench:
    """The bench with one order.

    :param folder: directory of the order, which holds the journal
    :param reports: stores reports for the registry; None without a registry
    :param elsewhere: 14 digits of an IMEI, and where the unit has passed before
    :param known_units: what units are checked with before they pass; None: they are not checked
    :param offline: what is known of the registry without a connection
    :param station_check: when the last one was made, and its problem
    :raises OrderOpen: another process has the order open
    :raises JournalBroken: the journal was edited or is damaged
    :ivar changed: set after each turn, for screens
    :ivar fault: why the journal cannot be written, "" if it can
    """

    def __init__(
        self,
        order: BenchOrder,
        settings: BenchSettings,
        folder: Path,
        *,
        log: Log,
        printer: LabelPrinter | None = None,
        reports: StationReports | None = None,
        elsewhere: Mapping[str, str] | None = None,
        known_units: KnownUnits | None = None,
        offline: OfflineUnits = OfflineUnits(),  # noqa: B008 - immutable
        waivers: Sequence[StandingWaiver] = (),
        listener: Listener = lambda *_: None,
        station_check: tuple[str, str] | None = None,
    ) -> None:
        self._order = order
        self._settings = settings
        self._elsewhere = elsewhere or {}
        self._log = log
        self._offline = offline
        self._waivers = waivers
        self._checks = None
        if known_units is not None:
            self._checks = RegistryChecks(
                known_units, self.post, lambda: self.state.ledger.unchecked(), log,
                is_required=settings.registry == "confirm",
            )  # fmt: skip
        self._has_printer = printer is not None
        self._printing = PrintQueue(printer, self.post, self.settle, self._label_of)
        self._reports = ReportQueue(reports, self.post) if reports is not None else None
        self._listener = listener
        self._station_check = station_check
        self.journal = Journal(folder)
        self.fault = ""
        self.changed = asyncio.Event()
        self._turns: list[Handled] = []
        self._waiting: list[Happening] = []
        self._instruments: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._tasks: set[asyncio.Task[None]] = set()
        self.readings = BayReadings(settings, self.post, log)
        self._reducer = self._replayed(self.journal.records)

    @property
    def state(self) -> LineState:
        """The state of the line; all of it is on the disk."""
        self.settle()
        return self._reducer.state

    def view(self) -> LineView:
        """Return what a screen draws now."""
        registry, queued = self._reports.status() if self._reports else ("none", 0)
        if self._checks is not None and registry in ("none", "ok"):
            registry = "away" if self._checks.problem else "ok"
        has_export = bool(self._offline.made_at) and registry != "ok"
        if has_export:
            registry = f"{registry}, export {self._offline.made_on}"
        printer = self._printing.problem or "ok" if self._has_printer else "none"
        station = StationView(
            "", registry=registry, queued=queued, printer=printer,
            is_export_stale=has_export and self._offline.is_stale,
        )  # fmt: skip
        self.state.now = time.monotonic()
        view = line_view(self.state, station._replace(is_held=bool(self.fault)))
        return held_view(view, self.fault) if self.fault else view

    @property
    def revision(self) -> tuple[int, str]:
        """What differs if a view differs by more than the time and the state of the station."""
        return self.state.revision, self.fault

    async def run(self, stop: asyncio.Event) -> None:
        """Work until ``stop`` is set."""
        self._begin()
        workers = [
            asyncio.create_task(self.readings.run(), name="readings"),
            asyncio.create_task(self._tick(), name="ticks"),
            asyncio.create_task(self._printing.run(), name="labels"),
        ]
        if self._checks is not None:
            workers.append(asyncio.create_task(self._checks.run(), name="registry"))
        stopping = asyncio.create_task(stop.wait())
        if self._reports is not None:
            workers.append(asyncio.create_task(self._reports.run(), name="reports"))
        try:
            done, _ = await asyncio.wait({*workers, stopping}, return_when=asyncio.FIRST_COMPLETED)
            for task in done - {stopping}:
                task.result()
            self.settle()
            if self._reports is not None:
                await self._reports.finish()
        finally:
            every = [*workers, stopping, *self._tasks]
            for task in every:
                task.cancel()
            await asyncio.gather(*every, return_exceptions=True)
            self.settle()
            with contextlib.suppress(JournalError):
                self.journal.commit(is_synced=True)

    def close(self) -> None:
        """Close the journal."""
        self.journal.close()

    @property
    def is_tray_done(self) -> bool:
        """True if every module that is there has its verdict, and there was at least one."""
        bays = [bay for bay in self.state.bays.values() if bay.is_plugged]
        return bool(bays) and all(bay.state in ENDED for bay in bays) and self._printing.is_empty

    # -- turns

    def post(self, event: Happening) -> None:
        """Handle one event. To be called in the thread of the event loop."""
        if self.fault:
            if not isinstance(event, TimePassed):
                self._waiting.append(event)
            return
        now, at = time.monotonic(), time_of_day()
        effects = self._reducer.handle(event, now, at)
        if effects:
            if not self._turns:
                # after the events that are ready by then: one sync is enough for all of them
                asyncio.get_running_loop().call_soon(self.settle)
            self._turns.append(Handled(event, effects, now, at))

    def settle(self) -> None:
        """Write and carry out what events have caused so far."""
        while self._turns:
            turns, self._turns = self._turns, []
            self._carry_out(turns)
            self.changed.set()
        line = self._reducer.state
        while line.gone:  # what has left its bay is in the journal, and reported
            line.ledger.runs[line.gone.pop()].forget_reading()

    def _carry_out(self, turns: list[Handled]) -> None:
        records = [(one, each) for one in turns for each in one.effects if isinstance(each, Append)]
        try:
            for turn, record in records:
                self.journal.append(record.kind, record.fields, turn.at, round(turn.now * 1000))
            self.journal.commit(is_synced=any(record.is_synced for _, record in records))
        except JournalError as error:
            # what has happened at the ports is replayed, but not what people have done
            events = (one.event for one in turns)
            self._waiting += [one for one in events if isinstance(one, (CodeScanned, PersonActed))]
            self._stop_at(error)
            return
        for turn in turns:
            for effect in turn.effects:
                self._carry_out_effect(effect, turn.at)

    def _carry_out_effect(self, effect: Effect, at: str) -> None:
        match effect:
            case Announce(event, fields):
                self._listener(event, at, fields)
                commands = self._settings.on_verdict
                if event == "attempt.ended" and commands:
                    self._start(notify_commands(commands, fields))
            case WantLabel(run):
                self._printing.put(run)
            case PrintLabel():
                self._printing.grant(effect)
            case SendReport(run, stage):
                self._send_report(run, stage)
            case CheckRegistry(unit):
                if self._checks is not None:
                    self._checks.ask(unit)
            case ReadAgain(bay, is_new):
                self._start(self.readings.read_again(bay, is_new=is_new))
            case StartHook():
                self._start(self._run_hook(effect))

    def _stop_at(self, error: JournalError) -> None:
        """Give no verdicts until the journal can be written: all bays are on hold."""
        self.fault, self._turns = error.message, []
        self._log.error("journal_error", reason=error.message, hint=error.hint)
        self._listener("station.hold", time_of_day(), {"bay": None, "step": "journal",
                       "reason": error.message, "remedy": error.hint})  # fmt: skip
        self._start(self._resume_journal())
        self.changed.set()

    async def _resume_journal(self) -> None:
        """Try to write the journal again; then begin again with what it states."""
        while self.fault:
            await asyncio.sleep(_RETRY_JOURNAL_S)
            try:
                reducer = self._replayed(self.journal.reread())
                mono_ms = round(time.monotonic() * 1000)
                self.journal.append("note", {"text": self.fault}, time_of_day(), mono_ms)
                self.journal.commit(is_synced=True)
            except JournalError:
                continue
            self._reducer, self.fault = reducer, ""
            self._close_open_runs()
            waiting, self._waiting = self._waiting, []
            self.readings.replay()
            for event in waiting:
                self.post(event)
            self.changed.set()

    def _start(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # -- the beginning

    def _replayed(self, records: list[dict[str, Any]]) -> Reducer:
        ledger = replayed(records)
        state = LineState(self._order, self._settings, ledger, self._elsewhere,
                          in_registry=self._offline.units,
                          asks_registry=self._checks is not None,
                          waivers=self._waivers)  # fmt: skip
        return Reducer(state)

    def _begin(self) -> None:
        line = self._reducer.state
        line.begin(time.monotonic(), time_of_day())
        opening.record_start(line, self._station_check, self.journal.torn)
        self._close_open_runs()

    def _close_open_runs(self) -> None:
        line = self._reducer.state
        line.begin(time.monotonic(), time_of_day())
        opening.close_open_runs(line, has_reports=self._reports is not None)
        self._carry_out([Handled(None, line.take_effects(), line.now, line.at)])
        line.ledger.forget_readings()
        self.journal.records = []

    # -- what takes time

    async def _tick(self) -> None:
        devices_at = 0.0
        while True:
            self.readings.notice_paths()
            if time.monotonic() >= devices_at:
                self.readings.notice_devices()
                devices_at = time.monotonic() + _DEVICES_S
            self.post(TimePassed())
            await asyncio.sleep(_IDLE_TICK_S if self._reducer.state.is_idle else _TICK_S)

    def _send_report(self, run: int, stage: str) -> None:
        if self._reports is not None:
            line = self._reducer.state
            entry = line.ledger.runs[run]
            row, counts = line.index.rows.get(entry.row), report_counts(line, stage)
            self._reports.put(entry, stage, row, self.readings.place(entry.bay), counts)

    async def _run_hook(self, effect: StartHook) -> None:
        line = self._reducer.state
        hook = next(each for each in self._settings.hooks if each.name == effect.step)
        async with self._instruments[hook.exclusive or f"bay {effect.run}"]:
            self.post(await run_hook(hook, line, effect.run))

    def _label_of(self, due: PrintLabel) -> LabelJob:
        return label_due(self._reducer.state, due)
