"""Keys of ports: the USB socket of a modem, the path of any other port."""

from __future__ import annotations

import pytest

from modemagent.report.message import PortPlace
from modemagent.watching.places import baseline_key, modem_key, stored_key, usb_device

EG25 = {"usb_vid": "2c7c", "usb_pid": "0125"}
SOCKET = "pci0000:00/0000:00:14.0/usb2/1.4"
BRIDGE = {"usb_vid": "0403", "usb_pid": "6001"}


@pytest.mark.parametrize(
    ("place", "device", "baseline", "modem"),
    [
        (PortPlace(path="/dev/ttyUSB2", id="usb:1-1.4:1.2", **EG25), *["usb:1-1.4"] * 3),
        (
            PortPlace(path="/dev/ttyUSB2", id="usb:1-1.4:1.2", socket=SOCKET, **EG25),
            "usb:1-1.4", SOCKET, SOCKET,
        ),
        (
            PortPlace(path="/dev/ttyUSB7", id="usb:1-3:1.0", **BRIDGE),
            "usb:1-3", "/dev/ttyUSB7", "/dev/ttyUSB7",
        ),
        (
            PortPlace(path="/dev/wwan0at0", id="pci:0000:01:00.0:wwan0at0"),
            None, "/dev/wwan0at0", "pci:0000:01:00.0",
        ),
        (PortPlace(path="/dev/ttyAMA0", id="tty:ttyAMA0"), None, *["/dev/ttyAMA0"] * 2),
        (PortPlace(path="/dev/pts/3"), None, *["/dev/pts/3"] * 2),
    ],
)  # fmt: skip
def test_keys(place: PortPlace, device: str | None, baseline: str, modem: str) -> None:
    assert (usb_device(place), baseline_key(place), modem_key(place)) == (device, baseline, modem)


def test_baseline_of_0_1_0_has_the_device_id_as_its_key() -> None:
    place = PortPlace(path="/dev/ttyUSB2", id="usb:1-1.4:1.2", socket=SOCKET, **EG25)
    assert stored_key(place, {"usb:1-1.4"}) == "usb:1-1.4"
    assert stored_key(place, {"usb:1-1.4", SOCKET}) == stored_key(place, {}) == SOCKET
    assert place.to_json() == {"path": "/dev/ttyUSB2", "id": "usb:1-1.4:1.2", **EG25}
