"""Age of a modem: only a port that appears with the modem has one."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from modemagent.discovery import age
from modemagent.discovery.age import modem_age_s
from modemagent.discovery.candidate import Candidate


def port(path: str, *, cellular: bool = True) -> Candidate:
    return Candidate(path=path, port_id="usb:1-2:1.2", modem_id="usb:1-2", cellular=cellular)


def given(
    monkeypatch: pytest.MonkeyPatch, candidate: Candidate | None, udev_age_s: float | None
) -> None:
    monkeypatch.setattr(age, "describe", lambda path: candidate)
    monkeypatch.setattr(age.udev, "age_s", lambda name: udev_age_s)


def test_age_is_the_time_since_udev_initialized_the_port(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, port("/dev/ttyUSB2"), 12.5)
    assert modem_age_s("/dev/ttyUSB2") == 12.5


def test_age_is_that_of_the_device_file_without_udev(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "ttyUSB2"
    file.touch()
    given(monkeypatch, port(str(file)), None)
    found = modem_age_s(str(file))
    assert found is not None and 0 <= found < 60


def test_age_of_a_file_older_than_the_boot_is_the_uptime(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "ttyUSB2"
    file.touch()
    given(monkeypatch, port(str(file)), None)
    later = time.time() + 10_000_000_000
    monkeypatch.setattr(time, "time", lambda: later)
    uptime_s = time.clock_gettime(time.CLOCK_BOOTTIME)
    assert modem_age_s(str(file)) == pytest.approx(uptime_s, abs=60)


@pytest.mark.parametrize("path", ["socket://10.0.0.1:2000", "/dev/pts/3", "/dev/ttyUSB0"])
def test_other_ports_do_not_date_their_modem(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    bridge = port(path, cellular=False) if path == "/dev/ttyUSB0" else None
    given(monkeypatch, bridge, 12.5)
    assert modem_age_s(path) is None
