"""Readings of the modules in the bays, a third consumer of :mod:`modemagent.watching`."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Callable, Mapping, Sequence

from modemagent.discovery.sockets import find_socket
from modemagent.errors import ModemAgentError
from modemagent.identity.snapshot import Snapshot
from modemagent.logs import Log
from modemagent.modem.identify import NO_EXTRAS
from modemagent.provisioning.bench_file import TRIGGERS, BenchSettings, is_path
from modemagent.provisioning.events import (
    Happening,
    HubsJudged,
    PortFailed,
    UnitPlugged,
    UnitPulled,
    UnitRead,
)
from modemagent.provisioning.hubs import misplaced_bays
from modemagent.provisioning.usb_devices import PROBLEMS, devices_in_bays
from modemagent.report.message import ModemHealth, PortPlace, Reason, Report
from modemagent.settings import Settings
from modemagent.watching.baseline import reason_for, update_baseline
from modemagent.watching.events import EventBus, ModemEvent
from modemagent.watching.places import baseline_key, is_in_sockets, is_remote
from modemagent.watching.port_state import PortState
from modemagent.watching.supervisor import Supervisor

#: Interval of the polls that notice another SIM card.
_POLL_S = 5.0
#: At serial lines: interval of the readings that notice another unit, and of attempts at a silent
#: line; time without an answer after which the unit was taken out.
_LINE_S, _SILENCE_S = 1.0, 2.0
#: Errors of a port that are not silence: the bay cannot work until they are gone.
_UNUSABLE = ("busy", "permission")
_PRESENT = (PortState.OPENING, PortState.IDENTIFYING, PortState.STANDBY, PortState.BROKEN)


class BayReadings:
    """Reads the modules in the bays and passes on what happens in them.

    :param station: bays, each a path, URL or USB socket, and what begins a turn at a serial line
    :param post: receives each event, in the thread of the event loop
    """

    def __init__(self, station: BenchSettings, post: Callable[[Happening], None], log: Log) -> None:
        self._bays = bays = station.bays
        self._trigger, self._hubs = station.trigger, station.hubs
        #: bays whose device stays when the unit is taken out
        self._lines = {bay for bay in bays if station.starts_by(bay, *TRIGGERS[1:])}
        #: serial lines with a unit: when it answered last; those of them that do not answer now
        self._answered: dict[str, float] = {}
        self._silent: set[str] = set()
        #: serial lines whose port cannot be used, without a unit
        self._blocked: set[str] = set()
        #: serial lines whose session is being ended: what it still reads is not of the next unit
        self._ending: set[str] = set()
        self._tried_at = 0.0
        self._post = post
        self._by_path = {target: bay for bay, target in bays.items() if is_path(target)}
        sockets = {target: bay for bay, target in bays.items() if not is_path(target)}
        self._by_socket = sockets
        self._events = EventBus()
        self._events.subscribe(self._on_event)
        self._baselines: dict[str, Snapshot] = {}
        self.last: Mapping[str, Report] = {}
        self._places: dict[str, PortPlace] = {}
        self._present: set[str] = set()
        #: bays with a device that has no usable port yet
        self._portless: set[str] = set()
        self._hub_problems: dict[str, str] = {}
        settings = Settings(
            port=tuple(self._by_path),
            discovery=bool(sockets),
            via="port",
            poll_interval=_POLL_S,
            refresh_interval=_LINE_S if self._lines and self._trigger == "auto" else 0.0,
            heartbeat_interval=0.0,
            network=False,
        )
        self._supervisor = Supervisor(
            settings, self, log, self._events, sockets=tuple(sockets) or None
        )
        self._existing = self._find_paths()  # the first scan finds them

    async def run(self) -> None:
        """Read until cancelled; every port is closed on return."""
        await self._supervisor.run()

    def notice_paths(self) -> None:
        """Look whether device paths have appeared or disappeared, which udev does not report."""
        found = self._find_paths()
        if found != self._existing:
            self._existing = found
            self._supervisor.rescan()

    def _find_paths(self) -> frozenset[str]:
        return frozenset(path for path in self._by_path if not is_remote(path) and _exists(path))

    def _notice_lines(self) -> None:
        """Look which units at serial lines no longer answer, and whether another one does."""
        now = time.monotonic()
        for bay in [bay for bay in self._silent if now - self._answered[bay] >= _SILENCE_S]:
            self._leave(bay)
        if self._trigger == "auto" and now - self._tried_at >= _LINE_S:
            self._tried_at = now
            for bay in self._lines - self._present:
                self._retry(bay)

    def _begin_turn(self, bay: str) -> None:
        """Begin the turn of the unit at a serial line, whatever was there before."""
        self._leave(bay)
        self._present.add(bay)
        self._post(UnitPlugged(bay))
        self._reconnect(bay)

    def _leave(self, bay: str) -> None:
        """Forget the unit at a serial line."""
        self._answered.pop(bay, None)
        self._silent.discard(bay)
        self._blocked.discard(bay)
        if (place := self._places.get(bay)) is not None:
            self._baselines.pop(baseline_key(place), None)
        if bay in self._present:
            self._present.discard(bay)
            self._post(UnitPulled(bay))

    def _retry(self, bay: str) -> None:
        with contextlib.suppress(ModemAgentError):
            self._supervisor.find(self._bays[bay]).retry_now()

    def _reconnect(self, bay: str) -> None:
        """Begin another session: within one, another IMEI would be an error of the module."""
        with contextlib.suppress(ModemAgentError):
            task = self._supervisor.find(self._bays[bay])
            self._ending.add(bay)
            # after the present step of the session, which may be what has led here
            asyncio.get_running_loop().call_soon(task.reconnect)

    def _notice_hubs(self) -> None:
        """Look whether the hubs of the bays are as they were."""
        problems = misplaced_bays(self._bays, self._hubs)
        if problems != self._hub_problems:
            self._hub_problems = problems
            self._post(HubsJudged(problems))

    def notice_devices(self) -> None:
        """Look at hubs and serial lines, and for USB devices without a usable port.

        These are starting, flashing, or refused.
        """
        self._notice_hubs()
        self._notice_lines()
        if not self._by_socket:
            return
        bays = {bay: socket for socket, bay in self._by_socket.items()}
        found = {device.bay: device for device in devices_in_bays(bays)}
        for bay, device in found.items():
            if bay not in self._present and bay not in self._portless:
                self._portless.add(bay)
                self._post(UnitPlugged(bay, device.ids))
            if bay in self._portless and device.problem:
                message, remedy = PROBLEMS[device.problem]
                self._post(PortFailed(bay, device.problem, message, remedy))
        for bay in self._portless - found.keys():
            self._portless.discard(bay)
            if bay not in self._present:
                self._post(UnitPulled(bay))

    async def read_again(self, bay: str, *, is_new: bool = False) -> None:
        """Read the module in a bay again, if it is there; the reading arrives as an event.

        :param is_new: another unit is at the serial line
        """
        if is_new:
            self._begin_turn(bay)
            return
        with contextlib.suppress(ModemAgentError, KeyError):
            task = self._supervisor.find(self._places[bay].path)
            reading = await task.read_now(NO_EXTRAS)
            self._post(UnitRead(bay, reading))

    def replay(self) -> None:
        """Post the present state of all bays again, for a reducer that has begun again."""
        for bay in sorted(self._present):
            place = self._places[bay]
            self._post(UnitPlugged(bay, _usb_ids(place)))
            if (reading := self._baselines.get(baseline_key(place))) is not None:
                self._post(UnitRead(bay, reading))

    def place(self, bay: str) -> PortPlace | None:
        """Return the port of the module that was last in a bay."""
        return self._places.get(bay)

    # -- the interface of a consumer

    def baseline(self, place: PortPlace) -> Snapshot | None:
        return self._baselines.get(baseline_key(place))

    def baseline_places(self) -> list[PortPlace]:
        return []

    def submit(
        self, place: PortPlace, reading: Snapshot, *, default_reason: Reason | None
    ) -> Reason | None:
        before = self.baseline(place)
        bay = self._bay_of(place)
        if bay in self._ending:
            return default_reason
        self._baselines[baseline_key(place)] = update_baseline(before, reading)
        if bay is None:
            return reason_for(before, reading) or default_reason
        self._places[bay] = place
        if bay in self._lines and self._is_another(bay, before, reading):
            return default_reason
        if bay not in self._lines or self._trigger == "auto":
            self._note_present(bay, place)
        if bay in self._present:
            self._post(UnitRead(bay, reading))
        return reason_for(before, reading) or default_reason

    def _is_another(self, bay: str, before: Snapshot | None, reading: Snapshot) -> bool:
        """Return True if a serial line has another unit than before; its session begins."""
        self._silent.discard(bay)
        self._answered[bay] = time.monotonic()
        imeis = {one.modem.imei for one in (before, reading) if one is not None}
        if len(imeis - {None}) < 2:
            return False
        self._leave(bay)
        self._reconnect(bay)
        return True

    def removed(self, place: PortPlace) -> bool:
        return self._baselines.pop(baseline_key(place), None) is not None

    def heartbeat(self, interval_s: float, modems: Sequence[ModemHealth]) -> None:
        """Do nothing."""

    # -- events of ports

    def _on_event(self, event: ModemEvent) -> None:
        if event.name != "port.state" or event.port is None:
            return
        found = self._known_place(event)
        bay = self._bay_of(found)
        if bay is None:
            return
        state = str(event.data["state"])
        if state == PortState.ABSENT:
            self._baselines.pop(baseline_key(found), None)
            if bay in self._present:
                self._answered.pop(bay, None)
                self._silent.discard(bay)
                self._present.discard(bay)
                self._portless.discard(bay)
                self._post(UnitPulled(bay))
            return
        reason = str(event.data.get("reason") or "")
        if bay in self._lines:
            self._note_line(bay, found, state, reason)
        elif (
            state in _PRESENT
            and not (is_remote(found.path) and state == PortState.OPENING)
            and not (state == PortState.BROKEN and reason in ("vanished", "not_found"))
        ):
            self._note_present(bay, found)
        if state == PortState.BROKEN and bay in self._present:
            message, hint = (str(event.data.get(key) or "") for key in ("message", "hint"))
            self._post(PortFailed(bay, reason, message, hint))

    def _note_line(self, bay: str, place: PortPlace, state: str, reason: str) -> None:
        """Note whether a serial line answers, and hold its bay while its port cannot be used."""
        if state == PortState.OPENING:
            self._ending.discard(bay)
        elif state == PortState.BROKEN and bay in self._answered:
            self._silent.add(bay)
        elif state == PortState.BROKEN and reason in _UNUSABLE and bay not in self._present:
            self._blocked.add(bay)
            self._note_present(bay, place)
        elif state == PortState.IDENTIFYING and bay in self._blocked:
            self._leave(bay)

    def _known_place(self, event: ModemEvent) -> PortPlace:
        assert event.port is not None  # noqa: S101 - the caller has checked it
        device = (event.port_id or "").rpartition(":")[0]
        socket = find_socket(device) if device.startswith("usb:") else None
        if socket is None:  # it was removed: where it was before
            before = (one for one in self._places.values() if one.path == event.port)
            socket = next((one.socket for one in before), None)
        return PortPlace(event.port, event.port_id, socket=socket)

    def _note_present(self, bay: str, place: PortPlace) -> None:
        self._places[bay] = place
        if bay not in self._present:
            self._present.add(bay)
            self._post(UnitPlugged(bay, _usb_ids(place)))

    def _bay_of(self, place: PortPlace) -> str | None:
        if (bay := self._by_path.get(place.path)) is not None:
            return bay
        if place.socket is None:
            return None
        fitting = (bay for socket, bay in self._by_socket.items()
                   if is_in_sockets(place.socket, (socket,)))  # fmt: skip
        return next(fitting, None)


def _exists(path: str) -> bool:
    return os.path.exists(path)  # noqa: PTH110 - called for each bay twenty times a second


def _usb_ids(place: PortPlace) -> str:
    return f"{place.usb_vid}:{place.usb_pid}" if place.usb_vid else ""
