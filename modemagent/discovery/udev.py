"""What udev knows beyond sysfs: news of ports that come and go, and what other rules say of them.

Opens no device. Where udev does not run (containers, minimal systems) news comes from the kernel,
if at all, and whoever asks looks at sysfs now and then. What the rules say may be there even so: a
host's database in a container, a tree made for a test.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from modemagent.discovery.candidate import Role

SUBSYSTEMS = ("tty", "wwan")
#: ModemManager's rules mark ports whose use its authors know; ID_MM_PORT_TYPE_* = "1".
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
_LONGEST = 16384
_PREFIX = "ID_MM_PORT_TYPE_"
#: Set by whoever wants this port for himself and the rest of the modem for ModemManager.
_OURS = "ID_MM_PORT_IGNORE"


def runs() -> bool:
    """Tell whether udev runs on this machine."""
    return Path("/run/udev/control").exists()


def hints(names: Iterable[str]) -> dict[str, Mapping[str, str]]:
    """Return what udev's rules say of ports, by the name of the device.

    Nothing where there is no libudev: the table alone decides there.

    :param names: of ttys and wwan ports, ``ttyUSB2``
    """
    found: dict[str, Mapping[str, str]] = {}
    for name in names:
        device = _device(name)
        if device is None:
            continue
        with contextlib.suppress(OSError):  # it is just going
            found[name] = {
                key: value
                for key, value in device.properties.items()
                if key.startswith(_PREFIX) or key == _OURS
            }
    return found


def role_of(properties: Mapping[str, str]) -> tuple[Role, str] | None:
    """Return the role that ModemManager's rules give a port, and in whose words; None for none.

    A port with several marks (a second AT port that data calls may use) is an AT port.

    >>> role_of({"ID_MM_PORT_TYPE_GPS": "1"})
    (<Role.NMEA: 'nmea'>, "ModemManager's rules call it a GNSS port")
    >>> role_of({"ID_MM_PORT_TYPE_GPS": "0"}) is None
    True
    """
    found = [
        (role, words)
        for name, (role, words) in _TYPES.items()
        if properties.get(_PREFIX + name) == "1"
    ]
    if not found:
        return None
    role, words = next((each for each in found if each[0] is Role.AT), found[0])
    return role, f"ModemManager's rules call it a {words}"


def is_secondary(properties: Mapping[str, str]) -> bool:
    """Tell whether this AT port is the one that data calls and ModemManager leave free.

    >>> is_secondary({"ID_MM_PORT_IGNORE": "1"}), is_secondary({"ID_MM_PORT_TYPE_AT_PRIMARY": "1"})
    (True, False)
    """
    return "1" in (properties.get(_PREFIX + "AT_SECONDARY"), properties.get(_OURS))


def is_left_by_modemmanager(name: str) -> bool:
    """Tell whether udev's rules tell ModemManager to leave a port, or its whole device, alone.

    :param name: of a tty or wwan port, ``ttyUSB2``
    """
    device = _device(name)
    if device is None:
        return False
    if device.properties.get(_OURS) == "1":
        return True
    return any(
        each.properties.get("ID_MM_DEVICE_IGNORE") == "1" for each in (device, *device.ancestors)
    )


def age_s(name: str) -> float | None:
    """Return how long a port has been there, None where udev does not say."""
    device = _device(name)
    if device is None:
        return None
    known: float = device.time_since_initialized.total_seconds()
    return known if known > 0 else None


@cache
def _library() -> tuple[Any, Any] | None:
    """Return pyudev and its context; looked for once, for in vain it is a slow look."""
    try:
        import pyudev

        return pyudev, pyudev.Context()
    except (ImportError, OSError):
        return None


def _device(name: str) -> Any:
    library = _library()
    if library is None:
        return None
    pyudev, context = library
    kind = "wwan" if name.startswith("wwan") else "tty"
    try:
        return pyudev.Devices.from_name(context, kind, name)
    except (OSError, pyudev.DeviceNotFoundError):
        return None


class UdevMonitor:
    """Netlink news of ports.

    After udev's rules have run where udev runs, so that links and permissions are there; from the
    kernel itself elsewhere.
    """

    def __init__(self) -> None:
        import pyudev

        source = "udev" if runs() else "kernel"
        self._monitor = pyudev.Monitor.from_netlink(pyudev.Context(), source)
        for kind in SUBSYSTEMS:
            self._monitor.filter_by(kind)
        self._monitor.start()

    def fileno(self) -> int:
        """Return the descriptor that is readable when there is news."""
        return int(self._monitor.fileno())

    def take(self) -> bool:
        """Take what is there and tell whether there was any.

        What happened to which port is not looked at: a look at sysfs shows it, also when news was
        lost because many came at once.
        """
        found = False
        while True:
            try:
                if not os.read(self.fileno(), _LONGEST):
                    return found
            except BlockingIOError:
                return found
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                # more than the kernel keeps: what was lost was news, too
            found = True
