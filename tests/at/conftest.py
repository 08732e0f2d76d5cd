"""One way to feed bytes in many cuts: whole, byte by byte, in pairs, and with bytes behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from modemagent.at.connection import AtConnection
from modemagent.at.line_splitter import LineEvent, LineSplitter
from modemagent.at.steps import Response

TRANSCRIPTS = Path(__file__).parents[2] / "fixtures" / "transcripts"


def cuts(wire: bytes) -> Iterator[list[bytes]]:
    yield [wire]
    yield [wire[at : at + 1] for at in range(len(wire))]
    yield [wire[at : at + 2] for at in range(0, len(wire), 2)]
    yield [wire[:1], wire[1:]]
    yield [wire[:-1], wire[-1:]]


def events_of(chunks: list[bytes]) -> list[LineEvent]:
    splitter = LineSplitter()
    events: list[LineEvent] = []
    for chunk in chunks:
        splitter.receive_data(chunk)
        while (event := splitter.next_event()) is not None:
            events.append(event)
        assert splitter.next_event() is None
    return events


def _tr(wire: bytes) -> list[LineEvent]:
    """The events of a wire form; fails when a cut changes them."""
    events = events_of([wire])
    for chunks in cuts(wire):
        assert events_of(chunks) == events, chunks
    behind = events_of([wire + b"RDY\r\n"])
    if wire.endswith((b"\r", b"\n")):
        assert behind == [*events, LineEvent("urc", "RDY")]
    return events


def converse(
    steps: list[tuple[str, bytes]], chunking: Callable[[bytes], list[bytes]]
) -> list[list[Response | LineEvent]]:
    dialogue = AtConnection()
    out: list[list[Response | LineEvent]] = []
    for line, wire in steps:
        assert dialogue.send(line) == line.encode() + b"\r"
        got: list[Response | LineEvent] = []
        for chunk in chunking(wire):
            got += dialogue.receive_data(chunk)
        if dialogue.in_flight:
            got.append(dialogue.expire())
        out.append([_without_last_feed(each) for each in got])
    return out


def _without_last_feed(each: Response | LineEvent) -> Response | LineEvent:
    """``raw`` ends before the last line feed when that came in a read of its own."""
    if isinstance(each, Response):
        return each._replace(raw=each.raw.removesuffix(b"\n"))
    return each


def _talk(*steps: tuple[str, bytes]) -> list[Response | LineEvent]:
    """What the last of some commands brought; each is expired when nothing closed it."""
    whole = converse(list(steps), lambda wire: [wire])
    for number in range(4):
        assert converse(list(steps), lambda wire, n=number: list(cuts(wire))[n + 1]) == whole
    return whole[-1]


@pytest.fixture
def tr() -> Callable[[bytes], list[LineEvent]]:
    return _tr


@pytest.fixture
def talk() -> Callable[..., list[Response | LineEvent]]:
    return _talk


@pytest.fixture(scope="session")
def transcript_files() -> list[Path]:
    found = sorted(TRANSCRIPTS.glob("*/transcript.toml"))
    assert found, "fixtures/transcripts is empty"
    return found
