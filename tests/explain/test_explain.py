"""Explanations of the usual lines."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modemagent.explain import explain


@pytest.mark.parametrize(
    ("line", "answer", "words"),
    [
        ("AT+CPIN?", "+CPIN: READY", "no PIN"),
        ("AT+CPIN?", "+CPIN: SIM PUK", "blocked"),
        ("AT+CREG?", "+CREG: 0,2", "not registered, searching"),
        ("AT+CREG?", "+CREG: 2,1,0A,37001", "home network"),
        ("AT+CREG?", "+CREG: 1,1,84CD,00D30173", "home network"),
        ("AT+CREG?", '+CREG: 2,6,"CF01","08090001",7', "SMS only, home network, LTE"),
        ("", '+CEREG: 2,"B400","000A0001",9', "searching, NB-IoT"),
        ("", "+CEREG: 2,3", "denied"),
        ("AT+CEREG?", "+CEREG: 2", "searching"),
        ("AT+CEREG?", '+CEREG: 5,5,"B400","000A0001",9,0,18,"00000000"', "roaming, NB-IoT"),
        ("AT+C5GREG?", "+C5GREG: 2,1,1F00,79D903,11,6,ABCDEF", "home network, 5G"),
        ("AT+CGREG?", "+CGREG: 0,77", "unknown to the standard"),
        ("AT+CSQ", "+CSQ: 18,99", "-77 dBm"),
        ("AT+CSQ", "+CSQ: 99,99", "signal unknown"),
        ("AT+CESQ", "+CESQ: 99,99,255,255,20,80", "RSRP -61 dBm, RSRQ -10 dB, good"),
        ("AT+COPS?", '+COPS: 0,0,"SGP-M1",2', "SGP-M1, UMTS"),
        ("AT+COPS?", '+COPS: 0,0,"Vodafone.de"', "Vodafone.de (automatic"),
        ("AT+COPS?", "+COPS: 0", "no operator"),
        ("AT+CFUN?", "+CFUN: 4", "flight mode"),
        ("AT+CPIN?", "+CME ERROR: 10", "SIM not inserted"),
        ("AT+CPIN?", "+CME ERROR: sim busy", "SIM busy"),
        ("AT+CMGF=1", "+CMS ERROR: 310", "SIM not inserted"),
        ("AT", "OK", "done"),
        ("AT+CSQ", "^RSSI: 19", "signal"),
    ],
)
def test_explain(line, answer, words):
    found = explain(line, answer)
    assert found is not None
    assert words in str(found["text"])
    assert found["source"]


def test_unknown_lines_have_no_explanation():
    assert explain("AT+X", "865284040000014") is None
    assert explain("AT+X", "+X: 1") is None


HEADS = ["+CREG:", "+CPIN:", "+CSQ:", "+CESQ:", "+COPS:", "+CFUN:", "+CME ERROR:", ""]


@given(st.sampled_from(HEADS), st.text(alphabet='0123456789,"A -+:', max_size=20))
def test_any_line_can_be_explained(head, rest):
    explain("AT", f"{head} {rest}")
