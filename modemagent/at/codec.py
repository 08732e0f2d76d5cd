"""Bytes in, events out: the lines of an AT port, whatever ends them.

CR, LF, CR LF, CR CR LF: each CR or LF ends a line and blank lines are not told, so the same events
come out however the bytes are cut. An event exists only when its line has ended (``OK`` may be the
beginning of a longer word); :meth:`Codec.flush` gives what has no line end when time is up.

Memory stays flat: of a line the first 4 KiB are kept, what is over is dropped and counted.
"""

from __future__ import annotations

from typing import Final as Constant
from typing import Literal

from modemagent.at.lines import clean_line, is_nmea, is_noise
from modemagent.at.results import parse_final
from modemagent.at.steps import FinalResult
from modemagent.at.urcs import is_urc

LINE_LIMIT: Constant = 4 * 1024
ANSWER_LIMIT: Constant = 64 * 1024

EventKind = Literal["text", "final", "urc", "nmea", "noise"]


class LineEvent:
    """One line.

    ``kind``: ``final`` (its result is in ``final``), ``urc`` (may be unsolicited), ``nmea`` (a
    sentence of a GNSS receiver), ``noise`` (can not be read), ``text`` (all else: information,
    echo). Plain class with slots: a data class would cost start-up time here.
    """

    __slots__ = ("final", "kind", "line")

    def __init__(self, kind: EventKind, line: str, final: FinalResult | None = None) -> None:
        self.kind = kind
        self.line = line
        self.final = final

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LineEvent) and (self.kind, self.line, self.final) == (
            other.kind,
            other.line,
            other.final,
        )

    def __hash__(self) -> int:
        return hash((self.kind, self.line))

    def __repr__(self) -> str:
        return f"Event({self.kind!r}, {self.line!r})"


class NeedData:
    """Says that no whole line is left; see :data:`NEED_DATA`."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "NEED_DATA"


NEED_DATA: Constant = NeedData()


class Codec:
    """Cuts the byte stream of one port into events.

    >>> codec = Codec()
    >>> codec.receive_data(b"\\r\\n+CPIN: READY\\r\\n\\r\\nO")
    >>> codec.next_event(), codec.next_event()
    (Event('urc', '+CPIN: READY'), NEED_DATA)
    >>> codec.receive_data(b"K\\r\\n")
    >>> codec.next_event()
    Event('final', 'OK')
    """

    def __init__(self) -> None:
        self._input = bytearray()
        self._line = bytearray()
        self.dropped = 0
        """Bytes thrown away because a line or the unread input was too long."""
        self.noise = 0
        """Bytes that can not be text."""
        self.position = 0
        """Bytes taken from the input so far, as a running count."""

    @property
    def partial(self) -> bool:
        """True while a line has begun and not ended."""
        return bool(self._line) or bool(self._input)

    def receive_data(self, data: bytes) -> None:
        """Take bytes as they come from the port.

        Call :meth:`next_event` until it needs data after each of these; without that, unread
        input beyond 64 KiB is dropped.
        """
        if len(self._input) > ANSWER_LIMIT:
            self.dropped += len(data)
            self.position += len(data)
            return
        self._input += data

    def next_event(self) -> LineEvent | NeedData:
        """Return the next line's event, or :data:`NEED_DATA`."""
        while self._input:
            window = min(len(self._input), LINE_LIMIT)
            end = self._input.find(b"\r", 0, window)
            feed = self._input.find(b"\n", 0, window if end < 0 else end)
            end = feed if feed >= 0 else end
            if end < 0:
                self._keep(window)
                continue
            self._keep(end)
            del self._input[:1]
            self.position += 1
            event = self._finish()
            if event is not None:
                return event
        return NEED_DATA

    def flush(self) -> LineEvent | NeedData:
        """Return the line that has begun and not ended as if it had; for when time is up."""
        event = self._finish()
        return NEED_DATA if event is None else event

    def _keep(self, size: int) -> None:
        # a module that wakes may send any number of NULs before its first word
        piece = self._input[:size].replace(b"\x00", b"")
        room = LINE_LIMIT - len(self._line)
        self._line += piece[:room]
        self.dropped += max(0, len(piece) - room)
        self.position += size
        del self._input[:size]

    def _finish(self) -> LineEvent | None:
        raw = bytes(self._line)
        self._line.clear()
        if not raw:
            return None
        text, noise = clean_line(raw)
        self.noise += noise
        if not text:
            # control characters only: NULs say nothing, others are no text
            return LineEvent("noise", "") if noise else None
        if is_noise(text):
            return LineEvent("noise", text)
        if is_nmea(text):
            return LineEvent("nmea", text)
        final = parse_final(text)
        if final is not None:
            return LineEvent("final", text, final)
        return LineEvent("urc" if is_urc(text) else "text", text)
