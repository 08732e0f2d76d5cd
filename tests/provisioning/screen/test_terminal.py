"""The screen on a pseudo-terminal: frames, scans, acts, and the terminal put back on every end."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import signal
import struct
import termios
from collections.abc import AsyncIterator, Callable

import pyte
import pytest

from modemagent.provisioning.events import CodeScanned, Happening, PersonActed
from modemagent.provisioning.line import LineView
from modemagent.provisioning.screen.terminal import LEAVE, TerminalScreen
from modemagent.provisioning.screen.theme import DARK
from tests.provisioning.screen.sample import VIEW


class FakeBench:
    """A bench whose line the test sets."""

    def __init__(self) -> None:
        self.changed = asyncio.Event()
        self.shown: LineView | Exception = VIEW
        self.posted: list[Happening] = []

    def view(self) -> LineView:
        if isinstance(self.shown, Exception):
            raise self.shown
        return self.shown

    def post(self, event: Happening) -> None:
        self.posted.append(event)


class Station:
    """A bench with its screen, and the person's side of the terminal."""

    def __init__(self) -> None:
        self.bench = FakeBench()
        self.stop = asyncio.Event()
        self.person, self.device = os.openpty()
        os.set_blocking(self.person, False)
        self.resize(80, 24)
        self.before = termios.tcgetattr(self.device)
        self.received = b""
        self.emulator = pyte.Screen(80, 24)
        self._stream = pyte.ByteStream(self.emulator)
        screen = TerminalScreen(self.bench, self.device, DARK)
        self.task = asyncio.ensure_future(screen.run(self.stop))

    def resize(self, width: int, height: int) -> None:
        fcntl.ioctl(self.device, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))

    def look(self) -> str:
        """Return the text on the screen after everything was received."""
        with contextlib.suppress(BlockingIOError, OSError):
            while data := os.read(self.person, 65536):
                self.received += data
                # pyte takes private modes for others: frames are marked for real terminals
                self._stream.feed(data)
        return "\n".join(self.emulator.display)

    def type(self, data: bytes) -> None:
        os.write(self.person, data)

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not condition():
                self.look()
                await asyncio.sleep(0.02)

    def is_put_back(self) -> bool:
        self.look()
        return self.received.endswith(LEAVE.encode()) and self.before == termios.tcgetattr(
            self.device
        )


@pytest.fixture
async def station() -> AsyncIterator[Station]:
    made = Station()
    try:
        await made.until(lambda: "##PASS##" in made.look())
        yield made
    finally:
        made.stop.set()
        made.task.cancel()
        await asyncio.gather(made.task, return_exceptions=True)
        with contextlib.suppress(OSError):
            os.close(made.person)
        os.close(made.device)


async def test_changes_are_drawn_and_the_end_puts_back(station: Station) -> None:
    assert station.received.count(b"\x07") == 1
    station.bench.shown = VIEW._replace(hint="plug the module in", revision=2)
    station.bench.changed.set()
    await station.until(lambda: "> plug the module in" in station.look())
    station.stop.set()
    await station.task
    assert station.is_put_back()


async def test_scans_are_posted_and_shown_as_they_arrive(station: Station) -> None:
    station.type(b"867698040000013\r")
    await station.until(lambda: bool(station.bench.posted))
    assert station.bench.posted == [CodeScanned("keyboard", "867698040000013", False)]
    station.type(b"86")
    await station.until(lambda: "> 86" in station.look())


async def test_keys_request_what_their_act_needs(station: Station) -> None:
    station.type(b"\x1b[15~")
    await station.until(lambda: "Retest: bay" in station.look())
    station.type(b"MA-BAY-03\r")
    await station.until(lambda: "Enter, or a reason: reseated" in station.look())
    station.type(b"\r")
    await station.until(lambda: bool(station.bench.posted))
    assert station.bench.posted == [PersonActed("retest", "03", "", "ANNA", "")]
    await asyncio.sleep(0.15)
    station.type(b"\x1bOS")
    await station.until(lambda: "Waive: bay" in station.look())
    station.type(b"99\r")
    await station.until(lambda: "bay 99 does not exist" in station.look())
    assert len(station.bench.posted) == 1
    await asyncio.sleep(0.15)
    station.type(b"\x1b[21~")
    await station.until(lambda: "Sign in: badge or name" in station.look())
    station.type(b"MA-BADGE-EVA\r")
    await station.until(lambda: "PIN:" in station.look())
    station.type(b"4711")
    await station.until(lambda: "PIN: ****" in station.look())
    assert "4711" not in station.look().partition("PIN:")[2]
    station.type(b"\r")
    await station.until(lambda: len(station.bench.posted) == 2)
    assert station.bench.posted[1] == PersonActed("sign_in", person="EVA", pin="4711")


async def test_lot_is_stopped_with_the_names_of_two_people(station: Station) -> None:
    order = VIEW.order._replace(lots=("L-1", "L-2231"), needs_second=True)
    station.bench.shown = VIEW._replace(order=order)
    station.type(b"\x1b[17~")
    await station.until(lambda: "LOTS  L-1, L-2231" in station.look())
    await asyncio.sleep(0.15)
    station.type(b"\x1b[17~")
    for text, answer in (
        ("Type stop or go", b"stop L-2231"),
        ("Reason:", b"old firmware"),
        ("Second person", b"MA-BADGE-EVA"),
        ("PIN of the second person", b"4711"),
    ):
        await station.until(lambda text=text: text in station.look())
        station.type(answer + b"\r")
    await station.until(lambda: bool(station.bench.posted))
    assert station.bench.posted == [
        PersonActed(
            "stop_lot", person="ANNA", reason="old firmware", lot="L-2231", second="EVA",
            second_pin="4711",
        )
    ]  # fmt: skip
    await station.until(lambda: "##PASS##" in station.look())


async def test_help_covers_the_tiles_and_escape_leaves_it(station: Station) -> None:
    station.type(b"\x1bOP")
    await station.until(lambda: "F4  waive a failed step" in station.look())
    await asyncio.sleep(0.15)
    station.type(b"\x1b")
    await station.until(lambda: "##PASS##" in station.look())


async def test_a_label_cannot_end_the_shift(station: Station) -> None:
    station.type(b"\x11yes\r867698\x11040000013\r\x03")
    await station.until(lambda: len(station.bench.posted) == 2)
    assert not station.stop.is_set()
    assert "End of the shift" not in station.look()
    await asyncio.sleep(0.3)
    station.type(b"\x11")
    await station.until(lambda: "End of the shift? Type yes:" in station.look())
    station.type(b"yes\r")
    await station.task
    assert station.stop.is_set()
    assert station.bench.posted[-1] == PersonActed("end", "", "", "ANNA", "")
    assert station.is_put_back()


async def test_ctrl_c_interrupts_and_the_terminal_is_put_back(station: Station) -> None:
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, station.stop.set)
    try:
        await asyncio.sleep(0.1)
        station.type(b"\x03")
        await station.task
    finally:
        asyncio.get_running_loop().remove_signal_handler(signal.SIGINT)
    assert station.is_put_back()


async def test_an_internal_error_puts_the_terminal_back(station: Station) -> None:
    station.bench.shown = ValueError("broken")
    station.bench.changed.set()
    with pytest.raises(ValueError, match="broken"):
        await station.task
    assert station.is_put_back()


async def test_a_cancelled_screen_puts_the_terminal_back(station: Station) -> None:
    station.task.cancel()
    await asyncio.gather(station.task, return_exceptions=True)
    assert station.is_put_back()


async def test_a_closed_terminal_ends_the_shift(station: Station) -> None:
    os.close(station.person)
    await asyncio.wait_for(station.task, 20)
    assert station.stop.is_set()


async def test_a_terminal_that_takes_nothing_does_not_stop_the_loop(station: Station) -> None:
    for n in range(400):  # more than the buffer of a terminal takes
        station.bench.shown = VIEW._replace(hint=str(n) * 20, now=float(n * 1000))
        station.bench.changed.set()
        await asyncio.sleep(0)
    station.bench.shown = VIEW._replace(hint="the newest page")
    station.bench.changed.set()
    await station.until(lambda: "> the newest page" in station.look())


async def test_a_new_size_is_drawn_whole(station: Station) -> None:
    station.resize(140, 40)
    station.emulator.resize(40, 140)
    os.kill(os.getpid(), signal.SIGWINCH)
    await station.until(lambda: "#### PASS ####" in station.look())


async def test_a_hang_up_ends_the_shift_and_puts_back(station: Station) -> None:
    os.kill(os.getpid(), signal.SIGHUP)
    await station.task
    assert station.stop.is_set()
    assert station.is_put_back()


async def test_a_paused_screen_leaves_and_returns(
    station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    # the test cannot stop itself: what a shell would see in between is looked at instead
    monkeypatch.setattr(signal, "raise_signal", lambda _: seen.append(station.is_put_back()))
    os.kill(os.getpid(), signal.SIGTSTP)
    await station.until(lambda: bool(seen))
    assert seen == [True]
    await station.until(lambda: "##PASS##" in station.look())
    assert not station.is_put_back()
