"""What a session changed is put back, however it ends."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from modemagent.at.plan import Answer, Ask, Final, Listen, Plan
from modemagent.channel.blocking import run_plans
from modemagent.channel.undo import Undo, session_of
from modemagent.errors import DeadlinePassed, NoAnswer
from tests.channel.conftest import Far

OK = Final("ok", None, "OK")


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
    assert session_of(Answer("AT+CCHO=", lines, OK)) == session


def test_a_refused_channel_is_not_owed() -> None:
    undo = Undo()
    undo.answered(Answer('AT+CCHO="A0"', ("1",), Final("cme", 22, "+CME ERROR: 22")))
    assert undo.owed == []


def test_the_newest_change_is_put_back_first_and_each_once() -> None:
    undo = Undo()
    undo.sent("ATV1")
    undo.sent("AT+CMEE=1")
    undo.answered(Answer('AT+CCHO="A0"', ("+CCHO: 1",), OK))
    assert undo.owed == ["AT+CCHC=1", "AT+CMEE=0", "ATV0"]
    undo.sent("AT+CMEE=0")
    assert undo.owed == ["AT+CCHC=1", "ATV0"]


def changing() -> Plan[None]:
    yield Ask("AT+CMEE=1", 2.0)
    yield Listen(30.0, 30.0)


def failing() -> Plan[None]:
    yield Ask("AT+CMEE=1", 2.0)
    raise NoAnswer("it went wrong in the middle", port="")


@pytest.mark.parametrize(("plan", "error"), [(changing, DeadlinePassed), (failing, NoAnswer)])
def test_the_error_format_is_put_back(
    plan: Callable[[], Plan[None]], error: type[Exception], far_pty: Far
) -> None:
    outcome = run_plans({far_pty.address: plan()}, timeout_s=1.0)
    assert isinstance(outcome[far_pty.address], error)
    assert bytes(far_pty.received) == b"AT+CMEE=1\rAT+CMEE=0\r"
