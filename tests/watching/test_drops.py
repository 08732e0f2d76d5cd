"""Counting of drops: what is one, how many are a fault, and which reports have to wait."""

from __future__ import annotations

import pytest

from modemagent.report.message import PortPlace
from modemagent.watching.drops import MANY, WINDOW_S, DropCounter
from tests.watching.recorded import RecordingLog

USB = PortPlace(path="/dev/ttyUSB2", id="usb:1-2:1.2", usb_vid="2c7c", usb_pid="0125")
UART = PortPlace(path="/dev/ttyS1")


class Drops:
    """A counter on a clock that the test sets."""

    def __init__(self) -> None:
        self.log = RecordingLog()
        self.now_s = 1000.0
        self.counter = DropCounter(self.log, lambda: self.now_s)

    def lost(self, count: int = 1, *, every_s: float = 3.0, place: PortPlace = USB) -> None:
        for _ in range(count):
            self.now_s += every_s
            self.counter.lost(place)

    def total(self, place: PortPlace = USB) -> int:
        return self.counter.of(place).total


@pytest.fixture
def drops() -> Drops:
    return Drops()


def test_many_drops_within_ten_minutes_are_a_fault(drops: Drops) -> None:
    drops.lost(MANY - 1)
    assert [each.fault for each in drops.counter.all()] == [""]
    drops.lost(8 - (MANY - 1), every_s=3.5)
    (found,) = drops.counter.all()
    assert found.fault == "8 drops in 24 s: check power supply and cable"
    drops.now_s += WINDOW_S + 1
    assert (list(drops.counter.all()), drops.total()) == ([], 0)


def test_fault_is_logged_once_until_the_modem_is_steady(drops: Drops) -> None:
    drops.lost(20, every_s=250.0)
    assert drops.log.events == ["modem_drops"]
    drops.now_s += WINDOW_S + 1
    drops.lost(MANY)
    assert drops.log.events == ["modem_drops"] * 2


def test_returned_modem_with_another_path_is_the_same(drops: Drops) -> None:
    drops.lost()
    drops.lost(place=USB._replace(path="/dev/ttyUSB6"))
    (found,) = drops.counter.all()
    assert (found.total, found.place.path) == (2, "/dev/ttyUSB6")


@pytest.mark.parametrize(
    "start",
    [
        ("RDY",),
        ("RDY", "+CFUN: 1", "APP RDY"),
        ("^SYSSTART",),
        ("^SYSSTART AIRPLANE MODE",),
        ("+SYSSTART",),
        ("MODEM:STARTUP", "+PBREADY"),
        ("*ATREADY: 1", "+CFUN: 1"),
    ],
)
def test_each_start_of_a_watched_modem_is_one_drop(drops: Drops, start: tuple[str, ...]) -> None:
    for count in range(1, 9):
        drops.now_s += 3.0
        for line in start:
            drops.counter.received(UART, line)
        assert drops.total(UART) == count


def test_start_of_a_returned_modem_is_counted_once(drops: Drops) -> None:
    for _ in range(8):
        drops.lost()
        for line in ("RDY", "+CFUN: 1", "+CPIN: READY", "APP RDY"):
            drops.now_s += 2.0
            drops.counter.received(USB, line)
    assert drops.total() == 8


@pytest.mark.parametrize("line", ["+CFUN: 1", "+CPIN: READY", "+CREG: 1", "RDYX", ""])
def test_other_lines_are_not_counted(drops: Drops, line: str) -> None:
    for _ in range(3):
        drops.counter.received(UART, line)
    assert drops.total(UART) == 0


def test_peak_is_the_most_drops_since_the_last_heartbeat(drops: Drops) -> None:
    drops.lost(4)
    assert drops.counter.take_peaks() == {"usb:1-2": (USB, 4)}
    assert drops.counter.take_peaks() == {}
    drops.lost()
    assert drops.counter.take_peaks() == {"usb:1-2": (USB, 5)}, "four of them before the heartbeat"
    drops.lost(6)
    drops.now_s += WINDOW_S + 1
    drops.lost()
    assert drops.counter.take_peaks() == {"usb:1-2": (USB, 11)}


def test_reports_wait_longer_after_each_one_of_many(drops: Drops) -> None:
    for _ in range(5):
        drops.lost()
        assert drops.counter.may_report(USB)
        drops.counter.reported(USB)
    for calm_s in (30.0, 60.0, 120.0):
        drops.lost()
        drops.now_s += calm_s - 1
        assert not drops.counter.may_report(USB)
        drops.now_s += 1
        assert drops.counter.may_report(USB)
        drops.counter.reported(USB)
    assert drops.counter.may_report(UART), "another modem"
    drops.lost()
    drops.now_s += WINDOW_S + 1
    assert drops.counter.may_report(USB)
