"""The watch over a modem that ModemManager has: no port is opened, nothing is sent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from modemagent.errors import PortError
from modemagent.identity.snapshot import Snapshot
from modemagent.modem.modemmanager import snapshot_of
from modemagent.report.message import PortPlace, Reason
from modemagent.watching.modemmanager import ModemManagerArbiter

Report = Callable[[Snapshot, Reason | None], Reason | None]


class ModemManagerMonitor:
    """Watches one modem until ModemManager no longer has it.

    Takes the place of :class:`modemagent.watching.monitor.Monitor`.

    :param place: where the modem's port is now
    :param report: takes a reading and the reason to report it with when it is no news
    """

    def __init__(
        self,
        neighbour: ModemManagerArbiter,
        *,
        place: Callable[[], PortPlace],
        report: Report,
        refresh_interval_s: float,
    ) -> None:
        self._neighbour = neighbour
        self._place = place
        self._report = report
        self._refresh_interval_s = refresh_interval_s
        self._retimed = asyncio.Event()

    def read(self) -> Snapshot | None:
        """Return what ModemManager says now, None when it has the modem no longer."""
        place = self._place()
        modem = self._neighbour.modem_of(place)
        if modem is None:
            return None
        return snapshot_of(modem, port=place.path, port_id=place.id)

    async def ask(self) -> Snapshot:
        """Return what it says now; it tells by itself when something changes.

        :raises PortError: it has the modem no longer
        """
        reading = self.read()
        if reading is None:
            port = self._place().path
            raise PortError(f"ModemManager has lost the modem of {port}", port=port)
        return reading

    def retime(self, poll_interval_s: float, refresh_interval_s: float) -> None:
        """Go by other intervals from now on; there is no poll."""
        self._refresh_interval_s = refresh_interval_s
        self._retimed.set()

    async def run(self, reading: Snapshot) -> None:
        """Report what changes until ModemManager has the modem no longer."""
        now = asyncio.get_running_loop().time
        refresh_at = now() + (self._refresh_interval_s or float("inf"))
        while True:
            turn = self._neighbour.turn  # taken before reading: what changes meanwhile is seen
            fresh = self.read()
            if fresh is None:
                return
            otherwise = Reason.REFRESH if now() >= refresh_at else None
            if fresh != reading or otherwise:
                reading = fresh
                if self._report(reading, otherwise) is not None:
                    refresh_at = now() + (self._refresh_interval_s or float("inf"))
            await self._wait(turn, refresh_at)
            if self._retimed.is_set():
                self._retimed.clear()
                refresh_at = now() + (self._refresh_interval_s or float("inf"))

    async def _wait(self, turn: asyncio.Event, moment: float) -> None:
        """Wait for a change, for other intervals, or until the moment."""
        waits = [asyncio.create_task(event.wait()) for event in (turn, self._retimed)]
        try:
            async with asyncio.timeout_at(moment if moment < float("inf") else None):
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        except TimeoutError:
            return
        finally:
            for each in waits:
                each.cancel()
            await asyncio.gather(*waits, return_exceptions=True)
