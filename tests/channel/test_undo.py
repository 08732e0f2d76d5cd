"""What a session changed is put back, however it ends."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from modemagent.at.steps import Command, FinalResult, Listen, Plan, Response
from modemagent.channel.blocking import run_plans
from modemagent.channel.undo import RestoreList, channel_session_id
from modemagent.channel.volatile import changes
from modemagent.dialects.allowlist import READS, SESSION, is_allowed
from modemagent.errors import DeadlinePassed, NoAnswer
from tests.channel.conftest import Door, Far

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
def test_the_session_of_an_answer(lines: tuple[str, ...], session: str | None) -> None:
    assert channel_session_id(Response("AT+CCHO=", lines, OK)) == session


def test_a_refused_channel_is_not_owed() -> None:
    undo = RestoreList()
    undo.answered(Response('AT+CCHO="A0"', ("1",), FinalResult("cme", 22, "+CME ERROR: 22")))
    assert undo.pending == []


def told(
    undo: RestoreList, line: str, *lines: str, final: str = "OK", echoed: bool = False
) -> None:
    """Ask a line and have it answered."""
    undo.sent(line)
    undo.answered(Response(line, lines, FinalResult("ok", None, final), echoed=echoed))


def test_the_newest_change_is_put_back_first_and_each_once() -> None:
    undo = RestoreList()
    told(undo, "AT", final="0")
    told(undo, "ATV1")
    told(undo, "AT+CMEE=1")
    told(undo, 'AT+CCHO="A0"', "+CCHO: 1")
    assert undo.pending == ["AT+CCHC=1", "AT+CMEE=0", "ATV0"]
    undo.sent("AT+CMEE=0")
    assert undo.pending == ["AT+CCHC=1", "ATV0"]


@pytest.mark.parametrize(
    ("found", "lines", "owed"),
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
def test_the_error_format_goes_back_to_what_it_was_found_at(
    found: str | None, lines: list[str], owed: list[str]
) -> None:
    undo = RestoreList()
    if found is not None:
        told(undo, "AT+CMEE?", f"+CMEE: {found}")
    for line in lines:
        told(undo, line)
        told(undo, "AT+CMEE?", f"+CMEE: {changes(line)['AT+CMEE=']}")
    assert undo.pending == owed


@pytest.mark.parametrize("asked_before", [True, False])
@pytest.mark.parametrize(
    ("echoes", "line", "owed"),
    [
        (True, "ATE0", ["ATE1"]),
        (False, "ATE0", []),
        (True, "ATE1", []),
        (False, "ATE1", ["ATE0"]),
    ],
)
def test_the_echo_goes_back_to_what_was_seen(
    echoes: bool, line: str, owed: list[str], asked_before: bool
) -> None:
    undo = RestoreList()
    if asked_before:
        told(undo, "AT", echoed=echoes)
    told(undo, line, echoed=echoes)
    told(undo, "AT", echoed=line == "ATE1")
    told(undo, line, echoed=line == "ATE1")
    assert undo.pending == owed


def test_verbose_results_are_only_switched_off_where_they_were_off() -> None:
    undo = RestoreList()
    assert undo.question_before("ATV1") == "AT"
    told(undo, "AT")
    assert undo.question_before("ATV1") is None
    told(undo, "ATV1")
    assert undo.pending == []
    told(undo, "ATV0", final="0")
    assert undo.pending == ["ATV1"]


def test_every_line_that_sets_something_is_put_back() -> None:
    for line in sorted(SESSION - {"AT"}):
        (name, value), *_ = changes(line).items()
        undo = RestoreList()
        question = undo.question_before(line)
        assert question in SESSION | READS
        other = "1" if value == "0" else "0"
        undo._found[name] = other
        undo.sent(line)
        assert undo.pending == [name + other]
        assert is_allowed(undo.pending[0])


def test_a_client_changes_a_setting_for_its_session_only(far_pty: Far, door: Door) -> None:
    far_pty.reply = lambda line: (
        b"\r\n+CMEE: 1\r\n\r\nOK\r\n" if line == b"AT+CMEE?" else b"\r\nOK\r\n"
    )

    def plan() -> Plan[list[str]]:
        asked = []
        for line in ("AT+CMEE=2", "AT+CMEE=0", "AT+CSQ"):
            answer = yield Command(line, 2.0)
            assert isinstance(answer, Response)
            asked.append(answer.line)
        return asked

    assert door(far_pty.address, plan()) == ["AT+CMEE=2", "AT+CMEE=0", "AT+CSQ"]
    far_pty.wait_for(b"AT+CMEE=1\r")
    assert bytes(far_pty.received) == (b"AT+CMEE?\rAT+CMEE=2\rAT+CMEE=0\rAT+CSQ\rAT+CMEE=1\r")


def test_echo_is_switched_on_again(far_pty: Far, door: Door) -> None:
    far_pty.reply = lambda line: line + b"\r\r\nOK\r\n"

    def plan() -> Plan[None]:
        yield Command("ATE0", 2.0)

    door(far_pty.address, plan())
    far_pty.wait_for(b"ATE1\r")
    assert bytes(far_pty.received) == b"AT\rATE0\rATE1\r"


def changing() -> Plan[None]:
    yield Command("AT+CMEE=1", 2.0)
    yield Listen(30.0, 30.0)


def failing() -> Plan[None]:
    yield Command("AT+CMEE=1", 2.0)
    raise NoAnswer("it went wrong in the middle", port="")


@pytest.mark.parametrize(("plan", "error"), [(changing, DeadlinePassed), (failing, NoAnswer)])
def test_the_error_format_is_put_back(
    plan: Callable[[], Plan[None]], error: type[Exception], far_pty: Far
) -> None:
    outcome = run_plans({far_pty.address: plan()}, timeout_s=1.0)
    assert isinstance(outcome[far_pty.address], error)
    assert bytes(far_pty.received) == b"AT+CMEE?\rAT+CMEE=1\rAT+CMEE=0\r"
