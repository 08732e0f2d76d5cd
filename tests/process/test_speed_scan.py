"""baud = "auto": the daemon finds the speed of a modem behind a bridge, and keeps it."""

from __future__ import annotations

import termios
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event, Thread

import pytest

from modemagent.modem.speed_scan import SPEEDS
from tests.discovery.conftest import Bed
from tests.discovery.conftest import bed as bed_fixture
from tests.process.conftest import until
from tests.process.plugging import Discovering
from tests.uart import modem_at

bed = bed_fixture
#: The tree has an FTDI bridge, behind which anything may be.
TREE, PORT = "strangers", "/dev/ttyUSB0"
Start = Callable[..., Discovering]


@pytest.fixture
def agent(bed: Bed, tmp_path: Path) -> Iterator[Start]:
    made: list[Discovering] = []

    def start(*words: str) -> Discovering:
        made.append(Discovering(tmp_path, "--port", PORT, "--no-discovery", *words, bed=bed))
        return made[-1]

    yield start
    for each in made:
        each.stop()
        print(each.log.read_text()[-6000:])


def test_daemon_finds_the_speed_and_tries_it_first(bed: Bed, agent: Start) -> None:
    with modem_at(57600) as modem:
        bed.add(TREE, ttyUSB0=modem.path)
        daemon = agent("--baud", "auto")
        until(lambda: daemon.is_watching(PORT))
        assert daemon.ports()[PORT]["baud"] == 57600
        assert modem.seen == [termios.B115200, termios.B9600, termios.B57600]
        bed.remove(TREE)
        until(lambda: not daemon.is_watching(PORT))
        modem.seen.clear()
        bed.add(TREE, ttyUSB0=modem.path)
        until(lambda: daemon.is_watching(PORT))
        # a scan from the beginning has tried 9600 too; 115200 alone is that of a port of which
        # sysfs does not yet say that it is a UART: the emulation adds the device file first
        assert modem.seen[-1] == termios.B57600
        assert termios.B9600 not in modem.seen


def test_daemon_scans_again_for_a_modem_of_another_speed(bed: Bed, agent: Start) -> None:
    with modem_at(9600) as modem:
        bed.add(TREE, ttyUSB0=modem.path)
        daemon = agent("--baud", "auto")
        until(lambda: daemon.is_watching(PORT))
        bed.remove(TREE)
        until(lambda: not daemon.is_watching(PORT))
        modem.baud = 57600  # not the default: see the test above
        modem.seen.clear()
        bed.add(TREE, ttyUSB0=modem.path)
        until(lambda: daemon.is_watching(PORT))
        assert set(modem.seen) == {termios.B9600, termios.B115200, termios.B57600}
        assert modem.seen[-1] == termios.B57600
        assert daemon.ports()[PORT]["baud"] == 57600


def test_garbage_at_a_set_speed_names_the_scan(bed: Bed, agent: Start) -> None:
    with modem_at(9600, noise=b"\xfe\x80\xf8" * 10) as modem:
        bed.add(TREE, ttyUSB0=modem.path)
        daemon = agent("--baud", "19200")
        until(lambda: daemon.ports().get(PORT, {}).get("hint"))
        shown = daemon.ports()[PORT]
        assert 'baud = "auto" (19200 baud was used)' in shown["hint"]
        assert modem.seen == [termios.B19200]


def test_no_byte_is_written_to_a_device_that_sends_by_itself(bed: Bed, agent: Start) -> None:
    """It may be a GNSS receiver of another speed."""
    ended = Event()

    def talk() -> None:
        while not ended.wait(0.1):
            modem.send(b"\xfe\x80\xf8\x1c" * 10)

    with modem_at(0) as modem:
        sender = Thread(target=talk)
        sender.start()
        try:
            bed.add(TREE, ttyUSB0=modem.path)
            daemon = agent("--baud", "auto")
            until(lambda: daemon.ports().get(PORT, {}).get("hint"))
        finally:
            ended.set()
            sender.join()
        assert modem.seen == []


def test_silent_modem_lists_the_speeds_that_were_tried(bed: Bed, agent: Start) -> None:
    with modem_at(0, noise=b"") as modem:
        bed.add(TREE, ttyUSB0=modem.path)
        daemon = agent("--baud", "auto")
        until(lambda: daemon.ports().get(PORT, {}).get("hint"))
        assert ", ".join(map(str, SPEEDS)) in daemon.ports()[PORT]["hint"]
        assert len(modem.seen) == len(SPEEDS)
