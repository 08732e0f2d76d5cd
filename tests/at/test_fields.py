"""Splitting of lines, and classification of byte streams."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modemagent.at.fields import (
    parse_hex_bytes,
    parse_hex_integer,
    parse_information,
    parse_integer,
    split_fields,
    split_prefix,
)
from modemagent.at.lines import clean_line, stream_kind
from modemagent.at.urcs import PREFIXES, WORDS, is_urc, prefix_of, response_prefixes


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("+CPIN: READY", ("+CPIN", "READY")),
        ("+CPIN:READY", ("+CPIN", "READY")),
        ("+QSIMSTAT : 1,0", ("+QSIMSTAT", "1,0")),
        ("+CSQ::: 18,99", ("+CSQ", "18,99")),
        ("IMEI SV:  4", ("IMEI SV", "4")),
        ("ICCID: 8949", ("ICCID", "8949")),
        ("QCN:", ("QCN", "")),
        ("865284040000014", ("", "865284040000014")),
        ("2026/1/1,00:00:00+0", ("", "2026/1/1,00:00:00+0")),
        ("R2.5 (Date: Jun 17 2008)", ("", "R2.5 (Date: Jun 17 2008)")),
        ("", ("", "")),
        (": x", ("", ": x")),
    ],
)
def test_prefix(line, expected):
    assert split_prefix(line) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("+CPIN: READY", ("READY",)),
        ("354533020000016,PR29A1F99T", ("354533020000016", "PR29A1F99T")),
        ('+CRSM: 148,8,""', ("148", "8", "")),
        ('+X: "a,b" , c', ("a,b", "c")),
        ('+X: "say ""hi"""', ('say "hi"',)),
        (r'+X: "say \22hi\22","\5C"', ('say "hi"', "\\")),
        (r'+X: "a\"b",1', ('a"b', "1")),
        ('+X: "open', ("open",)),
        ("+X: 1,,3,", ("1", "", "3", "")),
        ('+GTDUALSIM : 0, "SUB1", "L"', ("0", "SUB1", "L")),
        ("+CGSN: (0-3)", ("(0-3)",)),
        ('+COPS: (1,"A","B","26201",7),,(0-4)', ('(1,"A","B","26201",7)', "", "(0-4)")),
        ('+CCLK: "04/01/01,00:11:33+00"', ("04/01/01,00:11:33+00",)),
    ],
)
def test_fields(line, expected):
    assert parse_information(line).fields == expected


@given(st.text())
def test_any_text_can_be_split(text):
    split_prefix(text)
    split_fields(text)
    parse_integer(text)
    parse_hex_integer(text)
    parse_hex_bytes(text)
    is_urc(text)
    response_prefixes(text)


def test_urc_table_is_valid():
    assert all(word == word.upper() for word in (*PREFIXES, *WORDS))
    assert all(prefix_of(f"{prefix}: 1") == prefix for prefix in PREFIXES)
    assert all(PREFIXES.values())


def test_every_recorded_urc_is_known(transcript_files):
    from modemagent.at.lines import is_noise
    from modemagent.at.transcript import load

    for path in transcript_files:
        for urc in load(path).urcs:
            for raw in urc.wire().split(b"\r\n"):
                text, _ = clean_line(raw)
                if not text or is_noise(text) or text == "NO CARRIER":
                    continue
                assert is_urc(text), (path.parent.name, text)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"", "silence"),
        (b"\r\n\x00\x00\r\n", "silence"),
        (b"\r\nRDY\r\n", "text"),
        (b"8\xff\xff", "binary"),
        (b"\x7e\x13\x02\xe4\x91\x7e\x7e\x98\x00\x01\xcd\x7e", "binary"),
        # LCP configure request, escaped and not (RFC 1662 clause 3.1)
        (b"~\xff}#\xc0!}!}!} }4}\x22}&} } } } }%}&~", "ppp"),
        (b"AT\r\n~\xff\x03\xc0!\x01\x01\x00\x0a\x02\x06~", "ppp"),
        (b",,,*47\r\n$GPGSV,1,1,00*79\r\n$GPRMC,,V,,,*53\r\n$GP", "nmea"),
        (b"\r\n+CPIN: READY\r\n$GPRMC,,V,,,*53\r\n\r\nOK\r\n", "text"),
        (b"\xff\r\n+CPIN: READY\r\n", "text"),
    ],
)
def test_stream_kind(raw, expected):
    assert stream_kind(raw) == expected
