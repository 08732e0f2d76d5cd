"""Bytes of a terminal as scans and commands.

A scanner types letters, digits and signs, ends with Enter or Tab, and may type control characters
that a label contains. A command is therefore a function key or Ctrl key with nothing typed shortly
before or after it: no label can end a shift.

>>> reader = KeyReader()
>>> reader.feed(b"867698040000013\\r", 1.0)
[TypedLine(text='867698040000013', is_typed=False)]
>>> reader.feed(b"\\x1bOP", 2.0), reader.due(2.2)
([], [PressedKey(name='F1')])
"""

from __future__ import annotations

import codecs
import re
from typing import Final, NamedTuple

#: Longest time between two characters of a scanner.
SCANNER_GAP_S: Final = 0.1
#: A burst of a scanner that has not ended after this time is dropped.
UNFINISHED_S: Final = 0.5
#: What a person types is dropped after this time.
FORGOTTEN_S: Final = 30.0
#: Fewer characters are a person's.
_LEAST_BURST: Final = 4
#: Time without a character before and after a command.
_QUIET_S: Final = 0.06
_LONGEST: Final = 512

_ESCAPE: Final = re.compile(r"\x1b(?:O[A-Za-z]|\[\[[A-E]|\[[0-9;]*[A-Za-z~])")
_BEGUN_ESCAPE: Final = re.compile(r"\x1b(?:\[\[?[0-9;]*|O)?")
#: Sequences of xterm, of VT220 and of the Linux console.
_SEQUENCES: Final = {
    **{f"\x1bO{sign}": f"F{n}" for n, sign in enumerate("PQRS", 1)},
    **{f"\x1b[[{sign}": f"F{n}" for n, sign in enumerate("ABCDE", 1)},
    **{f"\x1b[{n + 10 + (n > 5)}~": f"F{n}" for n in range(1, 11)},
    "\x1b[A": "up", "\x1b[B": "down", "\x1b[C": "right", "\x1b[D": "left",
    "\x1bOA": "up", "\x1bOB": "down", "\x1bOC": "right", "\x1bOD": "left",
}  # fmt: skip
_CONTROLS: Final = {"\x03": "ctrl-c", "\x0c": "ctrl-l", "\x11": "ctrl-q", "\x1b": "escape"}
_ENDS: Final = "\r\n\t"
_ERASE: Final = "\x7f\x08"


class TypedLine(NamedTuple):
    """A line that was scanned, or typed by a person; it may be empty.

    :param is_typed: the characters came slowly
    """

    text: str
    is_typed: bool


class PressedKey(NamedTuple):
    """A command: ``F1`` to ``F10``, ``up``, ``escape``, ``ctrl-q`` ..."""

    name: str


class DroppedBurst(NamedTuple):
    """Characters of a scanner without an end."""

    length: int


KeyEvent = TypedLine | PressedKey | DroppedBurst


class KeyReader:
    """Reads what a terminal sends; ``now`` is a clock that never goes back.

    :ivar text: what has been typed and not ended
    """

    def __init__(self) -> None:
        self.text = ""
        self._is_typed = False
        self._last = self._last_byte = float("-inf")
        self._is_after_end = False
        self._command: tuple[str, str, float] | None = None
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._escape, self._escape_at = "", 0.0

    def feed(self, data: bytes, now: float) -> list[KeyEvent]:
        """Return the events that bytes complete; a command waits for :meth:`due`."""
        events = self.due(now)
        text, began = self._escape + self._decoder.decode(data), self._escape_at
        held, self._escape = len(self._escape), ""
        at = 0
        while at < len(text):
            when = began if at < held else now
            found = _ESCAPE.match(text, at)
            if found is None and _BEGUN_ESCAPE.fullmatch(text, at):
                # the rest comes with the next bytes, or it was the key Esc
                self._escape, self._escape_at = text[at:], when
                break
            piece = found[0] if found is not None else text[at]
            at += len(piece)
            events += self._piece(piece, when)
        return events

    def due(self, now: float) -> list[KeyEvent]:
        """Return what the time decides: a command, or that a burst is dropped."""
        events: list[KeyEvent] = []
        if self._escape and now - self._escape_at >= _QUIET_S:
            piece, self._escape = self._escape, ""
            for sign in piece:
                events += self._piece(sign, self._escape_at)
        if self._command is not None and now - self._command[2] >= _QUIET_S:
            events.append(PressedKey(self._command[0]))
            self._command = None
        waited = now - self._last
        is_burst = not self._is_typed and len(self.text) >= _LEAST_BURST
        if self.text and waited >= (UNFINISHED_S if is_burst else FORGOTTEN_S):
            if is_burst:
                events.append(DroppedBurst(len(self.text)))
            self.clear()
        return events

    def clear(self) -> None:
        """Forget what has been typed."""
        self.text, self._is_typed = "", False

    def _piece(self, piece: str, now: float) -> list[KeyEvent]:
        name = _SEQUENCES.get(piece) or _CONTROLS.get(piece)
        is_key = name is not None or len(piece) > 1
        since, self._last_byte = now - self._last_byte, now
        is_after_end, self._is_after_end = self._is_after_end, False
        if is_key and (since >= _QUIET_S or self._is_typed):
            self._command = None if name is None else (name, piece, now)
            return []
        if is_key and is_after_end:
            return []  # sent by a scanner after its end
        if self._command is not None:  # it was followed at once: a character of a label
            self._append(self._command[1], now)
            self._command = None
        if piece == "\n" and is_after_end:
            return []
        if piece in _ENDS:
            line, is_typed = self.text, self._is_typed
            self.clear()
            self._is_after_end = True
            return [TypedLine(line, is_typed)]
        if piece in _ERASE and self._is_typed:
            self.text = self.text[:-1]
            self._last = now
        else:
            self._append(piece, now)
        return []

    def _append(self, piece: str, now: float) -> None:
        if self.text and now - self._last > SCANNER_GAP_S:
            self._is_typed = True
        self._last = now
        self.text = (self.text + piece)[: _LONGEST + 1]
