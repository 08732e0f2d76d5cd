"""Events of the line splitter, for every size of the reads."""

from __future__ import annotations

import itertools
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modemagent.at.line_splitter import ANSWER_LIMIT, LINE_LIMIT, LineEvent, LineSplitter
from modemagent.at.transcript import load

WIRES = tuple(
    wire
    for path in sorted(Path(__file__).parents[2].glob("fixtures/transcripts/*/transcript.toml"))
    for transcript in (load(path),)
    for each in transcript.exchanges + transcript.urcs
    if (wire := each.wire())
)


def kinds(events):
    return [(event.kind, event.line) for event in events]


@pytest.mark.parametrize(
    "wire",
    [
        b"AT+CGSN\r\r\n352656100000010\r\n\r\nOK\r\n",
        b"AT+CGSN\r\n352656100000010\nOK\n",
        b"AT+CGSN\r352656100000010\rOK\r",
        b"AT+CGSN\r\r\n352656100000010\r\r\n\r\r\nOK\r\r\n",
        b"\x00\x00AT+CGSN\r\x00\r\n3526561\x0000000010\r\n\r\nO\x00K\r\n",
        b"\n\n\r\nAT+CGSN \r\n  352656100000010\t\r\nOK\r\n",
    ],
    ids=["crlf", "lf", "cr", "crcrlf", "nul", "spaces"],
)
def test_line_ends_do_not_change_the_events(tr, wire):
    expected = [("text", "AT+CGSN"), ("text", "352656100000010"), ("final", "OK")]
    assert kinds(tr(wire)) == expected


def test_final_result_requires_its_line_end(tr):
    splitter = LineSplitter()
    splitter.receive_data(b"\r\nOK")
    assert splitter.next_event() is None
    assert splitter.partial
    flushed = splitter.flush()
    assert isinstance(flushed, LineEvent)
    assert flushed.kind == "final"
    assert splitter.flush() is None
    assert kinds(tr(b"\r\nOKAY\r\n")) == [("text", "OKAY")]


@pytest.mark.parametrize(
    ("wire", "expected"),
    [
        (b"$GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,M,,*47\r\n", "nmea"),
        (b"!AIVDM,1,1,,A,15Mj23P000G?q7fK>g:o7@1:0L3S,0*1B\r\n", "nmea"),
        (b'$MYCCID: "898602b6000000000496"\r\n', "text"),
        (b"8\xff\xfe\r\n", "noise"),
        (b"\x7e\x1c\x8f\xff\x93\xd1\r\n", "noise"),
        (b"Call Ready\r\n", "urc"),
        (b"+QSIMSTAT : 1,0\r\n", "urc"),
        (b"COMMAND NOT SUPPORT\r\n", "final"),
        (b"+CME ERROR:\r\n", "text"),
        (b"+CME ERROR:10\r\n", "final"),
    ],
)
def test_kinds(tr, wire, expected):
    assert [event.kind for event in tr(wire)] == [expected]


def test_noise_before_a_line_is_removed(tr):
    assert kinds(tr(b"\xff\xfe\x80OK\r\n")) == [("final", "OK")]


def test_one_invalid_byte_does_not_make_a_line_noise(tr):
    assert [event.kind for event in tr(b"86528\xb4040000014\r\n")] == ["text"]


def test_line_is_cut_at_its_limit(tr):
    events = tr(b"A" * (LINE_LIMIT + 100) + b"\r\nOK\r\n")
    assert [len(event.line) for event in events] == [LINE_LIMIT, 2]


def test_unread_input_is_bounded():
    splitter = LineSplitter()
    for _ in range(300):
        splitter.receive_data(b"RDY\r\n" * 200)
    size = 0
    while splitter.next_event():
        size += 5
    assert ANSWER_LIMIT < size <= ANSWER_LIMIT + 1000


def test_memory_is_bounded():
    splitter = LineSplitter()
    chunk = b"\xff\x00x" * 4000
    tracemalloc.start()
    for _ in range(500):
        splitter.receive_data(chunk)
        assert splitter.next_event() is None
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 200_000


def events_of(chunks):
    splitter = LineSplitter()
    events = []
    for chunk in chunks:
        splitter.receive_data(chunk)
        while (event := splitter.next_event()) is not None:
            events.append(event)
    last = splitter.flush()
    return events if last is None else [*events, last]


def cut(data, wire):
    places = data.draw(st.lists(st.integers(0, len(wire)), max_size=8).map(sorted))
    edges = [0, *places, len(wire)]
    return [wire[a:b] for a, b in itertools.pairwise(edges)]


@given(st.data())
def test_read_sizes_do_not_change_events_of_a_transcript(data):
    wire = b"".join(data.draw(st.lists(st.sampled_from(WIRES), min_size=1, max_size=3)))
    assert events_of(cut(data, wire)) == events_of([wire])


@given(st.data(), st.binary(max_size=300))
def test_random_bytes_in_any_read_size_raise_nothing(data, wire):
    assert events_of(cut(data, wire)) == events_of([wire])
