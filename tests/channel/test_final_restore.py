"""Restoring at close while a command is still in progress."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from modemagent.at.steps import Command, Plan, Response
from modemagent.channel import restore
from modemagent.channel.channel import open_channel
from modemagent.channel.restore import RestoreList
from modemagent.channel.runner import run_plans
from modemagent.errors import DeadlinePassed, PortVanished
from tests.channel.conftest import Peer, RunPlan

CCHO = 'AT+CCHO="A0000005591010FFFFFFFF8900000100"'
OPENED = b"\r\n+CCHO: 1\r\n\r\nOK\r\n"


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait longer for a late response, as the machine may be busy."""
    monkeypatch.setattr(restore, "_LATE_S", 5.0)


def mute(*lines: str) -> Any:
    """Answer OK to every line but these."""
    return lambda line: b"" if line.decode() in lines else b"\r\nOK\r\n"


@pytest.mark.parametrize("given_up", ["cancelled", "in flight"])
async def test_channel_opened_during_close_is_closed(given_up: str, pty_peer: Peer) -> None:
    pty_peer.reply = mute(CCHO)
    channel = await open_channel(pty_peer.address)
    command = asyncio.create_task(channel.perform(Command(CCHO, 30.0)))
    await asyncio.to_thread(pty_peer.wait_for, CCHO.encode())
    if given_up == "cancelled":
        command.cancel()
        await asyncio.gather(command, return_exceptions=True)
    closing = asyncio.create_task(channel.close())
    await asyncio.sleep(0)
    pty_peer.send(OPENED)
    await asyncio.to_thread(pty_peer.wait_for, b"AT+CCHC=1\r")
    await asyncio.gather(closing, command, return_exceptions=True)


def test_channel_opened_at_the_timeout_is_closed(pty_peer: Peer) -> None:
    pty_peer.reply = mute(CCHO)

    def plan() -> Plan[None]:
        try:
            yield Command(CCHO, 30.0)
        except DeadlinePassed:
            pty_peer.send(OPENED)
            raise

    outcome = run_plans({pty_peer.address: plan()}, timeout_s=0.3)[pty_peer.address]
    assert isinstance(outcome, DeadlinePassed)
    pty_peer.wait_for(b"AT+CCHC=1\r")


def test_channel_opened_after_its_deadline_is_closed(pty_peer: Peer, run_plan: RunPlan) -> None:
    pty_peer.reply = mute(CCHO)

    def plan() -> Plan[bool]:
        late = yield Command(CCHO, 0.1)
        assert isinstance(late, Response)
        pty_peer.send(b"\r\n+CCHO: 2\r\n\r\nOK\r\n")
        return late.timed_out

    assert run_plan(pty_peer.address, plan())
    pty_peer.wait_for(b"AT+CCHC=2\r")


async def test_restore_waits_for_the_response_in_progress(pty_peer: Peer) -> None:
    pty_peer.reply = mute("AT+COPS?")
    written: list[bytes] = []
    channel = await open_channel(pty_peer.address, trace=lambda *chunk: written.append(chunk[-1]))
    await channel.perform(Command("AT+CMEE=1", 2.0))
    command = asyncio.create_task(channel.perform(Command("AT+COPS?", 30.0)))
    await asyncio.to_thread(pty_peer.wait_for, b"AT+COPS?\r")
    command.cancel()
    await asyncio.gather(command, return_exceptions=True)
    closing = asyncio.create_task(channel.close())
    await asyncio.sleep(0)
    pty_peer.send(b"\r\n+COPS: 0\r\n\r\nO")
    pty_peer.send(b"K\r\n")
    await asyncio.to_thread(pty_peer.wait_for, b"AT+CMEE=0\r")
    await closing
    assert b"+COPS: 0\r\n\r\nOK\r\n" in b"".join(written[: written.index(b"AT+CMEE=0\r")])


def test_the_blocking_runner_waits_for_it_as_well(pty_peer: Peer) -> None:
    pty_peer.reply = mute("AT+COPS?")
    written: list[bytes] = []

    def plan() -> Plan[None]:
        yield Command("AT+CMEE=1", 2.0)
        try:
            yield Command("AT+COPS?", 30.0)
        except DeadlinePassed:
            pty_peer.send(b"\r\n+COPS: 0\r\n\r\nOK\r\n")
            raise

    run_plans(
        {pty_peer.address: plan()}, timeout_s=0.3, trace=lambda *chunk: written.append(chunk[-1])
    )
    assert b"+COPS: 0\r\n\r\nOK\r\n" in b"".join(written[: written.index(b"AT+CMEE=0\r")])


def test_nothing_is_restored_at_a_vanished_port(
    pty_peer: Peer, run_plan: RunPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[object] = []
    monkeypatch.setattr(restore.FinalRestore, "run", lambda self, port: said.append(port))
    pty_peer.reply = lambda line: None if line == CCHO.encode() else b"\r\nOK\r\n"

    def plan() -> Plan[None]:
        yield Command("AT+CMEE=1", 2.0)
        yield Command(CCHO, 30.0)

    with pytest.raises(PortVanished):
        run_plan(pty_peer.address, plan())
    assert said == []


@pytest.mark.parametrize(
    ("chunks", "expected"),
    [
        ((b"\r\n+CCHO: 1\r\n",), ["AT+CCHC=1"]),
        ((b"\r\n+CCH", b"O: 1", b"2\r\n\r\nOK\r\n"), ["AT+CCHC=12"]),
        ((b"\r\n3\r\n\r\nOK\r\n",), ["AT+CCHC=3"]),
        ((b"\r\n3\r\n",), []),
        ((b"\r\n+CME ERROR: 22\r\n",), []),
    ],
)
def test_session_id_of_a_late_response(chunks: tuple[bytes, ...], expected: list[str]) -> None:
    restore_list = RestoreList()
    restore_list.on_sent(CCHO)
    restore_list.on_response(Response(CCHO, (), None, raw=CCHO.encode() + b"\r"))
    for chunk in chunks:
        restore_list.on_data(chunk)
    assert restore_list.pending == expected


def test_a_number_in_the_next_response_is_not_a_session_id() -> None:
    restore_list = RestoreList()
    restore_list.on_sent(CCHO)
    restore_list.on_response(Response(CCHO, (), None))
    restore_list.on_sent("AT+CGSN")
    restore_list.on_data(b"\r\n867698040000013\r\n\r\nOK\r\n")
    assert (restore_list.pending, restore_list.is_dirty) == ([], True)
