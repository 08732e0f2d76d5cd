"""Supervision of all modems: scan for them and run one task for each."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable, Sequence

from modemagent.channel.trace import Trace
from modemagent.errors import PortNotFound
from modemagent.logs import Log, NullLog
from modemagent.real_path import real_path
from modemagent.report.message import ModemHealth, PortPlace
from modemagent.settings import Settings
from modemagent.watching.consumer import EventOnlyConsumer, ReadingConsumer
from modemagent.watching.drops import Drops
from modemagent.watching.events import EventBus
from modemagent.watching.modem_session import WatchContext
from modemagent.watching.modem_task import ModemTask
from modemagent.watching.modemmanager_arbiter import ModemManagerArbiter
from modemagent.watching.places import baseline_key, is_remote, is_there, modem_key, place_of
from modemagent.watching.port_state import PortState
from modemagent.watching.rescan import SOON_S, RescanScheduler
from modemagent.watching.selection import SelectedModem, Selection

#: Delay after a scan that has failed because of an internal error.
_RETRY_SCAN_S = 2.0
#: Keys of a reading that ``status`` shows.
_SHOWN = ("dialect", "modem", "sims", "problems", "verdict")


class Supervisor:
    """Scans for modems and runs one task for each.

    :param consumer: receives readings and removals
    :param trace: receives every line that crosses a port
    :param sockets: USB sockets; discovery watches modems in them or in hubs that are plugged into
        them, and no others. None: all modems
    """

    def __init__(
        self,
        settings: Settings,
        consumer: ReadingConsumer,
        log: Log,
        events: EventBus,
        trace: Trace | None = None,
        sockets: Sequence[str] | None = None,
    ) -> None:
        self._context = WatchContext(settings, consumer, events, log, trace=trace)
        self._consumer = consumer
        self._log = log
        self._selection = Selection(settings, sockets)
        self._rescan = RescanScheduler(log)
        self._tasks: dict[ModemTask, asyncio.Task[None]] = {}
        #: keys of modems whose ports are being closed because of new settings
        self._closing: frozenset[str] = frozenset()
        self._arbiter_task: asyncio.Task[None] | None = None
        self._scan_error = ""

    @property
    def _settings(self) -> Settings:
        return self._context.settings

    @property
    def modems(self) -> dict[str, ModemTask]:
        """The modems by the path of their port; if two share a path, the one that is present."""
        tasks = sorted(self._tasks, key=lambda task: task.condition.state is not PortState.ABSENT)
        return {task.port: task for task in tasks}

    async def run(self) -> None:
        """Watch until cancelled; every port is closed on return."""
        self._heartbeat = asyncio.create_task(self._send_heartbeats())
        self._connect_modemmanager()
        self._watch_missing(self._consumer.baseline_places())
        self._rescan.open()
        try:
            while True:
                self._rescan.begin()
                done = self._try_to_scan()
                await self._rescan.wait(self._pause_s() if done else _RETRY_SCAN_S)
        finally:
            self._rescan.close()
            tasks = [self._heartbeat, *self._tasks.values()]
            if self._arbiter_task is not None:
                tasks.append(self._arbiter_task)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _connect_modemmanager(self) -> None:
        """Follow ModemManager, or stop following it, as the settings say."""
        if self._arbiter_task is not None:
            self._arbiter_task.cancel()
        self._context.modemmanager = self._arbiter_task = None
        if self._settings.via != "port":
            arbiter = ModemManagerArbiter(self._log, changed=self._rescan.request)
            self._context.modemmanager = arbiter
            self._arbiter_task = asyncio.create_task(arbiter.run(), name="modemmanager")

    def _watch_missing(self, places: Iterable[PortPlace]) -> None:
        """Start tasks for modems of an earlier run that are missing: report their removal."""
        for place in places:
            if is_remote(place.path):
                continue
            key = modem_key(place)
            if is_there(place.path) and modem_key(place_of(place.path)) == key:
                continue
            if all(task.key != key for task in self._tasks):
                self._start(key, place)

    # -- scans

    def _pause_s(self) -> float:
        if any(task.awaits_return for task in self._tasks):
            return SOON_S
        return self._rescan.pause_s(self._selection.awaited)

    def _try_to_scan(self) -> bool:
        """Scan; log an internal error once, and keep watching the current modems."""
        try:
            self._scan()
        except Exception as error:  # noqa: BLE001 - the next scan may succeed
            if repr(error) != self._scan_error:
                self._scan_error = repr(error)
                self._log.error("rescan_error", exc_info=True)
            return False
        self._scan_error = ""
        return True

    def _current_modems(self) -> dict[str, SelectedModem]:
        """Return the modems that the settings select, with those that only ModemManager reads."""
        modems = self._selection.current_modems()
        arbiter = self._context.modemmanager
        if arbiter is not None and self._settings.discovery:
            places = [place for modem in modems.values() for place in modem.places]
            for place in arbiter.portless(places).values():
                key = modem_key(place)
                modems.setdefault(key, SelectedModem(key, (place,), may_open=False))
        return modems

    def _scan(self) -> None:
        modems = self._current_modems()
        self._rescan.note_ports([p.path for modem in modems.values() for p in modem.places])
        present = set()
        for modem in modems.values():
            if modem.key not in self._closing:
                task = self._task_for(modem)
                task.on_found(modem.places)
                present.add(task)
        for task in self._tasks.keys() - present:
            task.on_missing(has_other_ports=self._selection.sees(task.key))
            is_gone = task.condition.state is PortState.ABSENT and not task.awaits_return
            is_named = task.port in self._selection.named_paths
            if is_gone and (not is_named or any(each.serves(task.port) for each in present)):
                self._stop(task)
        for path in self._selection.named_paths:
            if not any(task.serves(path) for task in self._tasks) and path not in self._closing:
                self._start(path, PortPlace(path=path))

    def _task_for(self, modem: SelectedModem) -> ModemTask:
        """Return the task of a modem; create one for a modem that has none."""
        for task in self._tasks:
            if task.key == modem.key:
                return task
        for task in self._tasks:
            # a named path gets its ids when the device appears, and loses them before it disappears
            same_path = any(place.path == task.port for place in modem.places)
            if same_path and None in (task.place.id, modem.places[0].id):
                if task.place.id is None:
                    task.key = modem.key
                return task
        return self._start(modem.key, modem.places[0], may_open=modem.may_open)

    def _start(self, key: str, place: PortPlace, *, may_open: bool = True) -> ModemTask:
        task = ModemTask(
            key,
            place,
            context=self._context,
            may_open=may_open,
            changed=self._rescan.request,
        )
        self._tasks[task] = asyncio.create_task(task.run(), name=f"modem {key}")
        return task

    def _stop(self, task: ModemTask) -> asyncio.Task[None]:
        """Stop watching a modem; the returned task ends when its port is closed."""
        running = self._tasks.pop(task)
        running.cancel()
        return running

    # -- settings and requests

    def rescan(self) -> None:
        """Look for modems at once: something outside has appeared or disappeared."""
        self._rescan.request()

    async def apply_settings(self, settings: Settings) -> None:
        """Apply new settings.

        A port that both the old and the new settings select stays open without interruption. A port
        that is no longer selected is closed without being reported as removed. A new one is opened
        at the next scan.
        """
        old = self._settings
        selected = self._current_modems()
        was_named = self._selection.named_paths
        self._context.settings = self._selection.settings = settings
        only_ports = settings.via == "port"
        wanted = self._selection.current_modems() if only_ports else self._current_modems()
        reopen = (old.baud, old.via) != (settings.baud, settings.via)
        closing = {}
        for task in list(self._tasks):
            is_wanted = task.key in wanted or task.port in self._selection.named_paths
            is_dropped = not is_wanted and (task.key in selected or task.port in was_named)
            if is_dropped or reopen or _uses_unselected_port(task, wanted.get(task.key)):
                closing[task.key] = self._stop(task)
            else:
                task.retime()
            if is_dropped:
                self._log.info("port_skipped", port=task.port)
        if old.via != settings.via:
            self._connect_modemmanager()
        self._closing = frozenset(closing)
        try:
            await asyncio.gather(*closing.values(), return_exceptions=True)
        finally:
            self._closing = frozenset()
        self._rescan.restart()
        if old.heartbeat_interval != settings.heartbeat_interval:
            self._heartbeat.cancel()
            self._heartbeat = asyncio.create_task(self._send_heartbeats())

    def find(self, name: str) -> ModemTask:
        """Return the modem at a port: named by its path, by a link to it, or by its stable id.

        :raises PortNotFound: the agent does not watch this port
        """
        modems = self.modems
        if name in modems:
            return modems[name]
        real = None if is_remote(name) else real_path(name)
        for port, task in modems.items():
            if task.place.id == name or (real and real_path(port) == real):
                return task
        raise PortNotFound(
            f"the agent does not watch {name}", port=name, hint="See: modemagent status"
        )

    async def _send_heartbeats(self) -> None:
        interval_s = self._settings.heartbeat_interval
        if not interval_s:
            return
        # gateways that boot together after a power cut must not send all of them together
        await asyncio.sleep(random.uniform(0.5, 1.0) * interval_s)
        while True:
            self._consumer.heartbeat(interval_s, self._modem_health())
            await asyncio.sleep(interval_s)

    def _modem_health(self) -> list[ModemHealth]:
        """Return the state of each modem, and of those that have dropped and are gone."""
        peaks = self._context.drops.take_peaks()
        found = {key: (place, PortState.ABSENT) for key, (place, _) in peaks.items()}
        for task in self.modems.values():
            found[baseline_key(task.place)] = task.place, task.condition.state
        return [
            ModemHealth(place.id or place.path, str(state), peaks[key][1] if key in peaks else 0)
            for key, (place, state) in sorted(found.items())
        ]

    def to_json(self) -> list[dict[str, object]]:
        """Return what ``status`` shows of every port: state, reading, last report."""
        return [self._status_of(task) for _, task in sorted(self.modems.items())]

    def drops(self) -> list[Drops]:
        """Return the drops of each modem that has had some within ten minutes."""
        return list(self._context.drops.all())

    def _status_of(self, task: ModemTask) -> dict[str, object]:
        entry: dict[str, object] = {"port": task.port, "port_id": task.place.id}
        entry |= task.condition.to_json()
        entry["drops"] = self._context.drops.of(task.place).total
        if baud := self._context.speeds.get(task.place.id or task.port):
            entry["baud"] = baud
        if baseline := self._consumer.baseline(task.place):
            reading = self._context.imeis.compare(modem_key(task.place), baseline).to_json()
            entry |= {key: reading[key] for key in _SHOWN}
        last = self._consumer.last.get(baseline_key(task.place))
        entry["last_report"] = last and {
            "sequence": last.sequence,
            "reason": str(last.reason),
            "observed_at": last.observed_at,
        }
        return entry


def _uses_unselected_port(task: ModemTask, modem: SelectedModem | None) -> bool:
    """Return True if the settings select another port of the modem than the current one."""
    return modem is not None and all(place.path != task.port for place in modem.places)


def events_only(settings: Settings, events: EventBus) -> Supervisor:
    """Return a supervisor that emits events and makes no reports."""
    return Supervisor(settings, EventOnlyConsumer(events), NullLog(), events)
