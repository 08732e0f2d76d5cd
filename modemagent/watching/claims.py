"""Which port speaks for which modem: a USB modem with two AT ports is one modem."""

from __future__ import annotations

import asyncio

from modemagent.identity.snapshot import Snapshot
from modemagent.report.message import PortPlace
from modemagent.watching.selection import modem_id


class Claims:
    """The modems that are spoken for, by the USB device and the IMEI."""

    def __init__(self) -> None:
        self._holders: dict[tuple[str, str], str] = {}
        self._dropped = asyncio.Event()

    def take(self, place: PortPlace, reading: Snapshot) -> str | None:
        """Claim the modem for this port; return the port that already speaks for it, if any."""
        device, imei = modem_id(place), reading.modem.imei
        if device is None or imei is None:
            return None
        holder = self._holders.setdefault((device, imei), place.path)
        return None if holder == place.path else holder

    def drop(self, port: str) -> None:
        """This port speaks for no modem any more."""
        self._holders = {key: held for key, held in self._holders.items() if held != port}
        self._dropped.set()
        self._dropped = asyncio.Event()

    async def dropped_by(self, port: str) -> None:
        """Wait until this port speaks for no modem."""
        while port in self._holders.values():
            await self._dropped.wait()
