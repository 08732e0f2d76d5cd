"""Readings of the modules in the bays, a third consumer of :mod:`modemagent.watching`."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping, Sequence

from modemagent.discovery.sockets import find_socket
from modemagent.errors import ModemAgentError
from modemagent.identity.snapshot import Snapshot
from modemagent.logs import Log
from modemagent.modem.identify import NO_EXTRAS
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
_PRESENT = (PortState.OPENING, PortState.IDENTIFYING, PortState.STANDBY, PortState.BROKEN)


def is_path(target: str) -> bool:
    """Return True if a bay is a device path or a URL, not a USB socket."""
    return target.startswith("/") or "://" in target


class BayReadings:
    """Reads the modules in the bays and passes on what happens in them.

    :param bays: number of the bay, and its path, URL or USB socket
    :param post: receives each event, in the thread of the event loop
    """

    def __init__(
        self, bays: Mapping[str, str], post: Callable[[Happening], None], log: Log
    ) -> None:
        self._bays = bays
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
            refresh_interval=0.0,
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

    def notice_hubs(self, hubs: Mapping[str, str]) -> None:
        """Look whether the hubs of the bays are as they were.

        :param hubs: as :func:`modemagent.provisioning.hubs.hubs_of` has returned them
        """
        problems = misplaced_bays(self._bays, hubs)
        if problems != self._hub_problems:
            self._hub_problems = problems
            self._post(HubsJudged(problems))

    def notice_devices(self) -> None:
        """Look for USB devices without a usable port: starting, flashing, or refused."""
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

    async def read_again(self, bay: str) -> None:
        """Read the module in a bay again, if it is there; the reading arrives as an event."""
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
        self._baselines[baseline_key(place)] = update_baseline(before, reading)
        if bay is not None:
            self._note_present(bay, place)
            self._post(UnitRead(bay, reading))
        return reason_for(before, reading) or default_reason

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
                self._present.discard(bay)
                self._portless.discard(bay)
                self._post(UnitPulled(bay))
        elif state in _PRESENT and (not is_remote(found.path) or state != PortState.OPENING):
            reason = str(event.data.get("reason") or "")
            if state != PortState.BROKEN or reason not in ("vanished", "not_found"):
                self._note_present(bay, found)
            if state == PortState.BROKEN and bay in self._present:
                message, hint = (str(event.data.get(key) or "") for key in ("message", "hint"))
                self._post(PortFailed(bay, reason, message, hint))

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
