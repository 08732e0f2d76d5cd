"""Scans and commands in what a terminal sends."""

from __future__ import annotations

import random

import pytest

from modemagent.provisioning.screen.keys import (
    DroppedBurst,
    KeyEvent,
    KeyReader,
    PressedKey,
    TypedLine,
)

IMEI = b"867698040000013"


def typed(reader: KeyReader, data: bytes, start: float, gap: float) -> list[KeyEvent]:
    """Feed bytes one by one."""
    events: list[KeyEvent] = []
    for n in range(len(data)):
        events += reader.feed(data[n : n + 1], start + n * gap)
    return events


def test_a_scan_and_a_typed_line_differ_by_their_pace() -> None:
    assert typed(KeyReader(), IMEI + b"\r", 0, 0.01) == [TypedLine(IMEI.decode(), False)]
    assert typed(KeyReader(), b"07\r", 0, 0.3) == [TypedLine("07", True)]
    reader = KeyReader()
    assert typed(reader, b"08\x7f7\r", 0, 0.3) == [TypedLine("07", True)]


@pytest.mark.parametrize("end", [b"\r", b"\n", b"\t", b"\r\n"])
def test_each_end_of_a_scan_ends_it_once(end: bytes) -> None:
    assert KeyReader().feed(IMEI + end, 0) == [TypedLine(IMEI.decode(), False)]


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"\x1bOP", "F1"),
        (b"\x1b[[A", "F1"),
        (b"\x1b[11~", "F1"),
        (b"\x1b[[E", "F5"),
        (b"\x1b[15~", "F5"),
        (b"\x1b[17~", "F6"),
        (b"\x1b[21~", "F10"),
        (b"\x11", "ctrl-q"),
        (b"\x1b", "escape"),
    ],
)
def test_a_command_is_a_key_with_silence_around_it(data: bytes, name: str) -> None:
    reader = KeyReader()
    assert reader.feed(data, 1) == []
    assert reader.due(1.01) == []
    assert reader.due(1.2) == [PressedKey(name)]
    assert reader.due(1.3) == []
    divided = KeyReader()
    assert typed(divided, data, 1, 0.01) == []
    assert divided.due(2) == [PressedKey(name)]


@pytest.mark.parametrize("key", [b"\x11", b"\x03", b"\x1bOP", b"\x1b[15~", b"\x1b", b"\x0c"])
@pytest.mark.parametrize("at", [0, 5, 15, 16])
def test_no_label_can_send_a_command(key: bytes, at: int) -> None:
    scan = IMEI + b"\r"
    data = scan[:at] + key + scan[at:]
    for gap in (0, 0.005):
        reader = KeyReader()
        events = typed(reader, data, 1, gap) if gap else reader.feed(data, 1)
        events += reader.due(9)
        assert len([each for each in events if isinstance(each, TypedLine)]) == 1
        assert not [each for each in events if isinstance(each, PressedKey)]


def test_an_unfinished_scan_is_dropped_and_typing_is_kept() -> None:
    reader = KeyReader()
    reader.feed(IMEI, 1)
    assert reader.due(1.4) == []
    assert reader.due(1.6) == [DroppedBurst(15)]
    assert reader.text == ""
    reader.feed(b"0", 2)
    reader.feed(b"7", 4)
    assert reader.due(8) == []
    assert reader.text == "07"
    assert reader.due(60) == []
    assert reader.text == ""


def test_the_separator_of_gs1_is_a_character() -> None:
    assert KeyReader().feed(b"]C121A7\x1d8002867698040000013\r", 0) == [
        TypedLine("]C121A7\x1d8002867698040000013", False)
    ]


def test_any_bytes_are_read() -> None:
    chance = random.Random(0)
    reader, now = KeyReader(), 0.0
    for _ in range(3000):
        now += chance.choice((0, 0.01, 0.2, 1))
        for event in reader.feed(chance.randbytes(chance.randrange(1, 9)), now):
            assert isinstance(event, TypedLine | PressedKey | DroppedBurst)
        assert len(reader.text) <= 520
