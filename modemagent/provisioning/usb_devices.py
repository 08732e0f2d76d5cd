"""USB devices in the sockets of bays, also those without a port: starting, flashing, refused.

A controller stops at its own number of endpoints; the kernel then leaves a device without a
configuration. That is a fault of the station, not of the unit.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from modemagent.dialects.usb_ids import recovery_of
from modemagent.discovery.sockets import find_socket
from modemagent.discovery.usb import names, text
from modemagent.watching.places import is_in_sockets

DEVICES = "sys/bus/usb/devices"
HUB_CLASS = "09"
FLASHING, NO_RESOURCES = "flashing", "no_resources"
#: Message and remedy of each problem of a device without a port.
PROBLEMS: Mapping[str, tuple[str, str]] = {
    FLASHING: (
        "the module is in flashing mode",
        "Disconnect its power for ten seconds. If it comes back so, put it into the red tray.",
    ),
    NO_RESOURCES: (
        "the USB controller is full",
        "Move a hub to another controller: modemagent provision bays show. Unit not at fault.",
    ),
}


class SocketDevice(NamedTuple):
    """A device that is plugged into a bay.

    :param ids: vendor and product, ``2c7c:0125``
    :param problem: a key of :data:`PROBLEMS`, "" for none
    """

    bay: str
    socket: str
    device_id: str
    ids: str
    problem: str = ""


def devices_in_bays(bays: Mapping[str, str], root: Path = Path("/")) -> list[SocketDevice]:
    """Return the devices in USB sockets of bays, hubs left out.

    :param bays: number of the bay and its socket
    :param root: directory that holds ``sys``
    """
    found = []
    for device in usb_devices(root):
        bay = next((bay for bay, socket in bays.items()
                    if is_in_sockets(device.socket, (socket,))), None)  # fmt: skip
        if bay is not None:
            found.append(device._replace(bay=bay))
    return found


def usb_devices(root: Path = Path("/")) -> list[SocketDevice]:
    """Return every USB device with its socket, hubs left out; its bay is not filled in."""
    found = []
    for name in names(str(root / DEVICES)):
        folder = str(root / DEVICES / name)
        if ":" in name or "-" not in name or text(f"{folder}/bDeviceClass") == HUB_CLASS:
            continue
        socket = find_socket(f"usb:{name}", root)
        if socket is not None:
            vid, pid = text(f"{folder}/idVendor") or "", text(f"{folder}/idProduct") or ""
            problem = _problem(folder, vid.lower(), pid.lower())
            found.append(SocketDevice("", socket, f"usb:{name}", f"{vid}:{pid}".lower(), problem))
    return found


def _problem(folder: str, vid: str, pid: str) -> str:
    if recovery_of(vid, pid, text(f"{folder}/product")) is not None:
        return FLASHING
    # the attribute is empty if the kernel has left the device without a configuration
    attribute = Path(folder, "bConfigurationValue")
    return NO_RESOURCES if attribute.exists() and text(str(attribute)) is None else ""


def endpoints_by_controller(root: Path = Path("/")) -> dict[str, int]:
    """Return the number of endpoints in use below each controller."""
    counts: dict[str, int] = {}
    for device in usb_devices(root):
        controller = device.socket.rpartition("/usb")[0]
        name = device.device_id.removeprefix("usb:")
        for interface in names(str(root / DEVICES)):
            if interface.startswith(f"{name}:"):
                number = text(str(root / DEVICES / interface / "bNumEndpoints")) or "0"
                counts[controller] = counts.get(controller, 0) + int(number, 16)
    return counts
