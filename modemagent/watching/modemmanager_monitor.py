"""Monitoring of a modem through ModemManager, without opening a port."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from modemagent.errors import PortError
from modemagent.identity.snapshot import Snapshot
from modemagent.modem.modemmanager import snapshot_of
from modemagent.report.message import PortPlace, Reason
from modemagent.watching.modemmanager import ModemManagerArbiter
from modemagent.watching.monitor import Submit


class ModemManagerMonitor:
    """Monitors one modem until ModemManager loses it.

    :param place: returns the current port of the modem
    :param submit: as for :class:`modemagent.watching.monitor.Monitor`
    """

    def __init__(
        self,
        arbiter: ModemManagerArbiter,
        *,
        place: Callable[[], PortPlace],
        submit: Submit,
        refresh_interval_s: float,
    ) -> None:
        self._arbiter = arbiter
        self._place = place
        self._submit = submit
        self._refresh_interval_s = refresh_interval_s
        self._retimed = asyncio.Event()

    def read(self) -> Snapshot | None:
        """Return the current reading, None if ModemManager no longer has the modem."""
        place = self._place()
        modem = self._arbiter.modem_of(place)
        if modem is None:
            return None
        return snapshot_of(modem, port=place.path, port_id=place.id)

    async def read_now(self) -> Snapshot:
        """Return the current reading.

        :raises PortError: ModemManager no longer has the modem
        """
        reading = self.read()
        if reading is None:
            port = self._place().path
            raise PortError(f"ModemManager has lost the modem of {port}", port=port)
        return reading

    def retime(self, poll_interval_s: float, refresh_interval_s: float) -> None:
        """Apply another refresh interval; ModemManager reports changes without a poll."""
        self._refresh_interval_s = refresh_interval_s
        self._retimed.set()

    async def run(self, reading: Snapshot) -> None:
        """Submit changes until ModemManager loses the modem."""
        now = asyncio.get_running_loop().time
        refresh_at = now() + (self._refresh_interval_s or float("inf"))
        while True:
            changed = self._arbiter.changed  # fetched before reading, so that no change is missed
            current = self.read()
            if current is None:
                return
            otherwise = Reason.REFRESH if now() >= refresh_at else None
            if current != reading or otherwise:
                reading = current
                if self._submit(reading, otherwise) is not None:
                    refresh_at = now() + (self._refresh_interval_s or float("inf"))
            await self._wait(changed, refresh_at)
            if self._retimed.is_set():
                self._retimed.clear()
                refresh_at = now() + (self._refresh_interval_s or float("inf"))

    async def _wait(self, changed: asyncio.Event, until: float) -> None:
        """Wait for a change or for other intervals, at most until the given time."""
        waits = [asyncio.create_task(event.wait()) for event in (changed, self._retimed)]
        try:
            async with asyncio.timeout_at(until if until < float("inf") else None):
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        except TimeoutError:
            return
        finally:
            for each in waits:
                each.cancel()
            await asyncio.gather(*waits, return_exceptions=True)
