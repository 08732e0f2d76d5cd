"""How often the daemon wakes to look at its ports."""

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


def looks_a_minute(lookout: RescanScheduler, clock: Clock, *awaited: str) -> int:
    """Count the looks of the next minute when nothing stirs."""
    end, looks = clock.now + 60.0, 0
    while clock.now < end:
        clock.now += lookout.pause_s(awaited)
        looks += 1
    return looks


def hearing() -> RescanScheduler:
    """Return a lookout on a machine on which udev can be heard, whatever this one is."""
    lookout = RescanScheduler(NullLog(), heard=lambda: None)
    lookout._news = udev.UdevMonitor.__new__(udev.UdevMonitor)
    return lookout


@pytest.mark.parametrize(
    "awaited", [(), ("/dev/ttyUSB2",), ("/dev/serial/by-id/*", "/dev/ttyACM0")]
)
def test_what_udev_tells_of_is_not_looked_for(clock: Clock, awaited: tuple[str, ...]) -> None:
    assert looks_a_minute(hearing(), clock, *awaited) == 4


@pytest.mark.parametrize("port", ["/dev/pts/3", "/run/modems/first", "/home/pi/tty*"])
def test_what_nobody_tells_of_is_looked_for_ever_less(clock: Clock, port: str) -> None:
    lookout = hearing()
    assert lookout.pause_s((port,)) == 0.5
    clock.now += 30.0
    assert lookout.pause_s((port,)) == 0.5
    clock.now += 20.0
    assert lookout.pause_s((port,)) == 2.0
    clock.now += 3600.0
    assert looks_a_minute(lookout, clock, port) == 12
    lookout.saw(["/dev/pts/4"])
    assert lookout.pause_s((port,)) == 0.5, "one has come, so another one may"
    clock.now += 3600.0
    lookout.saw(["/dev/pts/4"])
    assert lookout.pause_s((port,)) == 5.0
    lookout.begin_anew()
    assert lookout.pause_s((port,)) == 0.5


def test_without_news_everything_is_looked_for(clock: Clock) -> None:
    lookout = RescanScheduler(NullLog(), heard=lambda: None)
    assert lookout.pause_s(("/dev/ttyUSB2",)) == 0.5
    assert looks_a_minute(lookout, clock) == 30
    clock.now += 3600.0
    assert lookout.pause_s(("/dev/ttyUSB2",)) == 2.0
