"""Which ports to watch, and whether they are there now. Looks, never opens.

Everything is found by ``stat`` and by names in sysfs, whenever udev tells news, and now and then
without: containers and minimal systems get no news, and a look costs less than a millisecond.
"""

from __future__ import annotations

import glob
import os
import time
from collections.abc import Iterable

from modemagent.dialects.usb_ids import layout_of
from modemagent.discovery import udev
from modemagent.discovery.candidate import Candidate, Role, refuse_recovery
from modemagent.discovery.sysfs import describe, scan
from modemagent.report.message import PortPlace
from modemagent.settings import Settings

#: How the ids begin that stay, whatever the system calls the port.
STABLE_IDS = ("usb:", "pci:", "tty:", "wwan:")
_RESCAN_EVERY = 15
_AVOIDED_S = 60.0
#: NMEA 0183 receivers repeat their sentences each second.
_ONE_SENTENCE_S = 1.1
#: The ports of a modem come one after the other; so long one that is known to be better is awaited.
_COMPLETES_S = 10.0


def is_remote(port: str) -> bool:
    """Tell whether a port is reached over a network, so that only connecting shows it is there."""
    return "://" in port


def is_there(port: str) -> bool:
    """Tell whether a device path exists; a remote port is always worth a try.

    A path that may not be looked at, or is none at all, is one that does not exist.
    """
    return is_remote(port) or os.path.exists(port)  # noqa: PTH110 - Path.exists raises on EACCES


class Selection:
    """The ports the settings name, as they are at each look."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._found: tuple[Candidate, ...] = ()
        self._dev_changed_at = 0
        self._looks = 0
        self.renewed = False
        self._avoided: dict[str, float] = {}
        self._since: dict[str, float] = {}
        self._doing_well: frozenset[str] = frozenset()
        self._under_way: frozenset[str] = frozenset()

    def named(self, port: str) -> bool:
        """Tell whether the settings name this port itself, so that its absence is of interest."""
        return port in self._settings.port

    @property
    def awaited(self) -> tuple[str, ...]:
        """The paths that are named and not there, and the patterns: more may come of them."""
        ports = (port for port in self._settings.port if not port.startswith(STABLE_IDS))
        return (*(port for port in ports if not is_there(port)), *self._settings.port_glob)

    def demote(self, port: str) -> None:
        """A port did not do: for a minute its modem's other AT ports go before it."""
        self._avoided[port] = time.monotonic() + _AVOIDED_S

    def prefer(self, doing_well: Iterable[str], under_way: Iterable[str]) -> None:
        """Leave no modem's port for another one of it without need.

        :param doing_well: ports whose modem is being watched
        :param under_way: ports that are being opened or identified
        """
        self._doing_well, self._under_way = frozenset(doing_well), frozenset(under_way)

    def sees(self, place: PortPlace) -> bool:
        """Tell whether any port of the USB modem at this place was there at the last look."""
        owner = modem_id(place)
        return any(each.cellular and each.modem_id == owner for each in self._found if owner)

    def renew(self) -> None:
        """There is news: look at everything again at the next look."""
        self.renewed = True

    def current_modems(self) -> dict[str, PortPlace]:
        """Return the ports that are there now; one device is named once, as first named."""
        there: dict[str, PortPlace] = {}
        devices: set[str] = set()
        wanted = self._ports()
        expected = {each.path: each.port_id for each in self._found}
        for port in wanted:
            if not is_there(port):
                continue
            device = port if is_remote(port) else os.path.realpath(port)
            if device in devices:
                continue
            place = place_of(port)
            if place.id != expected.get(port, place.id):
                self.renew()  # a stranger has got the name of a modem's port since the scan
                continue
            devices.add(device)
            there[port] = place
        return there

    def _ports(self) -> list[str]:
        ports = list(self._settings.port)
        patterns = self._settings.port_glob
        by_id = any(port.startswith(STABLE_IDS) for port in ports)
        if self._settings.discovery or patterns or by_id:
            self._rescan()
            ports = [self._resolved(port) for port in ports]
        else:
            self.renewed = False
        for pattern in patterns:
            matching = sorted(glob.glob(pattern))  # noqa: PTH207 - patterns may be absolute
            ports += self._meant(matching)
        if self._settings.discovery:
            ports += self._one_a_modem(self._found)
        return ports

    def _rescan(self) -> None:
        # nodes that come and go change /dev itself; now and then look anyway
        changed_at = _mtime("/dev")
        is_due = self.renewed or self._looks % _RESCAN_EVERY == 0
        if is_due or changed_at != self._dev_changed_at:
            self.renewed = False
            self._dev_changed_at = changed_at
            self._found = scan(hints=udev.hints)
            now = time.monotonic()
            self._since = {owner: self._since.get(owner, now) for owner in _modems(self._found)}
        self._looks += 1

    def _meant(self, matching: list[str]) -> list[str]:
        """Return those of the ports that match a pattern that it means.

        Of a USB device that is known for a cellular modem these are its AT ports; where none is
        known one of the others, as discovery would ask them; of every other USB device none. What
        is wired to a UART nobody knows but its user.
        """
        found = {port: self._candidate(port) for port in matching}
        in_turn = set(self._one_a_modem(tuple(each for each in found.values() if each)))
        return [port for port, each in found.items() if self._is_meant(port, each, in_turn)]

    def _is_meant(self, port: str, candidate: Candidate | None, in_turn: set[str]) -> bool:
        if candidate is None:
            if describe(port) is None:
                return True  # a pseudo terminal, a console
            self.renew()  # it came after the scan
            return False
        if candidate.usb_vid is None:
            return candidate.role not in (Role.NMEA, Role.DIAG)
        modem = _modems(self._found)[candidate.modem_id or candidate.port_id]
        if any(each.role is Role.AT for each in modem):
            return candidate.role is Role.AT
        return candidate.path in in_turn

    def _candidate(self, port: str) -> Candidate | None:
        paths = {os.path.abspath(port), os.path.realpath(port)}  # noqa: PTH100 - no path objects
        return next((each for each in self._found if each.path in paths), None)

    def _resolved(self, port: str) -> str:
        """Return the path of a port that is named by its id; the id while it is not there.

        The id of a modem means the port that discovery would ask, which may still be to come. A
        device that is not known for a modem is taken for one because its user says so.
        """
        if not port.startswith(STABLE_IDS):
            return port
        named = [each.path for each in self._found if each.port_id == port]
        modem = tuple(each for each in self._found if each.modem_id == port)
        if any(each.cellular for each in modem):
            named += self._one_a_modem(modem)
        else:
            named += [each.path for each in modem]
        return (named or [port])[0]

    def _one_a_modem(self, found: tuple[Candidate, ...]) -> list[str]:
        """Return the port to ask of each cellular modem.

        One that does well stays. Else it is one of its AT ports by udev's marks, the table or the
        interface's protocol, and where none is known one of those whose use is not known: each in
        its turn. The one that data calls leave free goes first, those that did not answer last.
        """
        now = time.monotonic()
        self._avoided = {port: until for port, until in self._avoided.items() if until > now}
        modems = _modems(candidate for candidate in found if candidate.cellular)
        groups = {
            owner: group
            for owner, ports in modems.items()
            if (group := [each for each in ports if each.role in (Role.AT, Role.UNKNOWN)])
        }
        return [
            min(self._askable(group), key=self._preference).path
            for owner, group in groups.items()
            if now - self._since[owner] >= _COMPLETES_S or not self._is_incomplete(group)
        ]

    def _askable(self, group: list[Candidate]) -> list[Candidate]:
        """Leave out ports of unknown use where an AT port is known: audio, logs, a console."""
        known = [c for c in group if c.role is Role.AT or c.path in self._doing_well]
        return known or group

    def _is_incomplete(self, group: list[Candidate]) -> bool:
        """Tell whether the AT port of a modem is still to come, as far as the table knows."""
        for each in group:
            if each.role is Role.AT or each.path in self._doing_well or each.path in self._avoided:
                return False
        layout = layout_of(group[0].usb_vid, group[0].usb_pid)
        return layout is not None and Role.AT in layout.roles.values()

    def _preference(self, candidate: Candidate) -> tuple[bool, ...]:
        path = candidate.path
        return (
            path not in self._doing_well,
            candidate.role is not Role.AT,
            path in self._avoided,
            path not in self._under_way,
            not candidate.secondary,
        )


def _modems(found: Iterable[Candidate]) -> dict[str, list[Candidate]]:
    modems: dict[str, list[Candidate]] = {}
    for candidate in found:
        modems.setdefault(candidate.modem_id or candidate.port_id, []).append(candidate)
    return modems


def seat_of(place: PortPlace) -> str:
    """Return what the modem behind a port is remembered by: its USB device, else the path.

    A modem that comes back under another ttyUSB number sits where it sat before. A UART bridge
    is no modem: each of its ttys may lead to another one.
    """
    owner = modem_id(place)
    is_modem = owner is not None and layout_of(place.usb_vid, place.usb_pid) is not None
    return owner if owner is not None and is_modem else place.path


def place_of(port: str) -> PortPlace:
    """Return where in this machine a port sits, as far as sysfs says."""
    seen = None if is_remote(port) else describe(port)
    if seen is None:
        return PortPlace(path=port)
    return PortPlace(path=port, id=seen.port_id, usb_vid=seen.usb_vid, usb_pid=seen.usb_pid)


def initial_listen_s(port: str) -> float:
    """Return how long to listen at a port before the first byte is written to it.

    A port that is not known to take AT commands may be a GNSS receiver's, which must not be
    written to and speaks once a second. Nothing but a modem sits behind a pseudo terminal.

    :raises NotAModem: nothing may ever be written to it
    """
    seen = None if is_remote(port) else describe(port, hints=udev.hints)
    refuse_recovery(port, seen)
    takes_commands = seen is not None and seen.role in (Role.AT, Role.DATA)
    is_pseudo = seen is None and os.path.realpath(port).startswith("/dev/pts/")
    return 0.0 if takes_commands or is_pseudo else _ONE_SENTENCE_S


def modem_id(place: PortPlace) -> str | None:
    """Return the physical device a USB port belongs to, ``usb:1-2`` of ``usb:1-2:1.2``."""
    if place.id is None or not place.id.startswith("usb:"):
        return None
    return place.id.rpartition(":")[0]


def _mtime(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns  # noqa: PTH116 - a path object would cost more than stat
    except OSError:
        return 0
