"""Hot-plug events and port properties from udev, without opening a device.

If udev does not run (containers, minimal systems), events come from the kernel or not at all, and
callers have to rescan sysfs periodically. Properties may exist even then: a container can see the
database of its host.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any

from modemagent.discovery.candidate import Role

SUBSYSTEMS = ("tty", "wwan")
PREFIX = "ID_MM_PORT_TYPE_"
#: Set by a rule that reserves this port for another program and leaves the rest of the modem to
#: ModemManager.
RESERVED = "ID_MM_PORT_IGNORE"
#: Port types that ModemManager's rules set: ID_MM_PORT_TYPE_* = "1".
_TYPES: Mapping[str, tuple[Role, str]] = {
    "AT_PRIMARY": (Role.AT, "primary AT port"),
    "AT_SECONDARY": (Role.AT, "secondary AT port"),
    "AT_PPP": (Role.DATA, "port for data calls"),
    "AT_GPS_CONTROL": (Role.UNKNOWN, "port that controls the GNSS receiver"),
    "GPS": (Role.NMEA, "GNSS port"),
    "QCDM": (Role.DIAG, "diagnostic port"),
    "AUDIO": (Role.DATA, "audio port"),
    "XMMRPC": (Role.DIAG, "RPC port"),
}
#: Files of udev's database, one for each device: udev_device_get_property_value(3) reads them.
_DATABASE = "/run/udev/data"
_BUFFER_BYTES = 16384


def runs() -> bool:
    """Return True if udev runs on this machine."""
    return os.path.exists("/run/udev/control")


def hints(names: Iterable[str]) -> dict[str, Mapping[str, str]]:
    """Return the properties that udev's rules set on ports, by device name.

    They are read from the files that libudev reads: loading libudev and pyudev takes 30 ms, a
    quarter of a one-shot command.

    :param names: names of ttys and WWAN ports, such as ``ttyUSB2``
    """
    return {
        name: {
            key: value
            for key, value in _properties(name).items()
            if key.startswith(PREFIX) or key == RESERVED
        }
        for name in names
    }


def _properties(name: str) -> dict[str, str]:
    """Return the properties of a port: those of the kernel, then those in udev's database."""
    found = dict(_pairs(f"/sys/class/{_kind(name)}/{name}/uevent"))
    number = f"{found.get('MAJOR')}:{found.get('MINOR')}"
    found.update(_pairs(f"{_DATABASE}/c{number}", "E:"))
    return found


def _pairs(file: str, mark: str = "") -> Iterator[tuple[str, str]]:
    """Yield key and value of each ``KEY=VALUE`` line of a file that begins with a mark."""
    try:
        with open(file, encoding="utf-8", errors="replace") as opened:
            lines = opened.read().splitlines()
    except OSError:  # udev does not run here, or the port is being removed
        return
    for line in lines:
        key, equals, value = line.removeprefix(mark).partition("=")
        if equals and line.startswith(mark):
            yield key, value


def is_left_by_modemmanager(name: str) -> bool:
    """Return True if udev's rules make ModemManager ignore a port or its whole device.

    :param name: name of a tty or WWAN port, such as ``ttyUSB2``
    """
    device = _device(name)
    if device is None:
        return False
    if device.properties.get(RESERVED) == "1":
        return True
    return any(
        each.properties.get("ID_MM_DEVICE_IGNORE") == "1" for each in (device, *device.ancestors)
    )


def age_s(name: str) -> float | None:
    """Return how long ago udev initialized a port, None if that is unknown."""
    device = _device(name)
    if device is None:
        return None
    age: float = device.time_since_initialized.total_seconds()
    return age if age > 0 else None


def role_of(properties: Mapping[str, str]) -> tuple[Role, str] | None:
    """Return the role that ModemManager's rules give a port and its source; None if they give none.

    A port with several types (a second AT port that data calls may use) is an AT port.

    >>> role_of({"ID_MM_PORT_TYPE_GPS": "1"})
    (<Role.NMEA: 'nmea'>, "ModemManager's rules call it a GNSS port")
    >>> role_of({"ID_MM_PORT_TYPE_GPS": "0"}) is None
    True
    """
    found = [
        (role, label)
        for name, (role, label) in _TYPES.items()
        if properties.get(PREFIX + name) == "1"
    ]
    if not found:
        return None
    role, label = next((each for each in found if each[0] is Role.AT), found[0])
    return role, f"ModemManager's rules call it a {label}"


def is_secondary(properties: Mapping[str, str]) -> bool:
    """Return True if data calls and ModemManager leave this AT port free.

    >>> is_secondary({"ID_MM_PORT_IGNORE": "1"}), is_secondary({"ID_MM_PORT_TYPE_AT_PRIMARY": "1"})
    (True, False)
    """
    return "1" in (properties.get(PREFIX + "AT_SECONDARY"), properties.get(RESERVED))


@cache
def _library() -> Any:
    """Return pyudev. Its import takes 30 ms, a third of the start of a one-shot command."""
    import pyudev

    return pyudev


@cache
def _context() -> Any:
    """Return the udev context, None if libudev is not installed; a failing search is slow."""
    try:
        return _library().Context()
    except (ImportError, OSError):
        return None


def _kind(name: str) -> str:
    return "wwan" if name.startswith("wwan") else "tty"


def _device(name: str) -> Any:
    context = _context()
    if context is None:
        return None
    try:
        return _library().Devices.from_name(context, _kind(name), name)
    except (OSError, _library().DeviceNotFoundError):
        return None


class UdevMonitor:
    """Netlink events of ports that are added and removed.

    If udev runs, an event arrives after its rules, so that links and permissions are in place;
    otherwise it comes from the kernel.

    :raises OSError: the socket cannot be opened
    :raises ImportError: libudev is not installed
    """

    def __init__(self) -> None:
        source = "udev" if runs() else "kernel"
        self._monitor = _library().Monitor.from_netlink(_library().Context(), source)
        for kind in SUBSYSTEMS:
            self._monitor.filter_by(kind)
        self._monitor.start()

    def fileno(self) -> int:
        """Return the descriptor that is readable when an event waits."""
        return int(self._monitor.fileno())

    def take(self) -> bool:
        """Discard the events that wait; return True if there were any.

        Their content is not read: a scan of sysfs shows the result, even if events were lost
        because many arrived at once.
        """
        found = False
        while True:
            try:
                if not os.read(self.fileno(), _BUFFER_BYTES):
                    return found
            except BlockingIOError:
                return found
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                # the kernel dropped events: something has changed
            found = True
