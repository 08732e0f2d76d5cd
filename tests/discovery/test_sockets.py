"""Names of physical USB sockets: independent of bus numbers and of the speed of the device."""

from __future__ import annotations

from pathlib import Path

import pytest

from modemagent.discovery.sockets import UsbSocket, find_socket

CONTROLLER = "pci0000:00/0000:00:14.0"


def hub_port(root: Path, hub: str, port: int) -> Path:
    """Create the sysfs entry of a hub's port: ``usb1``, ``1-1`` and so on."""
    number = hub.removeprefix("usb")
    interface = f"{number}-0:1.0" if hub.startswith("usb") else f"{hub}:1.0"
    entry = device(root, hub) / interface / f"{hub}-port{port}"
    entry.mkdir(parents=True, exist_ok=True)
    return entry


def device(root: Path, name: str) -> Path:
    """Create the sysfs entry of a device and of the hubs above it."""
    bus, _, chain = name.partition("-")
    path = root / "sys/devices" / CONTROLLER
    if name.startswith("usb"):
        path /= name
    else:
        path /= f"usb{bus}"
        parts = chain.split(".")
        for depth in range(len(parts)):
            path /= f"{bus}-{'.'.join(parts[: depth + 1])}"
    path.mkdir(parents=True, exist_ok=True)
    link = root / "sys/bus/usb/devices" / name
    link.parent.mkdir(parents=True, exist_ok=True)
    if not link.is_symlink():
        link.symlink_to(path)
    return path


def plug(root: Path, name: str, *, peer: tuple[str, int] | None = None) -> None:
    """Plug a device in; ``peer`` is the hub and the port of the other side of its socket."""
    bus, _, chain = name.partition("-")
    above, _, last = chain.rpartition(".")
    port = hub_port(root, f"{bus}-{above}" if above else f"usb{bus}", int(last))
    (device(root, name) / "port").symlink_to(port)
    if peer is not None:
        (port / "peer").symlink_to(hub_port(root, *peer))


def root_hub(root: Path, name: str, speed: int) -> None:
    (device(root, name) / "speed").write_text(f"{speed}\n")


def test_socket_does_not_depend_on_the_bus_number(tmp_path: Path) -> None:
    for bus in (1, 3):
        root = tmp_path / str(bus)
        root_hub(root, f"usb{bus}", 480)
        plug(root, f"{bus}-1.4")
        assert find_socket(f"usb:{bus}-1.4", root) == UsbSocket(CONTROLLER, "1.4")


@pytest.mark.parametrize(
    ("name", "peer", "ports"),
    [("2-1", ("usb1", 5), "5"), ("2-1.4", ("1-1", 4), "1.4"), ("2-1.2.3", ("1-1.2", 3), "1.2.3")],
)
def test_superspeed_device_has_the_socket_of_its_companion(
    tmp_path: Path, name: str, peer: tuple[str, int], ports: str
) -> None:
    root_hub(tmp_path, "usb1", 480)
    root_hub(tmp_path, "usb2", 10000)
    plug(tmp_path, name, peer=peer)
    found = find_socket(f"usb:{name}", tmp_path)
    assert found == UsbSocket(CONTROLLER, ports)
    assert str(found) == f"{CONTROLLER}/usb2/{ports}"


def test_superspeed_socket_without_companion_is_its_own(tmp_path: Path) -> None:
    root_hub(tmp_path, "usb2", 5000)
    plug(tmp_path, "2-1")
    assert str(find_socket("usb:2-1", tmp_path)) == f"{CONTROLLER}/usb3/1"


@pytest.mark.parametrize("device_id", ["usb:9-9", "pci:0000:01:00.0", "usb:../../etc", "usb:"])
def test_other_ids_have_no_socket(tmp_path: Path, device_id: str) -> None:
    assert find_socket(device_id, tmp_path) is None
