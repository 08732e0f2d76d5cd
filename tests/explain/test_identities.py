"""Numbers and names of modem, SIM and eUICC; all numbers are synthetic."""

from __future__ import annotations

import pytest

from modemagent.explain import explain
from modemagent.explain.identities import explain_identity

IMEI = "865950060000056"
EID = "89049032000000000000000000000066"

CASES = [
    ("AT+CGSN=1", f'+CGSN: "{IMEI}"', {"imei": IMEI, "valid": True}, f"IMEI {IMEI}, check digit"),
    ("AT+CGSN", IMEI, {"imei": IMEI}, "check digit right"),
    ("AT+CGSN?", f"+CGSN:{IMEI}", {"imei": IMEI}, "check digit right"),
    ("AT+GSN", f'"{IMEI}"', {"imei": IMEI}, "check digit right"),
    ("AT+CGSN", f"{IMEI},A1B2C3", {"imei": IMEI}, "check digit right"),
    ("ATI", f"IMEI: {IMEI}", {"imei": IMEI}, "check digit right"),
    ("ATI", "IMEI SV: 12", {"svn": "12"}, "software version number 12"),
    ("AT+CGSN=1", '+CGSN: "865950060000050"', {"valid": True}, "15th digit is 0"),
    ("AT+CGSN=2", '+CGSN: "8659500600000512"', {"imeisv": "8659500600000512"}, "IMEISV"),
    ("AT+CGSN=3", '+CGSN: "01"', {"svn": "01"}, "software version number 01"),
    ("AT+CGSN=0", '+CGSN: "D1A2B3C4D5E6"', {"serial_number": "D1A2B3C4D5E6"}, "serial number"),
    ("AT+GSN", "A0000012345678", {"meid": "A0000012345678"}, "MEID"),
    ("AT+CFSN?", '+CFSN: "AB12345678"', {"serial_number": "AB12345678"}, "serial number"),
    ("AT+CIMI", "901288000000001", {"mcc": "901", "mnc": "28"}, "network 901 28"),
    ("AT+CIMI?", '+CIMI: "262011234567890"', {"mcc": "262"}, "IMSI 262011234567890"),
    ("AT#CIMI", "#CIMI: 262011234567890", {"mnc": "01"}, "network 262 01"),
    ("AT+CCID", "8988303000000000010", {"valid": True}, "ICCID 8988303000000000010"),
    ("AT+CCID", "+SCID: SIM Card ID: 8988303000000000010F", {"valid": True}, "ICCID 898830"),
    ("AT%ICCID", "%ICCID: 8988303000000000010F", {"valid": True}, "ICCID 8988303000000000010"),
    ("AT+ECICCID", "+ECICCID: 8988303000000000010", {}, "ICCID 8988303000000000010"),
    ("AT+MCCID", "+MCCID: 8988303000000000010", {}, "ICCID 8988303000000000010"),
    ("AT+CCID", f"+CCID: 8988303000000000010,{EID}", {"eid": EID}, f"EID {EID}"),
    ("AT+EID?", f'+EID: "{EID}"', {"eid": EID}, "check digits right"),
    ("AT+EID?", '+EID: ""', {}, "not an eUICC"),
    ('AT+QESIM="eid"', f'+QESIM: "eid","{EID}"', {"eid": EID}, "check digits right"),
    ("AT+CGMM", "EG25-G", {"model": "EG25-G"}, "model EG25-G"),
    ("AT+CGMM", '+CGMM: "FM150-AE","FM150"', {}, "model FM150-AE, FM150"),
    ("AT+CGMI", "Quectel", {}, "manufacturer Quectel"),
    ("AT+CGMR", "EG25GGBR07A08M2G", {}, "firmware EG25GGBR07A08M2G"),
    ('AT+CCHO="A0"', "+CCHO: 1", {"session": "1"}, "logical channel 1"),
    # without a command, by the form of the number
    ("", IMEI, {"imei": IMEI}, "by its form"),
    ("", "901288000000001", {"imsi": "901288000000001"}, "by its form"),
    ("", "8988303000000000010", {"iccid": "8988303000000000010"}, "by its form"),
    ("", EID, {"eid": EID}, "by its form"),
    ("AT+CGMM;+CGSN", IMEI, {"imei": IMEI}, "by its form"),
]


@pytest.mark.parametrize(("command", "line", "values", "words"), CASES)
def test_identities(check, command, line, values, words):
    check(command, line, values, words)


@pytest.mark.parametrize(
    ("command", "line", "words"),
    [
        ("AT+CGSN=1", '+CGSN: "865950060000057"', "15th digit wrong"),
        ("", "865950060000057", "15th digit wrong"),
        ("AT+CGSN", "000000000000000", "known filler"),
        ("AT+CGSN", "0", "no number is stored"),
    ],
)
def test_invalid_imei_has_a_remedy(check, command, line, words):
    check(command, line, {}, words, "label of the module")


@pytest.mark.parametrize("line", ["20", "123456789012345", "1" * 15, "8" * 40])
def test_other_bare_numbers_are_not_identities(line):
    assert explain("", line) is None
    assert explain_identity("", line) is None
