"""Monitoring of a modem through ModemManager, without opening a port."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from modemagent.errors import PortError
from modemagent.identity.snapshot import Snapshot
from modemagent.modem.modemmanager import snapshot_of
from modemagent.report.message import PortPlace, Reason
from modemagent.watching.modemmanager_arbiter import ModemManagerArbiter
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
        #: the wait for a change; cancelled when the interval changes
        self._waiting: asyncio.Task[Any] | None = None

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
        self._schedule_refresh()
        if self._waiting is not None:
            self._waiting.cancel()

    def _schedule_refresh(self) -> None:
        now = asyncio.get_running_loop().time()
        self._refresh_at = now + (self._refresh_interval_s or float("inf"))

    async def run(self, reading: Snapshot) -> None:
        """Submit changes until ModemManager loses the modem."""
        now = asyncio.get_running_loop().time
        self._schedule_refresh()
        while True:
            changed = self._arbiter.changed  # fetched before reading, so that no change is missed
            current = self.read()
            if current is None:
                return
            default_reason = Reason.REFRESH if now() >= self._refresh_at else None
            if current != reading or default_reason:
                reading = current
                if self._submit(reading, default_reason) is not None:
                    self._schedule_refresh()
            waiting = self._waiting = asyncio.create_task(changed.wait())
            try:
                left_s = self._refresh_at - now() if self._refresh_interval_s else None
                await asyncio.wait([waiting], timeout=left_s)
            finally:
                waiting.cancel()
