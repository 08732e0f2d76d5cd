"""What is owed is put back though a command is still being answered when the port is closed."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from modemagent.at.steps import Command, Plan, Response
from modemagent.channel import farewell
from modemagent.channel.blocking import run_plans
from modemagent.channel.open import open_channel
from modemagent.channel.trace import Recorder
from modemagent.channel.undo import RestoreList
from modemagent.errors import DeadlinePassed, PortVanished
from tests.channel.conftest import Door, Far

CCHO = 'AT+CCHO="A0000005591010FFFFFFFF8900000100"'
OPENED = b"\r\n+CCHO: 1\r\n\r\nOK\r\n"


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for a late answer on a machine with other things to do as well."""
    monkeypatch.setattr(farewell, "_LATE_S", 5.0)


def mute(*lines: str) -> Any:
    """Answer OK to everything but these."""
    return lambda line: b"" if line.decode() in lines else b"\r\nOK\r\n"


@pytest.mark.parametrize("given_up", ["cancelled", "in flight"])
async def test_a_channel_that_opens_while_the_port_is_closed_is_closed(
    given_up: str, far_pty: Far
) -> None:
    far_pty.reply = mute(CCHO)
    channel = await open_channel(far_pty.address)
    question = asyncio.create_task(channel.perform(Command(CCHO, 30.0)))
    await asyncio.to_thread(far_pty.wait_for, CCHO.encode())
    if given_up == "cancelled":
        question.cancel()
        await asyncio.gather(question, return_exceptions=True)
    closing = asyncio.create_task(channel.close())
    await asyncio.sleep(0)
    far_pty.say(OPENED)
    await asyncio.to_thread(far_pty.wait_for, b"AT+CCHC=1\r")
    await asyncio.gather(closing, question, return_exceptions=True)


def test_a_channel_that_opens_when_the_time_is_over_is_closed(far_pty: Far) -> None:
    far_pty.reply = mute(CCHO)

    def plan() -> Plan[None]:
        try:
            yield Command(CCHO, 30.0)
        except DeadlinePassed:
            far_pty.say(OPENED)
            raise

    outcome = run_plans({far_pty.address: plan()}, timeout_s=0.3)[far_pty.address]
    assert isinstance(outcome, DeadlinePassed)
    far_pty.wait_for(b"AT+CCHC=1\r")


def test_a_channel_that_opens_after_its_deadline_is_closed_at_the_end(
    far_pty: Far, door: Door
) -> None:
    far_pty.reply = mute(CCHO)

    def plan() -> Plan[bool]:
        late = yield Command(CCHO, 0.1)
        assert isinstance(late, Response)
        far_pty.say(b"\r\n+CCHO: 2\r\n\r\nOK\r\n")
        return late.timed_out

    assert door(far_pty.address, plan())
    far_pty.wait_for(b"AT+CCHC=2\r")


async def test_nothing_is_put_back_before_the_last_answer_has_come(far_pty: Far) -> None:
    far_pty.reply = mute("AT+COPS?")
    recorder = Recorder()
    channel = await open_channel(far_pty.address, trace=recorder)
    await channel.perform(Command("AT+CMEE=1", 2.0))
    question = asyncio.create_task(channel.perform(Command("AT+COPS?", 30.0)))
    await asyncio.to_thread(far_pty.wait_for, b"AT+COPS?\r")
    question.cancel()
    await asyncio.gather(question, return_exceptions=True)
    closing = asyncio.create_task(channel.close())
    await asyncio.sleep(0)
    far_pty.say(b"\r\n+COPS: 0\r\n\r\nO")
    far_pty.say(b"K\r\n")
    await asyncio.to_thread(far_pty.wait_for, b"AT+CMEE=0\r")
    await closing
    written = [chunk.data for chunk in recorder.chunks]
    assert b"+COPS: 0\r\n\r\nOK\r\n" in b"".join(written[: written.index(b"AT+CMEE=0\r")])


def test_the_same_at_the_blocking_door(far_pty: Far) -> None:
    far_pty.reply = mute("AT+COPS?")
    recorder = Recorder()

    def plan() -> Plan[None]:
        yield Command("AT+CMEE=1", 2.0)
        try:
            yield Command("AT+COPS?", 30.0)
        except DeadlinePassed:
            far_pty.say(b"\r\n+COPS: 0\r\n\r\nOK\r\n")
            raise

    run_plans({far_pty.address: plan()}, timeout_s=0.3, trace=recorder)
    written = [chunk.data for chunk in recorder.chunks]
    assert b"+COPS: 0\r\n\r\nOK\r\n" in b"".join(written[: written.index(b"AT+CMEE=0\r")])


def test_at_a_port_that_has_gone_nothing_is_waited_for(
    far_pty: Far, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[object] = []
    monkeypatch.setattr(farewell.FinalRestore, "run", lambda self, port: said.append(port))
    far_pty.reply = lambda line: None if line == CCHO.encode() else b"\r\nOK\r\n"

    def plan() -> Plan[None]:
        yield Command("AT+CMEE=1", 2.0)
        yield Command(CCHO, 30.0)

    with pytest.raises(PortVanished):
        door(far_pty.address, plan())
    assert said == []


@pytest.mark.parametrize(
    ("chunks", "owed"),
    [
        ((b"\r\n+CCHO: 1\r\n",), ["AT+CCHC=1"]),
        ((b"\r\n+CCH", b"O: 1", b"2\r\n\r\nOK\r\n"), ["AT+CCHC=12"]),
        ((b"\r\n3\r\n\r\nOK\r\n",), ["AT+CCHC=3"]),
        ((b"\r\n3\r\n",), []),
        ((b"\r\n+CME ERROR: 22\r\n",), []),
    ],
)
def test_the_session_of_a_late_answer(chunks: tuple[bytes, ...], owed: list[str]) -> None:
    undo = RestoreList()
    undo.sent(CCHO)
    undo.answered(Response(CCHO, (), None, raw=CCHO.encode() + b"\r"))
    for chunk in chunks:
        undo.heard(chunk)
    assert undo.pending == owed


def test_the_number_in_the_next_answer_is_no_session() -> None:
    undo = RestoreList()
    undo.sent(CCHO)
    undo.answered(Response(CCHO, (), None))
    undo.sent("AT+CGSN")
    undo.heard(b"\r\n867698040000013\r\n\r\nOK\r\n")
    assert (undo.pending, undo.is_dirty) == ([], True)
