"""Splitting of a byte stream into classified lines.

Each CR or LF ends a line and empty lines are skipped, so CR, LF, CR LF and CR CR LF all work and
the events do not depend on the size of the reads. A line is an event only when it is complete
(``OK`` may be the beginning of a longer word); :meth:`LineSplitter.flush` returns the incomplete
line at the deadline.

Memory is bounded: only the first 4 KiB of a line are kept.
"""

from typing import Final as Constant
from typing import Literal, NamedTuple

from modemagent.at.lines import clean_line, is_nmea, is_noise
from modemagent.at.results import parse_final
from modemagent.at.steps import FinalResult
from modemagent.at.urcs import is_urc

LINE_LIMIT: Constant = 4 * 1024
ANSWER_LIMIT: Constant = 64 * 1024

EventKind = Literal["text", "final", "urc", "nmea", "noise"]


class LineEvent(NamedTuple):
    """One line.

    :param kind: ``final`` (the result is in ``final``), ``urc`` (may be unsolicited), ``nmea`` (a
        sentence of a GNSS receiver), ``noise`` (not readable), ``text`` (information or echo)
    """

    kind: EventKind
    line: str
    final: FinalResult | None = None


class LineSplitter:
    """The lines of one port's byte stream.

    >>> splitter = LineSplitter()
    >>> splitter.receive_data(b"\\r\\n+CPIN: READY\\r\\n\\r\\nO")
    >>> splitter.next_event().line, splitter.next_event()
    ('+CPIN: READY', None)
    >>> splitter.receive_data(b"K\\r\\n")
    >>> splitter.next_event().final.ok
    True
    """

    def __init__(self) -> None:
        self._input = bytearray()
        self._line = bytearray()
        self.position = 0
        """Number of bytes taken from the input."""

    @property
    def partial(self) -> bool:
        """True if the last line is incomplete."""
        return bool(self._line) or bool(self._input)

    def receive_data(self, data: bytes) -> None:
        """Take bytes from the port.

        Call :meth:`next_event` until it needs data after each call; otherwise unread input
        beyond 64 KiB is dropped.
        """
        if len(self._input) > ANSWER_LIMIT:
            self.position += len(data)
        else:
            self._input += data

    def next_event(self) -> LineEvent | None:
        """Return the event of the next complete line, None if more data is needed."""
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
        return None

    def flush(self) -> LineEvent | None:
        """Return the event of an incomplete line at the deadline, or None."""
        return self._finish()

    def _keep(self, size: int) -> None:
        # A module that wakes up may send any number of NULs before its first line.
        piece = self._input[:size].replace(b"\x00", b"")
        self._line += piece[: LINE_LIMIT - len(self._line)]
        self.position += size
        del self._input[:size]

    def _finish(self) -> LineEvent | None:
        raw = bytes(self._line)
        self._line.clear()
        if not raw:
            return None
        text, noise = clean_line(raw)
        if not text:
            # Only control characters: NULs are ignored, others are noise.
            return LineEvent("noise", "") if noise else None
        if is_noise(text):
            return LineEvent("noise", text)
        if is_nmea(text):
            return LineEvent("nmea", text)
        final = parse_final(text)
        if final is not None:
            return LineEvent("final", text, final)
        return LineEvent("urc" if is_urc(text) else "text", text)
