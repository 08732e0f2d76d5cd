"""Selection of the modems to watch, by settings and by what is plugged in. Opens no port."""

import glob
import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from modemagent.discovery import udev
from modemagent.discovery.candidate import Candidate
from modemagent.discovery.modems import ModemCandidate, find_modems
from modemagent.discovery.sysfs import describe, scan
from modemagent.real_path import real_path
from modemagent.report.message import PortPlace
from modemagent.settings import Settings
from modemagent.watching.places import (
    STABLE_IDS,
    device_key,
    is_in_sockets,
    is_remote,
    is_there,
    place_of,
)

#: How long to wait for the best port of a modem before its other ports are tried. A modem shows its
#: ports one after the other when it starts, and hides them one after the other when it is removed.
_BEST_PORT_APPEARS_S = 10.0


class SelectedModem(NamedTuple):
    """One modem to watch.

    :param key: socket or device id of a cellular modem, path of any other port
    :param places: the ports to try, best first
    :param may_open: False if the modem can be read through ModemManager only
    """

    key: str
    places: tuple[PortPlace, ...]
    may_open: bool = True


class Selection:
    """The modems that the settings select, as of the last scan.

    :param sockets: USB sockets to which discovery is restricted, None: it is not
    :ivar settings: may be replaced at any time
    """

    def __init__(self, settings: Settings, sockets: Sequence[str] | None = None) -> None:
        self.settings = settings
        self._sockets = sockets
        self._found: dict[str, Candidate] = {}
        self._modems: dict[str, ModemCandidate] = {}
        #: device -> when it was first seen without its best port
        self._incomplete: dict[str, float] = {}

    @property
    def named_paths(self) -> tuple[str, ...]:
        """The paths that the settings name, so that their absence is shown."""
        return tuple(port for port in self.settings.port if not port.startswith(STABLE_IDS))

    @property
    def awaited(self) -> tuple[str, ...]:
        """Named paths that do not exist, and all patterns: ports may still appear there."""
        missing = (port for port in self.named_paths if not is_there(port))
        return (*missing, *self.settings.port_glob)

    def sees(self, key: str) -> bool:
        """Return True if the last scan has shown any port of a modem."""
        return any(device_key(device) == key for device in self._modems)

    def current_modems(self) -> dict[str, SelectedModem]:
        """Scan, and return the selected modems that are plugged in, by key.

        Ports come in the order: named ports, ports that match a pattern, discovered ports. A
        device that is reachable under several paths is listed once, under the first one.
        """
        self._scan()
        places: dict[str, list[PortPlace]] = {}
        devices: set[str] = set()
        for path in self._paths():
            if not is_there(path):
                continue
            device = path if is_remote(path) else real_path(path)
            if device in devices:
                continue
            devices.add(device)
            candidate = None if is_remote(path) else self._candidate(path) or describe(path)
            device_id = candidate.modem_id if candidate and candidate.cellular else None
            key = device_key(device_id) if device_id else path
            places.setdefault(key, []).append(place_of(path, candidate))
        return {key: SelectedModem(key, tuple(ports)) for key, ports in places.items()}

    def _scan(self) -> None:
        settings = self.settings
        by_id = any(port.startswith(STABLE_IDS) for port in settings.port)
        is_needed = settings.discovery or settings.port_glob or by_id
        ports = scan(hints=udev.hints) if is_needed else ()
        self._found = {port.path: port for port in ports}
        self._modems = {
            modem.device_id: modem
            for modem in find_modems(ports)
            if self._sockets is None or is_in_sockets(device_key(modem.device_id), self._sockets)
        }
        now = time.monotonic()
        self._incomplete = {
            device: self._incomplete.get(device, now)
            for device, modem in self._modems.items()
            if modem.awaits_at_port or _lacks_device_file(modem)
        }

    def _candidate(self, path: str) -> Candidate | None:
        return self._found.get(path) or self._found.get(real_path(path))

    def _paths(self) -> Iterator[str]:
        for name in self.settings.port:
            yield from self._named(name) if name.startswith(STABLE_IDS) else (name,)
        for pattern in self.settings.port_glob:
            matching = sorted(glob.glob(pattern))  # noqa: PTH207 - patterns may be absolute
            yield from (path for path in matching if self._takes_at(path))
        if self.settings.discovery:
            for modem in self._modems.values():
                yield from self._ranked(modem)

    def _ranked(self, modem: ModemCandidate) -> list[str]:
        """Return the ports to try; none while the best port of the modem may still appear."""
        since = self._incomplete.get(modem.device_id)
        if since is not None and time.monotonic() - since < _BEST_PORT_APPEARS_S:
            return []
        return [port.path for port in modem.ranked]

    def _named(self, stable_id: str) -> list[str]:
        """Return the paths behind the stable id of a port or of a modem.

        A device that is not known as a modem is taken for one because the settings name it; its
        first port is used.
        """
        if stable_id in self._modems:
            return self._ranked(self._modems[stable_id])
        ids = ((port.path, port.port_id, port.modem_id) for port in self._found.values())
        return [path for path, port_id, modem_id in ids if stable_id in (port_id, modem_id)][:1]

    def _takes_at(self, path: str) -> bool:
        """Return True if a path that matches a pattern may be opened.

        For a USB device this requires a cellular modem and one of the ports that discovery would
        try. The purpose of a UART is not known to the system, so a match is enough.
        """
        candidate = self._candidate(path)
        if candidate is None:
            return describe(path) is None  # a pseudo terminal; a later scan shows a new device
        modem = self._modems.get(candidate.modem_id or "")
        if modem is not None:
            return candidate.path in self._ranked(modem)
        return candidate.usb_vid is None and not candidate.takes_no_at


def _lacks_device_file(modem: ModemCandidate) -> bool:
    """Return True if sysfs lists the best port of a modem and its device file does not exist."""
    return bool(modem.ranked) and not is_there(modem.ranked[0].path)
