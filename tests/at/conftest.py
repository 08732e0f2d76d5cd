"""One way to feed bytes in many cuts: whole, byte by byte, in pairs, and with bytes behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from modemagent.at.codec import NEED_DATA, Codec, Event, NeedData
from modemagent.at.dialogue import Dialogue, Stray, Urc
from modemagent.at.plan import Answer

TRANSCRIPTS = Path(__file__).parents[2] / "fixtures" / "transcripts"


def cuts(wire: bytes) -> Iterator[list[bytes]]:
    yield [wire]
    yield [wire[at : at + 1] for at in range(len(wire))]
    yield [wire[at : at + 2] for at in range(0, len(wire), 2)]
    yield [wire[:1], wire[1:]]
    yield [wire[:-1], wire[-1:]]


def told(chunks: list[bytes]) -> list[Event]:
    codec = Codec()
    events: list[Event] = []
    for chunk in chunks:
        codec.receive_data(chunk)
        while not isinstance(event := codec.next_event(), NeedData):
            events.append(event)
        assert codec.next_event() is NEED_DATA
    return events


def _tr(wire: bytes) -> list[Event]:
    """The events of a wire form; fails when a cut changes them."""
    events = told([wire])
    for chunks in cuts(wire):
        assert told(chunks) == events, chunks
    behind = told([wire + b"RDY\r\n"])
    if wire.endswith((b"\r", b"\n")):
        assert behind == [*events, Event("urc", "RDY")]
    return events


def converse(
    steps: list[tuple[str, bytes]], chunking: Callable[[bytes], list[bytes]]
) -> list[list[Answer | Urc | Stray]]:
    dialogue = Dialogue()
    out: list[list[Answer | Urc | Stray]] = []
    for line, wire in steps:
        assert dialogue.begin(line) == line.encode() + b"\r"
        got: list[Answer | Urc | Stray] = []
        for chunk in chunking(wire):
            got += dialogue.receive(chunk)
        if dialogue.in_flight:
            got.append(dialogue.expire())
        out.append([_without_last_feed(each) for each in got])
    return out


def _without_last_feed(each: Answer | Urc | Stray) -> Answer | Urc | Stray:
    """``raw`` ends before the last line feed when that came in a read of its own."""
    if isinstance(each, Answer):
        return each._replace(raw=each.raw.removesuffix(b"\n"))
    return each


def _talk(*steps: tuple[str, bytes]) -> list[Answer | Urc | Stray]:
    """What the last of some commands brought; each is expired when nothing closed it."""
    whole = converse(list(steps), lambda wire: [wire])
    for number in range(4):
        assert converse(list(steps), lambda wire, n=number: list(cuts(wire))[n + 1]) == whole
    return whole[-1]


@pytest.fixture
def tr() -> Callable[[bytes], list[Event]]:
    return _tr


@pytest.fixture
def talk() -> Callable[..., list[Answer | Urc | Stray]]:
    return _talk


@pytest.fixture(scope="session")
def transcript_files() -> list[Path]:
    found = sorted(TRANSCRIPTS.glob("*/transcript.toml"))
    assert found, "fixtures/transcripts is empty"
    return found
