"""Polls of registration and signal: which lines are sent, and which are not sent again."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from modemagent.at.results import parse_final
from modemagent.at.steps import Command, FinalResult, Response
from modemagent.dialects.allowlist import is_allowed
from modemagent.dialects.diagnostic_reads import SIGNAL
from modemagent.modem.link_poll import LinkPoll, LinkReading

REGISTERED = {"AT+CEREG?": "+CEREG: 0,1"}
CESQ = {"AT+CESQ": "+CESQ: 99,99,255,255,20,45"}
CSQ = {"AT+CSQ": "+CSQ: 17,99"}


def read(poll: LinkPoll, answers: Mapping[str, str]) -> tuple[list[str], LinkReading]:
    """Drive one poll over a table of information lines or errors; any other line gets ERROR.

    :returns: the lines sent, and the reading
    """
    plan, sent = poll.plan(), []
    try:
        step = next(plan)
        while True:
            assert isinstance(step, Command)
            sent.append(step.line)
            text = answers.get(step.line, "ERROR")
            final = parse_final(text)
            lines = () if final else (text,)
            step = plan.send(Response(step.line, lines, final or FinalResult("ok", None, "OK")))
    except StopIteration as done:
        reading: LinkReading = done.value
        return sent, reading


@pytest.mark.parametrize(
    ("dialect", "answers", "first", "second"),
    [
        ("quectel", {"AT+QCSQ": '+QCSQ: "LTE",-57,-85,161,-9'}, ["AT+QCSQ"], ["AT+QCSQ"]),
        # without service no value is given
        (
            "quectel",
            {"AT+QCSQ": '+QCSQ: "NOSERVICE"', "AT+CSQ": "+CSQ: 99,99"},
            ["AT+QCSQ", 'AT+QENG="servingcell"', "AT+CESQ", "AT+CSQ"],
            ["AT+QCSQ", "AT+CSQ"],
        ),
        ("huawei", {"AT^HCSQ?": '^HCSQ: "LTE",46,52,186,24'}, ["AT^HCSQ?"], ["AT^HCSQ?"]),
        ("telit", CSQ, ["AT#RFSTS", "AT+CESQ", "AT+CSQ"], ["AT+CSQ"]),
        ("neoway", CSQ, ["AT+CESQ", "AT+CSQ"], ["AT+CSQ"]),
        ("generic", CESQ | CSQ, ["AT+CESQ"], ["AT+CESQ"]),
        ("modemmanager", CESQ, ["AT+CESQ"], ["AT+CESQ"]),
        # a modem that refuses everything may be starting
        ("generic", {}, ["AT+CESQ", "AT+CSQ"], ["AT+CESQ", "AT+CSQ"]),
    ],
)
def test_signal_is_read_with_the_makers_command(
    dialect: str, answers: Mapping[str, str], first: list[str], second: list[str]
) -> None:
    poll = LinkPoll(dialect)
    for expected in (first, second):
        sent, reading = read(poll, {**REGISTERED, **answers})
        assert sent == ["AT+CEREG?", *expected]
        assert reading.registration is not None
        assert reading.registration["fields"]["registered"] is True


def test_refused_registrations_are_not_read_again() -> None:
    poll = LinkPoll()
    searching = {"AT+CEREG?": "+CEREG: 0,2", "AT+CREG?": "+CREG: 0,2", **CESQ}
    assert read(poll, searching)[0] == ["AT+CEREG?", "AT+C5GREG?", "AT+CREG?", "AT+CESQ"]
    sent, reading = read(poll, searching)
    assert sent == ["AT+CEREG?", "AT+CREG?", "AT+CESQ"]
    assert reading.registration is not None
    assert reading.registration["fields"]["registered"] is False


@pytest.mark.parametrize("refusal", ["+CME ERROR: 14", "+CME ERROR: no network service"])
def test_a_passing_refusal_is_not_remembered(refusal: str) -> None:
    poll = LinkPoll("huawei")
    sent = [read(poll, {**REGISTERED, **CSQ, "AT^HCSQ?": refusal})[0] for _ in range(2)]
    assert sent[0] == ["AT+CEREG?", "AT^HCSQ?", "AT+CESQ", "AT+CSQ"]
    assert read(poll, REGISTERED)[0][1:] == ["AT+CSQ", "AT^HCSQ?"]


def test_every_signal_command_may_be_sent() -> None:
    lines = [line for row in SIGNAL.values() for line in row]
    assert lines
    assert all(map(is_allowed, lines))
