"""Cleaning of responses, by the steps of the identity rules."""

from __future__ import annotations

import pytest

from modemagent.identity.check import validate
from modemagent.identity.cleaning import clean, is_filler

N = "867698040000013"
EID = "89049032000000000000000000000066"
ICCID = "8988303000000000010"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        # 1: control characters, lines
        (f"\x00\r\n{N}\r\n\r\nOK\r\n", N),
        (f"{N[:6]}\x00{N[6:]}", N),
        (f"\x1b{N}\x7f\x85", N),
        (f"\r\n\r\n\t {N} \t\r\n", N),
        # 2: echo, results
        (f"AT+CGSN\r\r\n{N}\r\n\r\nOK\r\n", N),
        (f"at+cgsn {N}", N),
        (f"At+CGSN {N} OK", N),
        (f"AT+CGSN +CGSN: {N}", N),
        (f"{N} OK", N),
        (f"{N}OK", f"{N}OK"),
        (f"AT+CGSN{N}", None),
        (f"{N}\r\nERROR", None),
        ("AT+CGSN ERROR", None),
        ("+CME ERROR: 10", None),
        ("+CMS ERROR: 500", None),
        ("OK", None),
        ("", None),
        # 3: labels, commas, quotes
        (f"+CGSN: {N}", N),
        (f'+CGSN:"{N}"', N),
        (f"+CGSN : {N}", N),
        (f"+CGSN:: {N}", N),
        (f"IMEI={N}", N),
        (f"IMEI SV:  {N}01", f"{N}01"),
        (f"+CGSN: IMEI: {N}", N),
        (f"+A: {N}", f"+A{N}"),
        (f"+CCID: ICCID: EID: {N}", f"EID{N}"),
        *((f"{sign}SCID: {N}", N) for sign in "+#^$%!*&@~"),
        (f"?SCID: {N}", f"?SCID{N}"),
        ("A1:00:00:12:34:56:78", "A1000012345678"),
        ("AB1: 0000012345678", "AB10000012345678"),
        (f"'{N}'", N),
        (f'"{N}","PR29A1F99T"', N),
        (f"{N},PR29A1F99T", N),
        # 4: separators, the first field that can be the value
        ("86-769804-000001-3", N),
        ("86 769804/000001.3", N),
        ("86_769804:000001:3", N),
        ("86\u2010769804\u2015000001\u22123", N),
        ("86\u00a0769804\u202f000001\u200b3", N),
        (f"\ufeff{N}", N),
        (f"86\u2060{N[2:]}", f"86\u2060{N[2:]}"),
        (f"78,{N}", N),
        (f"Quectel\r\nEG25\r\nIMEI: {N}", N),
        ("12345", "12345"),
        ("12-345\r\nabc", "12345"),
        ("abcdefgh", "ABCDEFGH"),
        # 5: no value
        ("+CGSN:", None),
        ('+CGSN: ""', None),
        ("- / .", None),
        *((word, None) for word in ("null", "NULL", "(null)", "None", "N/A", "na", "Unknown")),
        ("nothing", "NOTHING"),
        # 6: upper case, ASCII only
        ("a10000 12345678", "A1000012345678"),
        ("\ufb0000000012345678", "\ufb0000000012345678"),
    ],
)
def test_cleaning_step(text: str, value: str | None) -> None:
    assert clean(text) == value


def test_eid_skips_an_iccid_before_it() -> None:
    assert clean(f"+CCID: {ICCID},{EID}", minimum=30) == EID
    assert clean(f"+CCID: {ICCID},{EID}") == ICCID
    assert validate("eid", f'+CCID: "{ICCID}",""').codes == ("eid.length",)


def test_iccid_and_eid_on_one_line() -> None:
    assert validate("iccid", f'+SQNCCID: "{ICCID}",""').normalized == ICCID
    assert validate("eid", f'+SQNCCID: "{ICCID}","{EID}"').normalized == EID


def test_only_ascii_digits_make_a_field_the_value() -> None:
    assert clean(f"٨٦٧٦٩٨٠٤٠٠٠٠٠١٣\r\n{N}") == N


@pytest.mark.parametrize(
    ("value", "filler"),
    [
        ("0", True),
        ("00000", True),
        ("FFFFFFFF", True),
        ("FFFFFFF", False),
        ("12", False),
        ("", False),
    ],
)
def test_filler_is_zeros_or_one_repeated_character(value: str, filler: bool) -> None:
    assert is_filler(value) is filler
