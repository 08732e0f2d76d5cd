"""Physical USB sockets, named so that the name survives a reboot.

The kernel numbers USB buses in the order in which it finds their controllers, so ``1-1.4`` may be
``3-1.4`` after the next boot. The path of the controller and the chain of hub ports stay the same.
A USB 3 socket belongs to two buses of one controller, one for USB 2 and one for SuperSpeed; sysfs
links both sides of the socket (``peer``, Documentation/ABI/testing/sysfs-bus-usb).
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple

from modemagent.discovery.usb import text

#: BUS-PORT.PORT of a device, as the kernel names it.
_DEVICE = re.compile(r"\d+-(\d+(?:\.\d+)*)")
#: The entry of a hub port: usb1-port4 on a root hub, 1-1.2-port4 on another hub.
_HUB_PORT = re.compile(r"(?:usb\d+|\d+-(?P<hub>\d+(?:\.\d+)*))-port(?P<port>\d+)")
#: Speed in Mbit/s from which a root hub serves the SuperSpeed side of its sockets.
_SUPERSPEED = 5000


class UsbSocket(NamedTuple):
    """One socket of one controller.

    :param controller: path of the USB controller below ``/sys/devices``
    :param ports: hub ports from the root hub to the socket, ``1.4``; those of the USB 2 side if
        sysfs links both sides
    :param superspeed: True if only the SuperSpeed side is known
    """

    controller: str
    ports: str
    superspeed: bool = False

    def __str__(self) -> str:
        return f"{self.controller}/usb{3 if self.superspeed else 2}/{self.ports}"


def find_socket(device_id: str, root: Path = Path("/")) -> UsbSocket | None:
    """Return the socket that a USB device is plugged into.

    :param device_id: ``usb:1-1.4``
    :param root: directory that holds ``sys``
    :returns: None if the device is not a USB device or is not plugged in
    """
    kind, _, name = device_id.partition(":")
    entry = root / "sys/bus/usb/devices" / name
    found = _DEVICE.fullmatch(name)
    if kind != "usb" or found is None or not entry.exists():
        return None
    bus = _root_hub(entry)
    if bus is None:
        return None
    devices = (root / "sys/devices").resolve()
    controller = str(bus.parent.relative_to(devices))
    if int(text(bus / "speed") or 0) < _SUPERSPEED:
        return UsbSocket(controller, found[1])
    companion = _companion(entry)
    if companion is not None:
        return UsbSocket(controller, companion)
    return UsbSocket(controller, found[1], superspeed=True)


def _root_hub(entry: Path) -> Path | None:
    return next(
        (each for each in entry.resolve().parents if re.fullmatch(r"usb\d+", each.name)), None
    )


def _companion(entry: Path) -> str | None:
    """Return the port chain of the same socket on the other bus."""
    peer = entry / "port" / "peer"
    found = _HUB_PORT.fullmatch(Path(os.path.realpath(peer)).name) if peer.exists() else None
    if found is None:
        return None
    return f"{found['hub']}.{found['port']}" if found["hub"] else found["port"]
