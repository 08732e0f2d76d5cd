"""Intervals between the scans of the daemon."""

from __future__ import annotations

import pytest

from modemagent.discovery import udev
from modemagent.logs import NullLog
from modemagent.watching.rescan import RescanScheduler


class Clock:
    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("modemagent.watching.rescan.time", clock)
    return clock


def scans_per_minute(schedule: RescanScheduler, clock: Clock, *awaited: str) -> int:
    """Count the scans of the next minute without a request."""
    end, scans = clock.now + 60.0, 0
    while clock.now < end:
        clock.now += schedule.pause_s(awaited)
        scans += 1
    return scans


@pytest.mark.parametrize("changes", [(1, 1, 1, 2), (1, 1, 1, 1, 1)])
async def test_scan_is_left_out_while_dev_is_unchanged(monkeypatch, changes) -> None:
    left = list(changes)
    monkeypatch.setattr("modemagent.watching.rescan._dev_changed_at", lambda: left.pop(0))
    monkeypatch.setattr("modemagent.watching.rescan._WITH_UDEV_S", 0.001)
    schedule = with_udev()
    schedule.begin()
    await schedule.wait(0.001)
    assert left == []
    left += [1, 1]
    schedule.begin()
    await schedule.wait(0.0005)
    assert left == [], "a shorter interval ends by itself"


async def test_requests_within_moments_lead_to_one_scan() -> None:
    schedule = RescanScheduler(NullLog())
    schedule.request_soon()
    schedule.request_soon()
    await schedule.wait(60.0)
    schedule.begin()
    assert not schedule._requested.is_set()
    schedule.request_soon()  # one that comes during a scan is not lost
    await schedule.wait(60.0)
    assert schedule._requested.is_set()


def with_udev() -> RescanScheduler:
    """Return a schedule as on a machine with udev events."""
    schedule = RescanScheduler(NullLog())
    schedule._monitor = udev.UdevMonitor.__new__(udev.UdevMonitor)
    return schedule


@pytest.mark.parametrize(
    "awaited", [(), ("/dev/ttyUSB2",), ("/dev/serial/by-id/*", "/dev/ttyACM0")]
)
def test_paths_that_udev_reports_are_not_polled(clock: Clock, awaited: tuple[str, ...]) -> None:
    assert scans_per_minute(with_udev(), clock, *awaited) == 4


@pytest.mark.parametrize("port", ["/dev/pts/3", "/run/modems/first", "/home/pi/tty*"])
def test_other_awaited_paths_are_polled_with_growing_delay(clock: Clock, port: str) -> None:
    schedule = with_udev()
    assert schedule.pause_s((port,)) == 0.5
    clock.now += 30.0
    assert schedule.pause_s((port,)) == 0.5
    clock.now += 20.0
    assert schedule.pause_s((port,)) == 2.0
    clock.now += 3600.0
    assert scans_per_minute(schedule, clock, port) == 12
    schedule.note_ports(["/dev/pts/4"])
    assert schedule.pause_s((port,)) == 0.5, "after one port has appeared, others may follow"
    clock.now += 3600.0
    schedule.note_ports(["/dev/pts/4"])
    assert schedule.pause_s((port,)) == 5.0
    schedule.restart()
    assert schedule.pause_s((port,)) == 0.5


def test_without_udev_everything_is_polled(clock: Clock) -> None:
    schedule = RescanScheduler(NullLog())
    assert schedule.pause_s(("/dev/ttyUSB2",)) == 0.5
    assert scans_per_minute(schedule, clock) == 30
    clock.now += 3600.0
    assert schedule.pause_s(("/dev/ttyUSB2",)) == 2.0
