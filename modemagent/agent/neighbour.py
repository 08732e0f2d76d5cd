"""ModemManager beside the daemon: which modems it has, and when a port is better left to it.

Both want the same ports. Whoever opens one first keeps the other out, and a modem that ModemManager
can not open has no data connection. So ModemManager goes first: a port is left alone while it may
still be looking at it, a modem that it has is read through it, and when it is started later the
ports are given back. What its udev rules tell it to ignore (``ID_MM_DEVICE_IGNORE``,
``ID_MM_PORT_IGNORE``) is opened at once.
"""

from __future__ import annotations

import asyncio
import os

from modemagent.agent.presence import modem_id
from modemagent.discovery import udev
from modemagent.errors import NeighbourAway
from modemagent.logs import Log
from modemagent.neighbours.modemmanager import (
    EXTRA,
    NAME,
    ManagedModem,
    ModemManager,
    has_bus,
    has_library,
)
from modemagent.report import origin
from modemagent.report.message import PortPlace

#: It has published a modem by then, or will not: 20 s for a mute port.
LOOKS_S = 30.0
#: One that goes is mostly started again.
_RETURNS_S = 10.0
_CONNECT_AGAIN_S = 60.0
_SETTLES_S = 0.05
_JUST_BOOTED_MS = 60_000
_LONG_AGO = float("-inf")
_PROGRAMS = ("/usr/sbin", "/sbin", "/usr/bin")


class Neighbour:
    """What is known of ModemManager, kept up to date while :meth:`run` runs.

    :ivar running: it is on the bus
    :ivar modems: what it has
    :ivar known: set once it is known whether it runs
    """

    def __init__(self, log: Log) -> None:
        self._log = log
        #: Set when something changes; each change begins a new turn.
        self.turn = asyncio.Event()
        self._came = self._went = _LONG_AGO
        self.running = False
        self.modems: tuple[ManagedModem, ...] = ()
        self.known = asyncio.Event()

    async def run(self) -> None:
        """Follow it until cancelled; where it can not be asked, nothing is ever left to it."""
        if not has_library():
            # shutil would do it, and cost the daemon half a MiB
            if has_bus() and any(os.access(f"{place}/{NAME}", os.X_OK) for place in _PROGRAMS):
                self._log.info("modemmanager_not_asked", hint=f"pip install '{EXTRA}'")
            self.known.set()
            return
        told = ""
        while True:
            try:
                if has_bus():
                    await self._follow()
            except NeighbourAway as error:
                if error.message != told:
                    told = error.message
                    self._log.info("modemmanager_not_asked", reason=error.message, hint=error.hint)
            except Exception:  # noqa: BLE001 - a fault of ours must not keep the ports closed
                self._log.error("modemmanager_fault", exc_info=True)
            self._take((), running=False)
            await asyncio.sleep(_CONNECT_AGAIN_S)

    async def _follow(self) -> None:
        link = await ModemManager.connect()
        ended = asyncio.create_task(link.ended())
        dirty = asyncio.Event()
        ended.add_done_callback(lambda _: dirty.set())
        try:
            await link.listen(dirty.set)
            was_there = await link.is_running()
            self._came = _LONG_AGO if was_there and origin.uptime_ms() > _JUST_BOOTED_MS else _now()
            while not ended.done():
                dirty.clear()
                running = await link.is_running()
                if running and not self.running and self.known.is_set():
                    self._came = _now()
                self._take(await link.modems(), running=running)
                await dirty.wait()
                await asyncio.sleep(_SETTLES_S)  # changes come in bursts
        finally:
            ended.cancel()
            link.close()
            await asyncio.gather(ended, return_exceptions=True)

    def _take(self, modems: tuple[ManagedModem, ...], *, running: bool) -> None:
        if self.running and not running:
            self._went = _now()
        if running != self.running:
            self._log.info("modemmanager", running=running)
        moved = (modems, running) != (self.modems, self.running) or not self.known.is_set()
        self.modems, self.running = modems, running
        self.known.set()
        if moved:
            self.turn.set()
            self.turn = asyncio.Event()

    def modem_of(self, place: PortPlace) -> ManagedModem | None:
        """Return the modem behind a port, when it is one that ModemManager has."""
        name = place.path.rpartition("/")[2]
        device = (modem_id(place) or "").partition(":")[2]
        return next(
            (m for m in self.modems if (device and m.place == device) or name in m.ports), None
        )

    def appeared(self, place: PortPlace) -> float:
        """Return when a port that is there now has come, by the loop's clock."""
        return _now() - (udev.age_s(place.path.rpartition("/")[2]) or 0.0)

    def looks_for_s(self, place: PortPlace, appeared: float) -> float:
        """Return for how many seconds the port is still to be left to it; 0 for not at all.

        :param appeared: when the port came, by the loop's clock
        """
        if self.running:
            left_s = max(appeared, self._came) + LOOKS_S - _now()
        else:
            left_s = self._went + _RETURNS_S - _now()
        if left_s <= 0 or place.id is None or not place.id.startswith(("usb:", "pci:")):
            return 0.0
        return 0.0 if udev.is_left_by_modemmanager(place.path.rpartition("/")[2]) else left_s


def _now() -> float:
    return asyncio.get_running_loop().time()
