"""Arbitration with ModemManager: which modems it has, and which ports to leave to it.

Both programs use the same ports. The first one to open a port keeps the other one out, and a modem
that ModemManager cannot open has no data connection. ModemManager therefore has priority: a port is
not opened while ModemManager may still probe it, a modem that it has is read over D-Bus, and ports
are released when it starts later. Ports that its udev rules exclude (``ID_MM_DEVICE_IGNORE``,
``ID_MM_PORT_IGNORE``) are opened at once.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable
from pathlib import Path

from modemagent.discovery import udev
from modemagent.discovery.sockets import find_socket
from modemagent.discovery.usb import text
from modemagent.errors import ModemManagerUnavailable
from modemagent.extras import install_command
from modemagent.logs import Log
from modemagent.modemmanager.client import EXTRA, NAME, ModemManager, has_bus, has_library
from modemagent.modemmanager.managed_modem import MmModem
from modemagent.real_path import real_path
from modemagent.report import origin
from modemagent.report.message import PortPlace
from modemagent.watching.places import usb_device

#: Time in which ModemManager publishes a modem; it waits 20 s for a mute port.
PROBES_WITHIN_S = 30.0
#: Time in which ModemManager restarts after it has stopped.
_RESTARTS_WITHIN_S = 10.0
#: Reconnect delay to D-Bus: initial value and maximum of the back-off.
_RECONNECT_S, _RECONNECT_MAX_S = 2.0, 60.0
#: Delay after a refused call, and refusals in a row after which ModemManager counts as stopped. It
#: refuses calls while it is busy or stopping, and when a SIM is removed during the call.
_RETRY_S, _REFUSALS = 1.0, 5
_SETTLES_S = 0.05
_BOOTS_WITHIN_MS = 60_000
_LONG_AGO = float("-inf")
_PROGRAMS = ("/usr/sbin", "/sbin", "/usr/bin")


class ModemManagerArbiter:
    """State of ModemManager, kept up to date while :meth:`run` runs.

    :param changed: called after each change
    :ivar running: True while ModemManager is on the bus
    :ivar modems: the modems that ModemManager has
    :ivar known: set when ``running`` is valid for the first time
    :ivar changed: set at the next change and then replaced
    """

    def __init__(self, log: Log, changed: Callable[[], None]) -> None:
        self._log = log
        self._on_change = changed
        #: sysfs path -> the modem, and whether one of its ports is or was selected for watching
        self._seen: dict[str, tuple[MmModem, bool]] = {}
        self.changed = asyncio.Event()
        self._started = self._stopped = _LONG_AGO
        #: unique bus name, a new one after each start
        self._owner: str | None = None
        self._has_answered = False
        self.running = False
        self.modems: tuple[MmModem, ...] = ()
        self.known = asyncio.Event()

    async def run(self) -> None:
        """Follow ModemManager until cancelled; without access to D-Bus no port is left to it."""
        if not has_library():
            if has_bus() and any(os.access(f"{path}/{NAME}", os.X_OK) for path in _PROGRAMS):
                self._log.info("modemmanager_not_used", hint=install_command(EXTRA))
            self.known.set()
            return
        logged, pause_s = "", _RECONNECT_S
        while True:
            self._has_answered = False
            try:
                if has_bus():
                    await self._follow()
            except ModemManagerUnavailable as error:
                if error.message != logged:
                    logged = error.message
                    self._log.info("modemmanager_not_used", reason=error.message, hint=error.hint)
            except Exception:  # noqa: BLE001 - an internal error must not keep the ports closed
                self._log.error("modemmanager_error", exc_info=True)
            self._update((), running=False)
            if self._has_answered:
                logged, pause_s = "", _RECONNECT_S
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, _RECONNECT_MAX_S)

    async def _follow(self) -> None:
        """Follow ModemManager over one connection to the bus.

        :raises ModemManagerUnavailable: the bus cannot be reached, or several calls in a row were
            refused
        """
        link = await ModemManager.connect()
        ended = asyncio.create_task(link.ended())
        dirty = asyncio.Event()
        ended.add_done_callback(lambda _: dirty.set())
        refusals = 0
        try:
            await link.listen(dirty.set)
            while not ended.done():
                dirty.clear()
                try:
                    self._note_owner(await link.owner())
                    modems = await link.modems()
                except ModemManagerUnavailable:
                    # the bus works, so ModemManager still runs: keep its last state
                    refusals += 1
                    if refusals >= _REFUSALS:
                        raise
                    await asyncio.wait({ended}, timeout=_RETRY_S)
                    continue
                refusals, self._has_answered = 0, True
                self._update(modems, running=self._owner is not None)
                await dirty.wait()
                await asyncio.sleep(_SETTLES_S)  # changes come in bursts
        finally:
            ended.cancel()
            link.close()
            await asyncio.gather(ended, return_exceptions=True)

    def _note_owner(self, owner: str | None) -> None:
        """Note the current instance; one that ran before a reconnect has probed the ports."""
        if owner == self._owner:
            return
        self._owner = owner
        if self.known.is_set():
            self._started = _now()
            self._update((), running=owner is not None)  # no modem is published yet
        elif origin.uptime_ms() <= _BOOTS_WITHIN_MS:
            self._started = _now()

    def _update(self, modems: tuple[MmModem, ...], *, running: bool) -> None:
        if self.running and not running:
            self._stopped = _now()
        if running != self.running:
            self._log.info("modemmanager", running=running)
        is_change = (modems, running) != (self.modems, self.running) or not self.known.is_set()
        self.modems, self.running = modems, running
        self.known.set()
        if is_change:
            self.changed.set()
            self.changed = asyncio.Event()
            self._on_change()

    def portless(self, others: Iterable[PortPlace]) -> dict[str, PortPlace]:
        """Return the modems that only ModemManager can read: QMI, MBIM, products not in our table.

        A modem is listed as long as its device exists, so that it does not count as removed when
        ModemManager stops.

        :param others: the ports that are selected for watching
        """
        others = tuple(others)
        for modem in self.modems:
            _, has_port = self._seen.get(modem.device, (modem, False))
            has_port = has_port or any(_is_behind(place, modem) for place in others)
            self._seen[modem.device] = modem, has_port
        for device in list(self._seen):
            if not os.path.isdir(device):  # noqa: PTH112
                del self._seen[device]
        places = [_place_of(modem) for modem, has_port in self._seen.values() if not has_port]
        return {place.path: place for place in places}

    def modem_of(self, place: PortPlace) -> MmModem | None:
        """Return the modem behind a port, None if ModemManager does not have it."""
        return next((modem for modem in self.modems if _is_behind(place, modem)), None)

    def appeared(self, place: PortPlace) -> float:
        """Return when an existing port has appeared, on the loop's clock."""
        return _now() - (udev.age_s(place.path.rpartition("/")[2]) or 0.0)

    def probe_grace_s(self, place: PortPlace, appeared: float) -> float:
        """Return how long a port still has to be left to ModemManager; 0 if it may be opened.

        :param appeared: when the port appeared, on the loop's clock
        """
        if self.running:
            left_s = max(appeared, self._started) + PROBES_WITHIN_S - _now()
        else:
            left_s = self._stopped + _RESTARTS_WITHIN_S - _now()
        if left_s <= 0 or place.id is None or not place.id.startswith(("usb:", "pci:")):
            return 0.0
        return 0.0 if udev.is_left_by_modemmanager(place.path.rpartition("/")[2]) else left_s


def _is_behind(place: PortPlace, modem: MmModem) -> bool:
    device = (usb_device(place) or "").partition(":")[2]
    return modem.bus_id == device or place.path.rpartition("/")[2] in modem.ports


def _place_of(modem: MmModem) -> PortPlace:
    """Return the place of a modem, by its first port that is not a network interface."""
    ports = (name for name in modem.ports if not Path("/sys/class/net", name).is_dir())
    name = next(ports, "modem")
    bus = "pci" if modem.bus_id.count(":") > 1 else "usb"
    above = real_path(f"/sys/class/usbmisc/{name}").split("/")
    interface = next((part for part in above if part.startswith(f"{modem.bus_id}:")), None)
    return PortPlace(
        path=f"/dev/{name}",
        id=f"{bus}:{interface or f'{modem.bus_id}:{name}'}",
        usb_vid=text(f"{modem.device}/idVendor"),
        usb_pid=text(f"{modem.device}/idProduct"),
        socket=find_socket(f"{bus}:{modem.bus_id}"),
    )


def _now() -> float:
    return asyncio.get_running_loop().time()
