"""Restoring what a session changed, however it ends."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from modemagent.at.steps import Command, FinalResult, Listen, Plan, Response
from modemagent.channel.restore import RestoreList, changes, channel_session_id
from modemagent.channel.runner import run_plans
from modemagent.dialects.allowlist import READS, SESSION, is_allowed
from modemagent.errors import DeadlinePassed, NoAnswer
from tests.channel.conftest import Peer, RunPlan

OK = FinalResult("ok", None, "OK")


@pytest.mark.parametrize(
    ("lines", "session"),
    [
        (("+CCHO: 1",), "1"),
        (("+CCHO:1",), "1"),
        (("1",), "1"),
        (('+CCHO: "2"',), "2"),
        (("+CCHO: 00000000038aa32f",), "00000000038AA32F"),
        (("+CREG: 1", "+CCHO: 3"), "3"),
        (("RDY",), None),
        ((), None),
        (("+CCHO: 1; AT+CFUN=0",), None),
    ],
)
def test_channel_session_id(lines: tuple[str, ...], session: str | None) -> None:
    assert channel_session_id(Response("AT+CCHO=", lines, OK)) == session


def test_a_refused_channel_needs_no_restore() -> None:
    restore_list = RestoreList()
    restore_list.on_response(
        Response('AT+CCHO="A0"', ("1",), FinalResult("cme", 22, "+CME ERROR: 22"))
    )
    assert restore_list.pending == []


def respond(
    restore_list: RestoreList, line: str, *lines: str, final: str = "OK", echoed: bool = False
) -> None:
    """Record a command and its response."""
    restore_list.on_sent(line)
    restore_list.on_response(Response(line, lines, FinalResult("ok", None, final), echoed=echoed))


def test_the_newest_change_is_restored_first_and_each_once() -> None:
    restore_list = RestoreList()
    respond(restore_list, "AT", final="0")
    respond(restore_list, "ATV1")
    respond(restore_list, "AT+CMEE=1")
    respond(restore_list, 'AT+CCHO="A0"', "+CCHO: 1")
    assert restore_list.pending == ["AT+CCHC=1", "AT+CMEE=0", "ATV0"]
    restore_list.on_sent("AT+CMEE=0")
    assert restore_list.pending == ["AT+CCHC=1", "ATV0"]


@pytest.mark.parametrize(
    ("found", "lines", "expected"),
    [
        ("0", ["AT+CMEE=1"], ["AT+CMEE=0"]),
        ("0", ["AT+CMEE=2"], ["AT+CMEE=0"]),
        ("0", ["AT+CMEE=1", "AT+CMEE=2", "AT+CMEE=2"], ["AT+CMEE=0"]),
        ("0", ["at+cmee=2;+csq"], ["AT+CMEE=0"]),
        ("2", ["AT+CMEE=1"], ["AT+CMEE=2"]),
        ("2", ["AT+CMEE=2"], []),
        ("1", ["AT+CMEE=0", "AT+CMEE=1"], []),
        (None, ["AT+CMEE=2"], ["AT+CMEE=0"]),
        (None, ["AT+CMEE=0"], []),
    ],
)
def test_the_error_format_returns_to_its_original_value(
    found: str | None, lines: list[str], expected: list[str]
) -> None:
    restore_list = RestoreList()
    if found is not None:
        respond(restore_list, "AT+CMEE?", f"+CMEE: {found}")
    for line in lines:
        respond(restore_list, line)
        respond(restore_list, "AT+CMEE?", f"+CMEE: {changes(line)['AT+CMEE=']}")
    assert restore_list.pending == expected


@pytest.mark.parametrize("asked_before", [True, False])
@pytest.mark.parametrize(
    ("echoes", "line", "expected"),
    [
        (True, "ATE0", ["ATE1"]),
        (False, "ATE0", []),
        (True, "ATE1", []),
        (False, "ATE1", ["ATE0"]),
    ],
)
def test_echo_returns_to_its_original_value(
    echoes: bool, line: str, expected: list[str], asked_before: bool
) -> None:
    restore_list = RestoreList()
    if asked_before:
        respond(restore_list, "AT", echoed=echoes)
    respond(restore_list, line, echoed=echoes)
    respond(restore_list, "AT", echoed=line == "ATE1")
    respond(restore_list, line, echoed=line == "ATE1")
    assert restore_list.pending == expected


def test_verbose_results_return_to_their_original_value() -> None:
    restore_list = RestoreList()
    assert restore_list.query_before("ATV1") == "AT"
    respond(restore_list, "AT")
    assert restore_list.query_before("ATV1") is None
    respond(restore_list, "ATV1")
    assert restore_list.pending == []
    respond(restore_list, "ATV0", final="0")
    assert restore_list.pending == ["ATV1"]


def test_every_allowed_setting_command_is_restored() -> None:
    for line in sorted(SESSION - {"AT"}):
        (name, value), *_ = changes(line).items()
        restore_list = RestoreList()
        command = restore_list.query_before(line)
        assert command in SESSION | READS
        other = "1" if value == "0" else "0"
        restore_list._original[name] = other
        restore_list.on_sent(line)
        assert restore_list.pending == [name + other]
        assert is_allowed(restore_list.pending[0])


def test_a_setting_changes_for_the_session_only(pty_peer: Peer, run_plan: RunPlan) -> None:
    pty_peer.reply = lambda line: (
        b"\r\n+CMEE: 1\r\n\r\nOK\r\n" if line == b"AT+CMEE?" else b"\r\nOK\r\n"
    )

    def plan() -> Plan[list[str]]:
        asked = []
        for line in ("AT+CMEE=2", "AT+CMEE=0", "AT+CSQ"):
            response = yield Command(line, 2.0)
            assert isinstance(response, Response)
            asked.append(response.line)
        return asked

    assert run_plan(pty_peer.address, plan()) == ["AT+CMEE=2", "AT+CMEE=0", "AT+CSQ"]
    pty_peer.wait_for(b"AT+CMEE=1\r")
    assert bytes(pty_peer.received) == (b"AT+CMEE?\rAT+CMEE=2\rAT+CMEE=0\rAT+CSQ\rAT+CMEE=1\r")


def test_echo_is_restored(pty_peer: Peer, run_plan: RunPlan) -> None:
    pty_peer.reply = lambda line: line + b"\r\r\nOK\r\n"

    def plan() -> Plan[None]:
        yield Command("ATE0", 2.0)

    run_plan(pty_peer.address, plan())
    pty_peer.wait_for(b"ATE1\r")
    assert bytes(pty_peer.received) == b"AT\rATE0\rATE1\r"


def changing() -> Plan[None]:
    yield Command("AT+CMEE=1", 2.0)
    yield Listen(30.0, 30.0)


def failing() -> Plan[None]:
    yield Command("AT+CMEE=1", 2.0)
    raise NoAnswer("failed half-way", port="")


@pytest.mark.parametrize(("plan", "error"), [(changing, DeadlinePassed), (failing, NoAnswer)])
def test_the_error_format_is_restored_after_an_error(
    plan: Callable[[], Plan[None]], error: type[Exception], pty_peer: Peer
) -> None:
    outcome = run_plans({pty_peer.address: plan()}, timeout_s=1.0)
    assert isinstance(outcome[pty_peer.address], error)
    assert bytes(pty_peer.received) == b"AT+CMEE?\rAT+CMEE=1\rAT+CMEE=0\r"
