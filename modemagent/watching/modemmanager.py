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
from collections.abc import Callable, Iterable

from modemagent.discovery import udev
from modemagent.errors import ModemManagerUnavailable
from modemagent.logs import Log
from modemagent.modemmanager.client import (
    EXTRA,
    NAME,
    MmModem,
    ModemManager,
    has_bus,
    has_library,
)
from modemagent.report import origin
from modemagent.report.message import PortPlace
from modemagent.watching.selection import modem_id

#: It has published a modem by then, or will not: 20 s for a mute port.
LOOKS_S = 30.0
#: One that goes is mostly started again.
_RETURNS_S = 10.0
#: Between attempts to reach the bus: at first, after a link that was well, and growing up to.
_CONNECT_AGAIN_S, _CONNECT_SELDOM_S = 2.0, 60.0
#: It is going or busy when it refuses to answer, and a card may go while it is asked for.
_ASK_AGAIN_S, _REFUSALS = 1.0, 5
_SETTLES_S = 0.05
_JUST_BOOTED_MS = 60_000
_LONG_AGO = float("-inf")
_PROGRAMS = ("/usr/sbin", "/sbin", "/usr/bin")


class ModemManagerArbiter:
    """What is known of ModemManager, kept up to date while :meth:`run` runs.

    :ivar running: it is on the bus
    :ivar modems: what it has
    :ivar known: set once it is known whether it runs
    """

    def __init__(self, log: Log, changed: Callable[[], None]) -> None:
        self._log = log
        self._changed = changed
        #: device -> the modem, and whether it has, or had, a port that is watched for itself
        self._seen: dict[str, tuple[MmModem, bool]] = {}
        #: Set when something changes; each change begins a new turn.
        self.turn = asyncio.Event()
        self._came = self._went = _LONG_AGO
        #: which of those that were started one after the other it is
        self._owner: str | None = None
        self._was_well = False
        self.running = False
        self.modems: tuple[MmModem, ...] = ()
        self.known = asyncio.Event()

    async def run(self) -> None:
        """Follow it until cancelled; where it can not be asked, nothing is ever left to it."""
        if not has_library():
            # shutil would do it, and cost the daemon half a MiB
            if has_bus() and any(os.access(f"{place}/{NAME}", os.X_OK) for place in _PROGRAMS):
                self._log.info("modemmanager_not_used", hint=f"pip install '{EXTRA}'")
            self.known.set()
            return
        told, pause_s = "", _CONNECT_AGAIN_S
        while True:
            self._was_well = False
            try:
                if has_bus():
                    await self._follow()
            except ModemManagerUnavailable as error:
                if error.message != told:
                    told = error.message
                    self._log.info("modemmanager_not_used", reason=error.message, hint=error.hint)
            except Exception:  # noqa: BLE001 - a fault of ours must not keep the ports closed
                self._log.error("modemmanager_error", exc_info=True)
            self._take((), running=False)
            if self._was_well:
                told, pause_s = "", _CONNECT_AGAIN_S
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, _CONNECT_SELDOM_S)

    async def _follow(self) -> None:
        """Follow it over one link to the bus.

        :raises NeighbourAway: the bus can not be reached, or it has refused to answer for long
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
                    self._meet(await link.owner())
                    modems = await link.modems()
                except ModemManagerUnavailable:
                    # not away as long as the bus is well: what is known of it stays
                    refusals += 1
                    if refusals >= _REFUSALS:
                        raise
                    await asyncio.wait({ended}, timeout=_ASK_AGAIN_S)
                    continue
                refusals, self._was_well = 0, True
                self._take(modems, running=self._owner is not None)
                await dirty.wait()
                await asyncio.sleep(_SETTLES_S)  # changes come in bursts
        finally:
            ended.cancel()
            link.close()
            await asyncio.gather(ended, return_exceptions=True)

    def _meet(self, owner: str | None) -> None:
        """Note who it is now; the one that was there before a link broke has seen the ports."""
        if owner == self._owner:
            return
        self._owner = owner
        if self.known.is_set():
            self._came = _now()
            self._take((), running=owner is not None)  # it has published nothing yet
        elif origin.uptime_ms() <= _JUST_BOOTED_MS:
            self._came = _now()

    def _take(self, modems: tuple[MmModem, ...], *, running: bool) -> None:
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
            self._changed()

    def portless(self, others: Iterable[PortPlace]) -> dict[str, PortPlace]:
        """Return the modems that only ModemManager can read: QMI, MBIM, makers not in our table.

        They stay while their device is there, so that one is not taken for removed when
        ModemManager ends.

        :param others: the ports that are watched for themselves
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
        """Return the modem behind a port, when it is one that ModemManager has."""
        return next((modem for modem in self.modems if _is_behind(place, modem)), None)

    def appeared(self, place: PortPlace) -> float:
        """Return when a port that is there now has come, by the loop's clock."""
        return _now() - (udev.age_s(place.path.rpartition("/")[2]) or 0.0)

    def probe_grace_s(self, place: PortPlace, appeared: float) -> float:
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


def _is_behind(place: PortPlace, modem: MmModem) -> bool:
    device = (modem_id(place) or "").partition(":")[2]
    return modem.place == device or place.path.rpartition("/")[2] in modem.ports


def _place_of(modem: MmModem) -> PortPlace:
    """Return where a modem sits, by the first of its ports that is no network interface."""
    name = next((name for name in modem.ports if not _is_network(name)), "") or "modem"
    bus = "pci" if modem.place.count(":") > 1 else "usb"
    above = os.path.realpath(f"/sys/class/usbmisc/{name}").split("/")
    interface = next((part for part in above if part.startswith(f"{modem.place}:")), None)
    return PortPlace(
        path=f"/dev/{name}",
        id=f"{bus}:{interface or f'{modem.place}:{name}'}",
        usb_vid=_text(f"{modem.device}/idVendor"),
        usb_pid=_text(f"{modem.device}/idProduct"),
    )


def _is_network(name: str) -> bool:
    return os.path.isdir(f"/sys/class/net/{name}")  # noqa: PTH112


def _text(path: str) -> str | None:
    try:
        with open(path, encoding="ascii", errors="replace") as file:  # noqa: PTH123
            return file.read().strip() or None
    except OSError:
        return None


def _now() -> float:
    return asyncio.get_running_loop().time()
