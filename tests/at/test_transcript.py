"""Transcripts round-trip."""

from __future__ import annotations

import pytest

from modemagent.at.transcript import Exchange, Transcript, Unsolicited, dumps, load, loads
from modemagent.errors import TranscriptError


def test_every_transcript_round_trips(transcript_files):
    for path in transcript_files:
        transcript = load(path)
        assert transcript.name == path.parent.name
        assert transcript.vendor
        assert transcript.exchanges
        assert loads(dumps(transcript), name=transcript.name) == transcript


def test_any_byte_round_trips():
    every = bytes(range(256))
    transcript = Transcript(
        "all",
        {"vendor": 'A "quoted" \\ name', "echo_default": True, "tests": [1, 2]},
        (Exchange("AT", ("OK", "", 'a"b'), every, "x", "trace", "r", "n"), Exchange("ATI")),
        (Unsolicited("RDY"), Unsolicited(raw=every, when="boot")),
    )
    assert loads(dumps(transcript), name="all") == transcript


def test_wire_forms():
    assert Exchange("AT+CGSN", ("1", "", "OK")).wire() == b"\r\n1\r\n\r\nOK\r\n"
    assert Exchange("AT", ("OK",), b"0\r").wire(echo=True) == b"0\r"
    assert Exchange("AT").wire(echo=True) == b""
    assert Unsolicited(raw=b"x\r\n").wire() == b"x\r\n"
    assert loads('[[urc]]\nraw = "8\ufffd\\u00ff"\n').urcs[0].wire() == b"8\xfe\xff"


def test_exchanges_are_found_ignoring_case(transcript_files):
    path = next(path for path in transcript_files if path.parent.name == "cinterion-ehs6")
    transcript = load(path)
    assert [each.state for each in transcript.answers("at+cpin?")] == ["pin", "", "no sim, CMEE=2"]
    assert transcript.echoes
    assert transcript.model == "EHS6-A"


@pytest.mark.parametrize(
    "text",
    [
        "vendor =",
        "exchange = 3",
        "[[exchange]]\nlines = []",
        "[[exchange]]\nsend = 3",
        '[[exchange]]\nsend = "AT"\nlines = "OK"',
        '[[exchange]]\nsend = "AT"\nlines = [1]',
        '[[exchange]]\nsend = "AT"\nraw = 1',
        "[[urc]]",
    ],
)
def test_invalid_transcript_is_a_declared_error(text, tmp_path):
    path = tmp_path / "broken.toml"
    path.write_text(text)
    with pytest.raises(TranscriptError, match="broken"):
        load(path)


def test_missing_transcript_is_a_declared_error(tmp_path):
    with pytest.raises(TranscriptError):
        load(tmp_path / "none.toml")
    (tmp_path / "latin.toml").write_bytes(b"\xff")
    with pytest.raises(TranscriptError):
        load(tmp_path / "latin.toml")
