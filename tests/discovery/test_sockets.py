"""Names of physical USB sockets: independent of bus numbers and of the speed of the device."""

from __future__ import annotations

from pathlib import Path

import pytest

from modemagent.discovery.sockets import find_socket
from tests.discovery.usb_tree import CONTROLLER, UsbTree


def test_socket_does_not_depend_on_the_bus_number(tmp_path: Path) -> None:
    for bus in ("1", "3"):
        tree = UsbTree(tmp_path / bus)
        tree.root_hub(bus, 480)
        tree.plug(f"{bus}-1.4")
        assert find_socket(f"usb:{bus}-1.4", tree.root) == f"{CONTROLLER}/usb2/1.4"


@pytest.mark.parametrize(
    ("controller", "named"),
    [
        ("platform/soc@0/a600000.usb/xhci-hcd.1.auto", "platform/soc@0/a600000.usb/xhci-hcd"),
        ("platform/soc/2184200.usb/ci_hdrc.0", "platform/soc/2184200.usb/ci_hdrc"),
        ("platform/soc/3f980000.usb", "platform/soc/3f980000.usb"),
        ("platform/vhci_hcd.0", "platform/vhci_hcd.0"),
        ("pci0000:00/0000:00:1a.0", "pci0000:00/0000:00:1a.0"),
    ],
)
def test_controller_has_no_number_in_order_of_creation(
    tmp_path: Path, controller: str, named: str
) -> None:
    UsbTree(tmp_path, {"1": controller}).plug("1-2")
    assert find_socket("usb:1-2", tmp_path) == f"{named}/usb2/2"


@pytest.mark.parametrize(
    ("name", "peer", "ports"),
    [("2-1", ("usb1", 5), "5"), ("2-1.4", ("1-1", 4), "1.4"), ("2-1.2.3", ("1-1.2", 3), "1.2.3")],
)
def test_superspeed_device_has_the_socket_of_its_companion(
    tmp_path: Path, name: str, peer: tuple[str, int], ports: str
) -> None:
    tree = UsbTree(tmp_path)
    tree.root_hub("1", 480)
    tree.root_hub("2", 10000)
    tree.plug(name, peer=peer)
    assert find_socket(f"usb:{name}", tmp_path) == f"{CONTROLLER}/usb2/{ports}"


def test_superspeed_socket_without_companion_is_its_own(tmp_path: Path) -> None:
    tree = UsbTree(tmp_path)
    tree.root_hub("2", 5000)
    tree.plug("2-1")
    assert find_socket("usb:2-1", tmp_path) == f"{CONTROLLER}/usb3/1"


@pytest.mark.parametrize("device_id", ["usb:9-9", "pci:0000:01:00.0", "usb:../../etc", "usb:"])
def test_other_ids_have_no_socket(tmp_path: Path, device_id: str) -> None:
    assert find_socket(device_id, tmp_path) is None
