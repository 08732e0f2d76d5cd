"""IMEIs of the modems that are being watched: two modems with one, or one modem with two."""

from __future__ import annotations

from collections.abc import Callable

from modemagent.identity.crosscheck import duplicates, with_finding
from modemagent.identity.snapshot import Snapshot


class LocalImeis:
    """The IMEIs read in the sessions that are in progress, by the key of the modem."""

    def __init__(self) -> None:
        self._imeis: dict[str, list[str]] = {}
        self._read_again: dict[str, Callable[[], None]] = {}

    def begin(self, modem: str, read_again: Callable[[], None]) -> None:
        """Note that a modem is being monitored.

        :param read_again: called when another modem with its IMEI appears, so that the finding
            gets into a report about this modem as well
        """
        self._read_again[modem] = read_again

    def end(self, modem: str) -> None:
        """Forget a modem whose session has ended."""
        self._imeis.pop(modem, None)
        self._read_again.pop(modem, None)

    def note(self, modem: str, reading: Snapshot) -> Snapshot:
        """Note the IMEI of a new reading; return the reading with the findings about it."""
        known = self._imeis.setdefault(modem, [])
        imei = reading.modem.imei
        if imei is not None:
            is_new = not (known and imei.same_equipment(known[-1]))
            # the newest last
            known[:] = [*(each for each in known if not imei.same_equipment(each)), imei]
            for other, read_again in self._read_again.items():
                latest = self._imeis.get(other, [])[-1:]
                if is_new and other != modem and any(map(imei.same_equipment, latest)):
                    read_again()
        return self.compare(modem, reading)

    def compare(self, modem: str, reading: Snapshot) -> Snapshot:
        """Return a reading of a modem with the findings that are true now."""
        known = self._imeis.get(modem, [])
        shared = duplicates(
            (key, each) for key, imeis in self._imeis.items() for each in imeis[-1:]
        )
        is_shared = bool(known) and known[-1][:14] in shared
        reading = with_finding(reading, "cross.imei_duplicate", present=is_shared)
        return with_finding(reading, "cross.imei_unstable", present=len(known) > 1)
