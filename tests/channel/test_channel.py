"""AsyncChannel beyond the conformance tests: URCs, cancellation, counters."""

import asyncio
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from modemagent.at.steps import Command, Listen
from modemagent.channel import channel as channel_module
from modemagent.channel.channel import Urcs, open_channel
from modemagent.channel.port import Port
from modemagent.errors import PortBusy, PortVanished, ProtocolError


async def test_urcs_between_responses_and_within_one(peer: Any) -> None:
    channel = await open_channel(peer.address)
    peer.reply = lambda line: line + b"\r\r\n+QUSIM: 1\r\n\r\nOK\r\n"
    response = await channel.perform(Command("AT+CSQ", 2.0))
    assert response.foreign == ("+QUSIM: 1",)
    peer.send(b"\r\n+CPIN: NOT READY\r\n")
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


async def test_one_step_at_a_time(pty_peer: Any) -> None:
    pty_peer.reply = lambda line: b""
    channel = await open_channel(pty_peer.address)
    first = asyncio.create_task(channel.perform(Command("AT", 0.2)))
    await asyncio.sleep(0)
    with pytest.raises(ProtocolError):
        await channel.perform(Command("AT", 0.2))
    assert (await first).timed_out
    await channel.close()


async def test_late_response_to_a_cancelled_command_is_not_the_next(peer: Any) -> None:
    peer.reply = lambda line: b""
    channel = await open_channel(peer.address)
    command = asyncio.create_task(channel.perform(Command("AT+CGSN", 30.0)))
    await asyncio.to_thread(peer.wait_for, b"AT+CGSN\r")
    command.cancel()
    with pytest.raises(asyncio.CancelledError):
        await command
    peer.send(b"AT+CGSN\r\r\n867698040000013\r\n\r\nOK\r\n")
    assert "867698040000013" in (await channel.perform(Listen(0.2, 2.0))).lines
    peer.reply = lambda line: line + b"\r\r\n23420\r\n\r\nOK\r\n"
    assert (await channel.perform(Command("AT+CIMI", 2.0))).lines == ("23420",)
    await channel.close()


async def test_a_cancelled_open_is_undone(pty_peer: Any) -> None:
    opening = asyncio.create_task(open_channel(pty_peer.address))
    await asyncio.sleep(0)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    # the lock is released as soon as the thread has ended
    await _open_when_free(pty_peer.address)


async def test_an_open_cancelled_as_it_ends_is_undone(
    pty_peer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Any] = []
    begin = channel_module.run_in_thread

    def run_in_thread(call: Any, **more: Any) -> Any:
        future = begin(call, **more)
        if not opened:
            opened.append(future)
            # in the loop iteration that delivers the port, before the waiting task runs
            future.add_done_callback(lambda _: task.cancel())
        return future

    monkeypatch.setattr(channel_module, "run_in_thread", run_in_thread)
    task = asyncio.create_task(open_channel(pty_peer.address))
    with pytest.raises(asyncio.CancelledError):
        await task
    port = opened[0].result()
    async with asyncio.timeout(5.0):
        while port.fileno() >= 0:
            await asyncio.sleep(0.01)


@pytest.fixture
def stuck() -> Iterator[threading.Event]:
    """Set to let a stuck driver call return."""
    come_back = threading.Event()
    yield come_back
    come_back.set()


async def test_a_driver_that_never_opens_costs_one_thread(
    pty_peer: Any, stuck: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[str] = []
    open_port = channel_module.open_port

    def never(url: str, **how: Any) -> Any:
        started.append(url)
        stuck.wait()
        return open_port(url, **how)

    monkeypatch.setattr(channel_module, "open_port", never)
    first = asyncio.create_task(open_channel(pty_peer.address))
    async with asyncio.timeout(5.0):
        while not started:
            await asyncio.sleep(0.01)
    first.cancel()
    for _ in range(5):
        with pytest.raises(PortBusy, match="from an earlier opening") as busy:
            await open_channel(pty_peer.address)
    assert busy.value.hint
    assert len(started) == 1
    stuck.set()
    await _open_when_free(pty_peer.address)


async def test_a_driver_that_never_closes_is_not_opened_again(
    pty_peer: Any, stuck: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel = await open_channel(pty_peer.address)
    close = Port.close

    def never(port: Port) -> None:
        stuck.wait()
        close(port)

    monkeypatch.setattr(Port, "close", never)
    await channel.close()
    with pytest.raises(PortBusy, match="from an earlier closing"):
        await open_channel(pty_peer.address)
    stuck.set()
    await _open_when_free(pty_peer.address)


async def _open_when_free(port: str) -> None:
    """Open and close a port as soon as it is free."""
    async with asyncio.timeout(5.0):
        while True:
            try:
                channel = await open_channel(port)
                break
            except PortBusy:
                await asyncio.sleep(0.01)
    await channel.close()


async def test_closing_ends_a_command_in_progress(peer: Any) -> None:
    peer.reply = lambda line: b""
    channel = await open_channel(peer.address)
    command = asyncio.create_task(channel.perform(Command("AT", 30.0)))
    await asyncio.to_thread(peer.wait_for, b"AT\r")
    started = time.monotonic()
    await asyncio.gather(channel.close(), channel.close())
    assert time.monotonic() - started < 1.0
    with pytest.raises(PortVanished):
        await command


async def test_bytes_are_traced(peer: Any) -> None:
    chunks: list[tuple[str, str, bytes]] = []
    channel = await open_channel(peer.address, trace=lambda *chunk: chunks.append(chunk))
    await channel.perform(Command("AT", 2.0))
    await channel.perform(Command("ATE0", 2.0))
    await channel.close()
    sent = b"".join(data for _, direction, data in chunks if direction == "sent")
    received = b"".join(data for _, direction, data in chunks if direction == "received")
    assert (sent, received) == (b"AT\rATE0\r", b"\r\nOK\r\n" * 2)
    assert {port for port, *_ in chunks} == {peer.address}


async def test_a_hang_up_is_not_reported_to_the_loop(peer: Any) -> None:
    noise: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: noise.append(context))
    peer.reply = lambda line: None
    channel = await open_channel(peer.address)
    with pytest.raises(PortVanished):
        await channel.perform(Command("AT", 5.0))
    with pytest.raises(PortVanished):
        await channel.perform(Listen(0.0, 0.0))
    await channel.close()
    await asyncio.sleep(0)
    assert noise == []
