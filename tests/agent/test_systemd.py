"""Notifications to systemd over real datagram sockets."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from modemagent.agent.systemd import notify, watchdog_interval_s


def test_nothing_is_sent_without_systemd(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    notify("READY=1")
    for wrong in (str(tmp_path / "nobody"), "vsock:2:1234", "relative"):
        monkeypatch.setenv("NOTIFY_SOCKET", wrong)
        notify("READY=1")


@pytest.mark.parametrize("abstract", [False, True])
def test_notification_arrives_complete(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, abstract: bool
) -> None:
    name = f"modemagent-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(f"\0{name}" if abstract else str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", f"@{name}" if abstract else str(tmp_path / "notify"))
        notify("WATCHDOG=1\nSTATUS=2 of 2 ports watched")
        systemd.settimeout(5)
        assert systemd.recv(4096) == b"WATCHDOG=1\nSTATUS=2 of 2 ports watched"


@pytest.mark.parametrize(
    ("usec", "pid", "interval_s"),
    [
        ("60000000", None, 30.0),
        pytest.param("60000000", str(os.getpid()), 30.0, id="60000000-this-30.0"),
        ("60000000", "1", None),  # meant for another process of the service
        ("0", None, None),
        ("", None, None),
        ("a minute", None, None),
    ],
)
def test_interval_is_half_the_watchdog_timeout(
    monkeypatch: pytest.MonkeyPatch, usec: str, pid: str | None, interval_s: float | None
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", usec)
    monkeypatch.delenv("WATCHDOG_PID", raising=False)
    if pid:
        monkeypatch.setenv("WATCHDOG_PID", pid)
    assert watchdog_interval_s() == interval_s
