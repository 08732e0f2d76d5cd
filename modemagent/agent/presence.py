"""Which ports to watch, and whether they are there now. Looks, never opens.

Everything is found by ``stat`` and by names in sysfs, about once a second: containers and minimal
systems get no uevents, and a look costs less than a millisecond.
"""

from __future__ import annotations

import glob
import os
from pathlib import Path

from modemagent.discovery.candidate import Candidate, Role
from modemagent.discovery.static import describe, scan
from modemagent.report.message import PortPlace
from modemagent.settings import Settings

_RESCAN_EVERY = 15


def is_remote(port: str) -> bool:
    """Tell whether a port is reached over a network, so that only connecting shows it is there."""
    return "://" in port


def is_there(port: str) -> bool:
    """Tell whether a device path exists; a remote port is always worth a try."""
    return is_remote(port) or Path(port).exists()


class Presence:
    """The ports the settings name, as they are at each look."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._found: tuple[Candidate, ...] = ()
        self._dev_changed_at = 0
        self._looks = 0

    def named(self, port: str) -> bool:
        """Tell whether the settings name this port itself, so that its absence is of interest."""
        return port in self._settings.port

    def look(self) -> dict[str, PortPlace]:
        """Return the ports that are there now; one device is named once, as first named."""
        there: dict[str, PortPlace] = {}
        devices: set[str] = set()
        for port in self._ports():
            if not is_there(port):
                continue
            device = port if is_remote(port) else os.path.realpath(port)
            if device not in devices:
                devices.add(device)
                there[port] = place_of(port)
        return there

    def _ports(self) -> list[str]:
        ports = list(self._settings.port)
        if self._settings.discovery or any(map(_is_stable_id, ports)):
            self._rescan()
            ports = [self._resolved(port) for port in ports]
        for pattern in self._settings.port_glob:
            ports += sorted(glob.glob(pattern))  # noqa: PTH207 - patterns may be absolute
        if self._settings.discovery:
            ports += _one_a_modem(self._found)
        return ports

    def _rescan(self) -> None:
        # nodes that come and go change /dev itself; now and then look anyway
        changed_at = _mtime("/dev")
        if changed_at != self._dev_changed_at or self._looks % _RESCAN_EVERY == 0:
            self._dev_changed_at = changed_at
            self._found = scan()
        self._looks += 1

    def _resolved(self, port: str) -> str:
        if not _is_stable_id(port):
            return port
        of_modem = [c.path for c in self._found if port in (c.port_id, c.modem_id)]
        at_first = _one_a_modem(tuple(c for c in self._found if c.path in of_modem))
        return (at_first or of_modem or [port])[0]


def place_of(port: str) -> PortPlace:
    """Return where in this machine a port sits, as far as sysfs says."""
    seen = None if is_remote(port) else describe(port)
    if seen is None:
        return PortPlace(path=port)
    return PortPlace(path=port, id=seen.port_id, usb_vid=seen.usb_vid, usb_pid=seen.usb_pid)


def modem_id(place: PortPlace) -> str | None:
    """Return the physical device a USB port belongs to, ``usb:1-2`` of ``usb:1-2:1.2``."""
    if place.id is None or not place.id.startswith("usb:"):
        return None
    return place.id.rpartition(":")[0]


def _one_a_modem(found: tuple[Candidate, ...]) -> list[str]:
    """Return the port to ask of each cellular modem: its first AT port by the table."""
    first: dict[str, Candidate] = {}
    for candidate in found:
        if not candidate.cellular or candidate.role not in (Role.AT, Role.UNKNOWN):
            continue
        owner = candidate.modem_id or candidate.port_id
        if owner not in first or (first[owner].role is not Role.AT and candidate.role is Role.AT):
            first[owner] = candidate
    return [candidate.path for candidate in first.values()]


def _is_stable_id(port: str) -> bool:
    return port.startswith(("usb:", "pci:", "tty:"))


def _mtime(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns  # noqa: PTH116 - a path object would cost more than stat
    except OSError:
        return 0
