"""Device trees with fewer attributes than the kernel writes have the same ports."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.discovery.conftest import Bed
from tests.discovery.trees import Kind, device, hub

EG25 = Kind("2c7c", "0125", (0, 1, 2, 3))
FULL = device("1-2", EG25, {n: n for n in EG25.ttys})
SEEN = [
    (f"/dev/ttyUSB{n}", f"usb:1-2:1.{n}", n, role)
    for n, role in enumerate(("diag", "nmea", "at", "at"))
]


def without(*patterns: str) -> Callable[[str], str]:
    def edit(tree: str) -> str:
        for pattern in patterns:
            assert re.search(pattern, tree, re.MULTILINE)
            tree = re.sub(f"{pattern}\n", "", tree, flags=re.MULTILINE)
        return tree

    return edit


def marked(tree: str) -> str:
    """Keep only the properties that udev's usb_id sets."""
    tree = without("A: bInterfaceNumber=.*", "A: id(Vendor|Product)=2c7c.*")(tree)
    for n in EG25.ttys:
        lines = f"E: ID_VENDOR_ID=2c7c\nE: ID_MODEL_ID=0125\nE: ID_USB_INTERFACE_NUM=0{n}\n"
        tree = tree.replace(f"N: ttyUSB{n}\n", f"N: ttyUSB{n}\n{lines}")
    return tree.replace("E: PRODUCT=2c7c/125/318\n", "")


def flat(_: str) -> str:
    """Return what umockdev's ``add_device()`` makes: no bus, no hub, no link to the device."""
    tree = (
        "P: /devices/1-2\nE: DEVTYPE=usb_device\nE: SUBSYSTEM=usb\n"
        "A: idVendor=2c7c\\n\nA: idProduct=0125\\n\n\n"
    )
    for n in EG25.ttys:
        below = f"/devices/1-2/1-2:1.{n}"
        tree += (
            f"P: {below}\nE: DEVTYPE=usb_interface\nE: DRIVER=option\nE: SUBSYSTEM=usb\n"
            f"A: bInterfaceNumber=0{n}\\n\n\n"
            f"P: {below}/ttyUSB{n}\nN: ttyUSB{n}\nE: DEVNAME=/dev/ttyUSB{n}\n"
            f"E: SUBSYSTEM=tty\nE: MAJOR=188\nE: MINOR={n}\n\n"
        )
    return tree


def listed(bed: Bed, folder: Path, tree: str) -> list[dict[str, Any]]:
    file = folder / "tree.umockdev"
    file.write_text(tree)
    bed.add(str(file))
    done = subprocess.run(
        [sys.executable, "-m", "modemagent", "list", "--json"],
        env=bed.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    document = json.loads(done.stdout)
    assert set(bed.written().values()) <= {0}
    ports = [port for modem in document["modems"] for port in modem["ports"]]
    return [*ports, *document["ports"]]


@pytest.mark.parametrize(
    "edit",
    [
        pytest.param(without(), id="complete"),
        pytest.param(without("L: device=.*"), id="no link from the tty to its device"),
        pytest.param(without("A: bInterfaceNumber=.*"), id="no interface number"),
        pytest.param(without("A: id(Vendor|Product)=2c7c.*", "A: idProduct=0125.*"), id="no ids"),
        pytest.param(without("L: driver=.*"), id="no link to the driver"),
        pytest.param(marked, id="properties of udev only"),
        pytest.param(flat, id="made by API calls"),
    ],
)
def test_incomplete_tree_has_the_same_ports(
    bed: Bed, tmp_path: Path, edit: Callable[[str], str]
) -> None:
    ports = listed(bed, tmp_path, edit(hub("1-2") + FULL))
    shown = [(p["path"], p["port_id"], p["interface"], p["role"]) for p in ports]
    assert shown == SEEN
    assert {port["driver"] for port in ports} == {"option"}


def test_ids_in_either_case(bed: Bed, tmp_path: Path) -> None:
    ports = listed(bed, tmp_path, hub("1-2") + FULL.replace("idVendor=2c7c", "idVendor=2C7C"))
    assert [port["role"] for port in ports] == ["diag", "nmea", "at", "at"]


def test_tty_without_a_bus_is_not_a_port(bed: Bed, tmp_path: Path) -> None:
    places = {
        "ttyS0": "platform/serial8250/tty/ttyS0",
        "ttyS1": "pnp0/00:05/00:05:0/00:05:0.0/tty/ttyS1",
        "tty7": "virtual/tty/tty7",
        "ttyprintk": "virtual/tty/ttyprintk",
        "ttyX0": "ttyX0",
    }
    tree = "".join(
        f"P: /devices/{place}\nN: {name}\nE: DEVNAME=/dev/{name}\nE: SUBSYSTEM=tty\n\n"
        for name, place in places.items()
    )
    ports = listed(bed, tmp_path, tree)
    assert [port["port_id"] for port in ports] == ["tty:ttyS0", "tty:ttyS1"]
