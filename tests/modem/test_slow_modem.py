"""Modems that need longer for AT than its deadline, on a clock that the test does not wait for."""

from __future__ import annotations

import pytest

from modemagent.errors import ModemAgentError
from modemagent.identity.snapshot import Snapshot
from modemagent.modem.identify import identify
from modemagent.modem.poll import poll
from tests.modem.byte_modem import ByteModem, Wire, run

MODEM = {
    "AT+CGMI": ("ACME", "OK"),
    "AT+CGMM": ("M1", "OK"),
    "AT+CGMR": ("1.0", "OK"),
    "AT+CGSN": ("864337050000216", "OK"),
    "AT+CPIN?": ("+CPIN: READY", "OK"),
    "AT+CCID": ("+CCID: 89883030000000000213", "OK"),
    "AT+CIMI": ("901288000000021", "OK"),
}
VALUES = ("ACME", "M1", "1.0", "864337050000216", "89883030000000000213", "901288000000021")
LATENCIES_S = (0.45, 0.5, 0.6, 0.9, 1.0, 1.5, 2.5, 4.0)


def values_of(reading: Snapshot | ModemAgentError) -> tuple[str | None, ...]:
    assert isinstance(reading, Snapshot), reading
    modem, sim = reading.modem, reading.sims[0]
    texts = (modem.manufacturer, modem.model, modem.firmware, modem.imei, sim.iccid, sim.imsi)
    return tuple(None if each is None else str(each) for each in texts)


def slow_modem(latency_s: float, *, echo: bool, is_sequential: bool, lost: int = 0) -> ByteModem:
    wire = Wire(echo=echo, latency_s=latency_s, is_sequential=is_sequential, drop_first=lost)
    return ByteModem(MODEM, wire)


@pytest.mark.parametrize("is_sequential", [True, False], ids=["sequential", "pipelined"])
@pytest.mark.parametrize("echo", [True, False], ids=["echo", "no-echo"])
@pytest.mark.parametrize("latency_s", LATENCIES_S)
def test_slow_modem_is_read(latency_s: float, echo: bool, is_sequential: bool) -> None:
    modem = slow_modem(latency_s, echo=echo, is_sequential=is_sequential)
    reading = run(lambda: identify("port", age=lambda: 3600.0), modem, timeout_s=300.0)
    assert values_of(reading) == VALUES
    assert isinstance(reading, Snapshot)
    assert modem.received.count("AT+CGSN") == 1, "no response was doubted"


@pytest.mark.parametrize("latency_s", LATENCIES_S[2:])
def test_echoed_at_is_not_sent_again(latency_s: float) -> None:
    modem = slow_modem(latency_s, echo=True, is_sequential=True)
    run(lambda: identify("port", age=lambda: 3600.0), modem, timeout_s=300.0)
    assert modem.received.count("AT") == 1


@pytest.mark.parametrize("lost", [1, 3, 6, 9])
@pytest.mark.parametrize("echo", [True, False], ids=["echo", "no-echo"])
@pytest.mark.parametrize("latency_s", [0.005, 0.6, 2.5])
def test_slow_modem_that_loses_bytes_is_read(latency_s: float, echo: bool, lost: int) -> None:
    modem = slow_modem(latency_s, echo=echo, is_sequential=True, lost=lost)
    reading = run(lambda: identify("port", age=lambda: 3600.0), modem, timeout_s=300.0)
    assert values_of(reading) == VALUES


def test_prompt_modem_gets_one_at_more_after_lost_bytes() -> None:
    modem = slow_modem(0.005, echo=False, is_sequential=True, lost=3)
    run(lambda: identify("port", age=lambda: 3600.0), modem, timeout_s=300.0)
    assert modem.received.count("AT") == 2


@pytest.mark.parametrize("echo", [True, False], ids=["echo", "no-echo"])
@pytest.mark.parametrize("latency_s", LATENCIES_S)
def test_poll_of_a_slow_modem_finds_no_difference(latency_s: float, echo: bool) -> None:
    modem = slow_modem(latency_s, echo=echo, is_sequential=True)
    reading = run(lambda: identify("port", age=lambda: 3600.0), modem, timeout_s=300.0)
    assert isinstance(reading, Snapshot)
    fresh = slow_modem(latency_s, echo=echo, is_sequential=True)
    assert run(lambda: poll(reading), fresh, timeout_s=300.0) is False


@pytest.mark.parametrize("command", ["AT+CGMM", "AT+CGMR", "AT+CIMI"])
@pytest.mark.parametrize("echo", [True, False], ids=["echo", "no-echo"])
@pytest.mark.parametrize("latency_s", [0.6, 0.9, 1.5, 2.5])
def test_unanswered_command_of_a_slow_modem_shifts_no_value(
    latency_s: float, echo: bool, command: str
) -> None:
    wire = Wire(echo=echo, latency_s=latency_s, is_sequential=True)
    modem = ByteModem({**MODEM, command: ()}, wire)
    reading = run(lambda: identify("port", age=lambda: 3600.0), modem, timeout_s=300.0)
    found = values_of(reading)
    assert all(value in (None, right) for value, right in zip(found, VALUES, strict=True))
    assert found[3] == VALUES[3]
