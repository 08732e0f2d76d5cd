"""A refused line has a reason: what it would do, or that modemagent has no row for it."""

from __future__ import annotations

import pytest

from modemagent.dialects.allowlist import TERMINAL_READS, is_allowed
from modemagent.dialects.refusals import refusal


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("AT+CFUN=0", "switches the radio"),
        ("at+cfun=1,1", "restarts the modem"),
        ("AT+CPIN=1234", "can block the SIM"),
        ('AT+CLCK="SC",1,"1234"', "can block the SIM"),
        ('AT+CRSM=214,28423,0,0,9,"00"', "writes to a file"),
        ("AT+CRSM=176,28421,0,0,9", "command to the SIM"),
        ("AT+COPS=0", "selects a network"),
        ("AT+COPS=?", "takes minutes"),
        ("AT&F", "resets the settings"),
        ("ATZ", "resets the settings"),
        ("AT&W", "stores the settings"),
        ("ATD112;", "call"),
        ("ATH", "call"),
        ("ATE0V1", "setting of the session"),
        ('AT+EGMR=1,7,"350000000000000"', "writes the IMEI"),
        ("AT+QUIMSLOT=2", "SIM slot"),
        ("AT^RESET", "restarts"),
        ("AT+CMGS=1", "text messages"),
        ("AT+CGMI;+CFUN=4", "switches the radio"),
        ('AT+QCFG="usbnet",1', "sets a value"),
        ("AT+FOO?", "unknown to modemagent"),
        ("CGSN", "does not begin with AT"),
    ],
)
def test_reason_names_the_effect(line: str, reason: str) -> None:
    assert not is_allowed(line)
    assert reason in refusal(line).message


@pytest.mark.parametrize("line", sorted(TERMINAL_READS))
def test_reads_for_the_terminal_give_no_value_to_store(line: str) -> None:
    _, equals, value = line.partition("=")
    is_read = value in ("?", "0", "1", '"servingcell"', '"neighbourcell"')
    assert not equals or is_read
    assert line.startswith("AT") and line != "AT+COPS=?"
