"""The asyncio door beyond the conformance suite: unsolicited lines, cancelling, counting."""

import asyncio
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from modemagent.at.steps import Command, Listen
from modemagent.channel import open as opening
from modemagent.channel.open import open_channel
from modemagent.channel.port import Port
from modemagent.channel.trace import Recorder
from modemagent.channel.urcs import Urcs
from modemagent.errors import PortBusy, PortVanished, ProtocolError


async def test_urcs_come_alone_and_amid_an_answer(far: Any) -> None:
    channel = await open_channel(far.address)
    far.reply = lambda line: line + b"\r\r\n+QUSIM: 1\r\n\r\nOK\r\n"
    answer = await channel.perform(Command("AT+CSQ", 2.0))
    assert answer.foreign == ("+QUSIM: 1",)
    far.say(b"\r\n+CPIN: NOT READY\r\n")
    async with asyncio.timeout(2.0):
        lines = channel.urcs
        assert [await anext(lines), await anext(lines)] == ["+QUSIM: 1", "+CPIN: NOT READY"]
    await channel.close()
    assert [line async for line in channel.urcs] == []


async def test_urcs_are_bounded_and_the_newest_are_kept() -> None:
    urcs = Urcs(limit=3)
    for number in range(10):
        urcs.put(f"+CREG: {number}")
    urcs.end()
    urcs.put("too late")
    assert [line async for line in urcs] == ["+CREG: 7", "+CREG: 8", "+CREG: 9"]
    assert [line async for line in urcs] == []
    assert urcs.dropped == 7


async def test_one_step_at_a_time(far_pty: Any) -> None:
    far_pty.reply = lambda line: b""
    channel = await open_channel(far_pty.address)
    first = asyncio.create_task(channel.perform(Command("AT", 0.2)))
    await asyncio.sleep(0)
    with pytest.raises(ProtocolError):
        await channel.perform(Command("AT", 0.2))
    assert (await first).timed_out
    await channel.close()


async def test_a_cancelled_question_leaves_its_answer_to_nobody(far: Any) -> None:
    far.reply = lambda line: b""
    channel = await open_channel(far.address)
    question = asyncio.create_task(channel.perform(Command("AT+CGSN", 30.0)))
    await asyncio.to_thread(far.wait_for, b"AT+CGSN\r")
    question.cancel()
    with pytest.raises(asyncio.CancelledError):
        await question
    far.say(b"AT+CGSN\r\r\n867698040000013\r\n\r\nOK\r\n")
    assert "867698040000013" in (await channel.perform(Listen(0.2, 2.0))).lines
    far.reply = lambda line: line + b"\r\r\n23420\r\n\r\nOK\r\n"
    assert (await channel.perform(Command("AT+CIMI", 2.0))).lines == ("23420",)
    await channel.close()


async def test_an_opening_that_nobody_waits_for_is_undone(far_pty: Any) -> None:
    opening = asyncio.create_task(open_channel(far_pty.address))
    await asyncio.sleep(0)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    # the lock is free again as soon as the thread is through
    await _opened_at_last(far_pty.address)


async def test_an_opening_cancelled_as_it_ends_is_undone(
    far_pty: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Any] = []
    begin = opening.run_in_thread

    def begin_aside(call: Any, **more: Any) -> Any:
        future = begin(call, **more)
        if not opened:
            opened.append(future)
            # in the turn of the hand-over, before the task that waits for it comes to run
            future.add_done_callback(lambda _: task.cancel())
        return future

    monkeypatch.setattr(opening, "run_in_thread", begin_aside)
    task = asyncio.create_task(open_channel(far_pty.address))
    with pytest.raises(asyncio.CancelledError):
        await task
    port = opened[0].result()
    async with asyncio.timeout(5.0):
        while port.fileno() >= 0:
            await asyncio.sleep(0.01)


@pytest.fixture
def stuck() -> Iterator[threading.Event]:
    """Set to let a driver go that does not come back."""
    come_back = threading.Event()
    yield come_back
    come_back.set()


async def test_a_driver_that_never_opens_costs_one_thread(
    far_pty: Any, stuck: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[str] = []
    open_port = opening.open_port

    def never(url: str, **how: Any) -> Any:
        begun.append(url)
        stuck.wait()
        return open_port(url, **how)

    monkeypatch.setattr(opening, "open_port", never)
    first = asyncio.create_task(open_channel(far_pty.address))
    async with asyncio.timeout(5.0):
        while not begun:
            await asyncio.sleep(0.01)
    first.cancel()
    for _ in range(5):
        with pytest.raises(PortBusy, match="from an earlier opening") as busy:
            await open_channel(far_pty.address)
    assert busy.value.hint
    assert len(begun) == 1
    stuck.set()
    await _opened_at_last(far_pty.address)


async def test_a_driver_that_never_closes_is_not_opened_again(
    far_pty: Any, stuck: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel = await open_channel(far_pty.address)
    close = Port.close

    def never(port: Port) -> None:
        stuck.wait()
        close(port)

    monkeypatch.setattr(Port, "close", never)
    await channel.close()
    with pytest.raises(PortBusy, match="from an earlier closing"):
        await open_channel(far_pty.address)
    stuck.set()
    await _opened_at_last(far_pty.address)


async def _opened_at_last(port: str) -> None:
    """Open and close it as soon as it is free again."""
    async with asyncio.timeout(5.0):
        while True:
            try:
                channel = await open_channel(port)
                break
            except PortBusy:
                await asyncio.sleep(0.01)
    await channel.close()


async def test_closing_ends_a_question(far: Any) -> None:
    far.reply = lambda line: b""
    channel = await open_channel(far.address)
    question = asyncio.create_task(channel.perform(Command("AT", 30.0)))
    await asyncio.to_thread(far.wait_for, b"AT\r")
    begun = time.monotonic()
    await asyncio.gather(channel.close(), channel.close())
    assert time.monotonic() - begun < 1.0
    with pytest.raises(PortVanished):
        await question


async def test_what_crosses_is_counted_and_traced(far: Any) -> None:
    recorder = Recorder()
    channel = await open_channel(far.address, trace=recorder)
    await channel.perform(Command("AT", 2.0))
    await channel.perform(Command("ATE0", 2.0))
    await channel.close()
    assert (channel.lines_sent, channel.bytes_written) == (2, 8)
    sent = b"".join(c.data for c in recorder.chunks if c.direction == "sent")
    received = b"".join(c.data for c in recorder.chunks if c.direction == "received")
    assert (sent, received) == (b"AT\rATE0\r", b"\r\nOK\r\n" * 2)
    assert {chunk.port for chunk in recorder.chunks} == {far.address}


def test_a_recording_is_bounded() -> None:
    recorder = Recorder(limit=10)
    for number in range(10):
        recorder("/dev/ttyUSB2", "received", f"{number:4}".encode())
    assert [chunk.data for chunk in recorder.chunks] == [b"   8", b"   9"]


async def test_a_hang_up_makes_no_noise_in_the_loop(far: Any) -> None:
    noise: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: noise.append(context))
    far.reply = lambda line: None
    channel = await open_channel(far.address)
    with pytest.raises(PortVanished):
        await channel.perform(Command("AT", 5.0))
    with pytest.raises(PortVanished):
        await channel.perform(Listen(0.0, 0.0))
    await channel.close()
    await asyncio.sleep(0)
    assert noise == []
