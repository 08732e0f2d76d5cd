"""Physical USB sockets, named so that the name survives a reboot.

The kernel numbers USB buses in the order in which it finds their controllers, so ``1-1.4`` may be
``3-1.4`` after the next boot. The path of the controller and the chain of hub ports stay the same.
A USB 3 socket belongs to two buses of one controller, one for USB 2 and one for SuperSpeed; sysfs
links both sides of the socket (``peer``, Documentation/ABI/testing/sysfs-bus-usb).
"""

from __future__ import annotations

import re
from pathlib import Path

from modemagent.discovery.usb import text
from modemagent.real_path import real_path

#: BUS-PORT.PORT of a device, as the kernel names it.
_DEVICE = re.compile(r"\d+-(\d+(?:\.\d+)*)")
#: The entry of a hub port: usb1-port4 on a root hub, 1-1.2-port4 on another hub.
_HUB_PORT = re.compile(r"(?:usb\d+|\d+-(?P<hub>\d+(?:\.\d+)*))-port(?P<port>\d+)")
#: A controller that a driver creates below the device of the chip, such as xhci-hcd.1.auto or
#: ci_hdrc.0, is numbered in the order of creation (drivers/base/platform.c), as buses are.
_NUMBERED = re.compile(r"([A-Za-z_-]+)\.\d+(?:\.auto)?")
#: Speed in Mbit/s from which a root hub serves the SuperSpeed side of its sockets.
_SUPERSPEED = 5000


def find_socket(device_id: str, root: Path = Path("/")) -> str | None:
    """Return the name of the socket that a USB device is plugged into.

    The name consists of the controller below ``/sys/devices``, of the side of the socket, ``usb2``
    unless only the SuperSpeed side is known, and of the hub ports from the root hub to the socket:
    ``pci0000:00/0000:00:14.0/usb2/1.4``.

    :param device_id: ``usb:1-1.4``
    :param root: directory that holds ``sys``
    :returns: None if the device is not a USB device or is not plugged in
    """
    kind, _, name = device_id.partition(":")
    entry = root / "sys/bus/usb/devices" / name
    found = _DEVICE.fullmatch(name)
    if kind != "usb" or found is None or not entry.exists():
        return None
    above = Path(real_path(entry)).parents
    bus = next((each for each in above if re.fullmatch(r"usb\d+", each.name)), None)
    if bus is None:
        return None
    controller = _controller(bus.parent.relative_to(real_path(root / "sys/devices")))
    if int(text(f"{bus}/speed") or 0) < _SUPERSPEED:
        return f"{controller}/usb2/{found[1]}"
    companion = _companion(entry)
    return f"{controller}/usb2/{companion}" if companion else f"{controller}/usb3/{found[1]}"


def _controller(path: Path) -> Path:
    """Return the path of a controller without a number that depends on the order of creation."""
    found = _NUMBERED.fullmatch(path.name)
    # directly below platform, the number is the only difference between two controllers
    return path if found is None or path.parent.name == "platform" else path.with_name(found[1])


def _companion(entry: Path) -> str | None:
    """Return the port chain of the same socket on the other bus."""
    peer = entry / "port" / "peer"
    found = _HUB_PORT.fullmatch(Path(real_path(peer)).name) if peer.exists() else None
    if found is None:
        return None
    return f"{found['hub']}.{found['port']}" if found["hub"] else found["port"]
