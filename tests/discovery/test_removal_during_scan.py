"""Devices that disappear while sysfs is read."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from modemagent.discovery.sockets import find_socket
from modemagent.discovery.sysfs import describe, scan


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two modems, 1-1 with ttyUSB0 and 1-2 with ttyUSB1."""
    for number, name in enumerate(("1-1", "1-2")):
        device = tmp_path / "sys/devices/pci0000:00/0000:00:14.0/usb1" / name
        entry = device / f"{name}:1.0/ttyUSB{number}/tty/ttyUSB{number}"
        entry.mkdir(parents=True)
        device.joinpath("idVendor").write_text("2c7c\n")
        device.joinpath("idProduct").write_text("0125\n")
        for link in (f"class/tty/ttyUSB{number}", f"bus/usb/devices/{name}"):
            place = tmp_path / "sys" / link
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(device if "bus" in link else entry)
    return tmp_path


def test_scan_finds_the_other_modem(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The link vanishes after it was seen to be one and before it is read."""
    assert [each.name for each in scan(root)] == ["ttyUSB0", "ttyUSB1"]
    reads: list[str] = []

    def readlink(path: Any, *more: Any, **options: Any) -> str:
        if str(path).endswith("ttyUSB0"):
            reads.append(path)
            if len(reads) > 1:
                raise FileNotFoundError(2, "No such file or directory", path)
        return read(path, *more, **options)

    read = os.readlink
    monkeypatch.setattr(os, "readlink", readlink)
    assert [each.name for each in scan(root)] == ["ttyUSB1"]
    assert len(reads) > 1


def test_port_and_socket_of_a_vanishing_device_are_unknown(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert find_socket("usb:1-1", root) is not None

    def readlink(path: Any, *_: Any, **__: Any) -> str:
        raise FileNotFoundError(2, "No such file or directory", path)

    monkeypatch.setattr(os, "readlink", readlink)
    assert describe(str(root / "dev/ttyUSB0"), root) is None
    assert find_socket("usb:1-1", root) is None
