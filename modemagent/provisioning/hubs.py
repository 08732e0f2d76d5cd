"""USB hubs between controllers and bays: whether each is where it was when the bays were learned.

A hub that was replaced or plugged in elsewhere moves the numbers of its bays.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from modemagent.discovery.sockets import find_socket
from modemagent.discovery.usb import names, text
from modemagent.provisioning.usb_devices import DEVICES, HUB_CLASS
from modemagent.watching.places import is_in_sockets

#: Speeds of USB 2 in Mbit/s, and what the kernel states while it does not know the speed.
_USB_2 = frozenset({None, "unknown", "12", "480"})


def hubs_of(sockets: Iterable[str], root: Path = Path("/")) -> dict[str, str]:
    """Return the hubs above some sockets, each with its ids and its number of ports.

    :param root: directory that holds ``sys``
    """
    wanted = list(sockets)
    hubs = present_hubs(root)
    return {hub: hubs[hub] for hub in sorted(hubs) if any(_is_below(one, hub) for one in wanted)}


def present_hubs(root: Path = Path("/")) -> dict[str, str]:
    """Return the socket of each hub with its ids and its number of ports: ``05e3:0610, 4 ports``.

    The SuperSpeed side of a hub is left out: it is a device of its own in the same socket.
    """
    found = {}
    for name in names(str(root / DEVICES)):
        folder = str(root / DEVICES / name)
        if ":" in name or "-" not in name or text(f"{folder}/bDeviceClass") != HUB_CLASS:
            continue
        socket = find_socket(f"usb:{name}", root)
        if socket is not None and text(f"{folder}/speed") in _USB_2:
            ids = f"{text(f'{folder}/idVendor') or ''}:{text(f'{folder}/idProduct') or ''}"
            found[socket] = f"{ids}, {text(f'{folder}/maxchild') or '?'} ports"
    return found


def misplaced_bays(
    bays: Mapping[str, str], hubs: Mapping[str, str], root: Path = Path("/")
) -> dict[str, str]:
    """Return the bays with a hub that is not as it was, each with what is wrong.

    :param bays: number of the bay and its socket
    :param hubs: socket of a hub, and what :func:`present_hubs` had returned for it
    """
    if not hubs:
        return {}
    present = present_hubs(root)
    found: dict[str, str] = {}
    for hub, before in sorted(hubs.items()):
        now = present.get(hub)
        if now != before:
            wrong = f"hub {hub.rpartition('/')[2]} is {'missing' if now is None else 'another one'}"
            below = (bay for bay, socket in bays.items() if _is_below(socket, hub))
            found = {**dict.fromkeys(below, wrong), **found}
    return found


def _is_below(socket: str, hub: str) -> bool:
    return socket != hub and is_in_sockets(socket, (hub,))
