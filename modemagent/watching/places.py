"""Identification of ports: device path, stable id, and the key of a port's baseline."""

from __future__ import annotations

import os
from collections.abc import Container, Iterable

from modemagent.dialects.usb_ids import layout_of
from modemagent.discovery.candidate import Candidate
from modemagent.discovery.sockets import find_socket
from modemagent.discovery.sysfs import describe
from modemagent.report.message import PortPlace

#: Prefixes of the ids that do not depend on the order in which devices appear.
STABLE_IDS = ("usb:", "pci:", "tty:", "wwan:")


def is_remote(port: str) -> bool:
    """Return True if a port is a URL, so that only connecting shows whether it exists."""
    return "://" in port


def is_there(port: str) -> bool:
    """Return True if a device path exists; a remote port is always worth an attempt.

    A path that must not be read, or that is not a valid path, does not exist.
    """
    return is_remote(port) or os.path.exists(port)  # noqa: PTH110 - Path.exists raises on EACCES


def place_of(port: str, candidate: Candidate | None = None) -> PortPlace:
    """Return the path of a port with the ids that sysfs has for it.

    :param candidate: the port, if it has been described already
    """
    if candidate is None and not is_remote(port):
        candidate = describe(port)
    if candidate is None:
        return PortPlace(path=port)
    return PortPlace(
        path=port,
        id=candidate.port_id,
        usb_vid=candidate.usb_vid,
        usb_pid=candidate.usb_pid,
        socket=find_socket(candidate.modem_id or ""),
    )


def usb_device(place: PortPlace) -> str | None:
    """Return the physical device of a USB port, ``usb:1-2`` of ``usb:1-2:1.2``."""
    if place.id is None or not place.id.startswith("usb:"):
        return None
    return place.id.rpartition(":")[0]


def baseline_key(place: PortPlace) -> str:
    """Return the key under which the last reading of a modem is stored.

    It is the USB socket for a product in the table, because the kernel may give a modem that is
    plugged in again another ttyUSB number, and the path otherwise: each tty of a UART bridge may
    lead to another modem. Without a known socket it is the USB device, as in version 0.1.0.
    """
    device = usb_device(place)
    known = device is not None and layout_of(place.usb_vid, place.usb_pid) is not None
    return place.socket or device if device is not None and known else place.path


def stored_key(place: PortPlace, baselines: Container[str]) -> str:
    """Return the key that the baseline of a modem has: the current one, or that of 0.1.0."""
    key, old_key = baseline_key(place), baseline_key(place._replace(socket=None))
    return old_key if key not in baselines and old_key in baselines else key


def device_key(device_id: str) -> str:
    """Return the key of the task that watches a device: its USB socket, else its id."""
    return find_socket(device_id) or device_id


def modem_key(place: PortPlace) -> str:
    """Return the key of the task that watches a modem: its device, else its path."""
    if place.id is not None and place.id.startswith(("pci:", "wwan:")):
        return place.id.rpartition(":")[0]
    return baseline_key(place)


def is_in_sockets(key: str, sockets: Iterable[str]) -> bool:
    """Return True if a modem is in one of the sockets, or in a hub that is plugged into one.

    >>> is_in_sockets("pci0000:00/0000:00:14.0/usb2/1.4.2", ["pci0000:00/0000:00:14.0/usb2/1.4"])
    True
    """
    return any(key == socket or key.startswith(f"{socket}.") for socket in sockets)
