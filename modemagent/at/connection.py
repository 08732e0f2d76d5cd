"""One command in flight on one port: what is written, and what came back for it.

Sans-I/O: the owner of the port writes what :meth:`AtConnection.send` returns, hands over what it
reads, and calls :meth:`AtConnection.expire` at the deadline. There is no clock here.

The dialogue learns whether the port echoes. Once it does, a final result in front of our own echo
does not close our answer: it is *held* (:mod:`modemagent.at.attribution`). When our echo does not
follow either, echo has been switched off behind our back; the answer is released at the deadline,
or after :data:`GRACE_S` of silence by an owner that looks at
:attr:`AtConnection.awaiting_echo`, and the
dialogue unlearns echo, so that the next command does not pay for it; a port that echoes now and
then is believed twice and no more. Our own ``ATE0`` is known to end echo.
"""

from __future__ import annotations

from collections import deque
from typing import Final as Constant
from typing import Literal

from modemagent.at.attribution import Attribution
from modemagent.at.codec import ANSWER_LIMIT, Codec, LineEvent, NeedData
from modemagent.at.commands import setting_value
from modemagent.at.steps import FinalResult, Received, Response
from modemagent.errors import ProtocolError

GRACE_S: Constant = 0.5
"""Silence after which a held final result is taken for ours: an echo never comes that late."""

_REMEMBERED = 8
_MISLED_ENOUGH = 2

StrayKind = Literal["text", "final", "nmea", "noise"]


class Urc:
    """A known unsolicited result code that came while nothing was asked."""

    __slots__ = ("line",)

    def __init__(self, line: str) -> None:
        self.line = line

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Urc) and other.line == self.line

    def __hash__(self) -> int:
        return hash(self.line)

    def __repr__(self) -> str:
        return f"Urc({self.line!r})"


class UnexpectedLine:
    """Any other line that came while nothing was asked: late answers, sentences, noise."""

    __slots__ = ("kind", "line")

    def __init__(self, line: str, kind: StrayKind = "text") -> None:
        self.line = line
        self.kind = kind

    def __eq__(self, other: object) -> bool:
        return isinstance(other, UnexpectedLine) and (other.line, other.kind) == (
            self.line,
            self.kind,
        )

    def __hash__(self) -> int:
        return hash(self.line)

    def __repr__(self) -> str:
        return f"Stray({self.line!r}, {self.kind!r})"


class AtConnection:
    """The AT dialogue of one port.

    >>> dialogue = AtConnection()
    >>> dialogue.send("AT+CPIN?")
    b'AT+CPIN?\\r'
    >>> dialogue.receive_data(b"AT+CPIN?\\r\\r\\n+CPIN: READY\\r\\n")
    []
    >>> [answer] = dialogue.receive_data(b"\\r\\nOK\\r\\n")
    >>> answer.lines, answer.ok, answer.echoed
    (('+CPIN: READY',), True, True)
    >>> dialogue.receive_data(b"\\r\\n+CMTI: 1\\r\\n")
    [Urc('+CMTI: 1')]
    """

    def __init__(self) -> None:
        self._codec = Codec()
        self._line = ""
        self._flight: Attribution | None = None
        self._raw = bytearray()
        self._heard: deque[str] = deque()
        self._heard_raw = bytearray()
        self._heard_size = 0
        self._late: list[str] = []
        self._numeric = False
        self._feed_due = False
        self._dropped = 0
        self._misled = 0
        self.echoes = False
        """The port echoes what is sent, as far as is known."""

    @property
    def in_flight(self) -> bool:
        """True from :meth:`send` until the answer is closed or expired."""
        return self._flight is not None

    @property
    def awaiting_echo(self) -> bool:
        """A final result is there but our echo is not: ``expire()`` may come early now."""
        return self._flight is not None and self._flight.holds

    @property
    def dropped(self) -> int:
        """Bytes thrown away so far because a line or an answer was too long."""
        return self._codec.dropped + self._dropped

    @property
    def noise(self) -> int:
        """Bytes received so far that can not be text."""
        return self._codec.noise

    def send(self, line: str) -> bytes:
        """Start a command; return the bytes to write.

        :raises ProtocolError: a command is in flight, or the line is no single ASCII line
        """
        if self._flight is not None:
            raise ProtocolError(f"{self._line} is still being answered")
        if not line.strip() or not line.isascii() or not line.isprintable():
            raise ProtocolError("a command line is one line of printable ASCII")
        self._line = line
        self._raw.clear()
        setting = setting_value(line, "V")
        if setting is not None:
            self._numeric = not setting
        self._flight = Attribution(
            line,
            echoes=self.echoes and self._misled < _MISLED_ENOUGH,
            late=self._late,
            numeric=self._numeric,
            begun=self._codec.partial,
        )
        return line.encode("ascii") + b"\r"

    def receive_data(self, data: bytes) -> list[Response | Urc | UnexpectedLine]:
        """Take bytes from the port; return what they completed, in order."""
        out: list[Response | Urc | UnexpectedLine] = []
        if self._feed_due and data:
            # the line feed of a final result whose carriage return has closed the answer
            self._feed_due = False
            if data[:1] == b"\n":
                data = data[1:]
        start = self._codec.position
        taken = 0
        self._codec.receive_data(data)
        while not isinstance(event := self._codec.next_event(), NeedData):
            if self._flight is None:
                out.append(self._stray(event))
                continue
            final = self._flight.take(event)
            if final is not None:
                end = self._codec.position - start
                if data[end - 1 : end] == b"\r":
                    if data[end : end + 1] == b"\n":
                        end += 1
                    elif end == len(data):
                        self._feed_due = True
                self._record(data[taken:end])
                taken = end
                out.append(self._close(final))
        self._record(data[taken:])
        return out

    def expire(self) -> Response:
        """Time is up: close the answer with what came.

        ``final`` is None unless one came without its line end, or was held. Any other line
        without its end is foreign: half a number must not be taken for a whole one.

        :raises ProtocolError: nothing is in flight
        """
        flight = self._flight
        if flight is None:
            raise ProtocolError("nothing is in flight")
        event = self._codec.flush()
        if not isinstance(event, NeedData):
            final = flight.take_unfinished(event)
            if final is not None:
                return self._close(final)
        held = flight.holds
        final = flight.release()
        if final is None:
            self._late.append(flight.command)
            del self._late[:-_REMEMBERED]
        answer = self._close(final)
        if held:
            self.echoes = False
            self._misled += final is not None
        return answer

    def take_unsolicited(self) -> Received:
        """Return and forget what came since the last call while nothing was in flight.

        Of more than 64 KiB the newest are kept.
        """
        heard = Received(tuple(self._heard), bytes(self._heard_raw))
        self._heard.clear()
        self._heard_raw.clear()
        self._heard_size = 0
        return heard

    def _close(self, final: FinalResult | None) -> Response:
        flight = self._flight
        if flight is None:
            raise ProtocolError("nothing is in flight")
        self._flight = None
        self.echoes = flight.echoed or flight.echoes
        if final is not None:
            self._late.clear()
            if final.ok:
                # E0 is in force from the next command on, whatever the echo of this one
                echo = setting_value(flight.command, "E")
                if echo is False:
                    self.echoes = False
                self._learn_format(flight, final)
        self._dropped += flight.dropped
        return Response(
            line=self._line,
            lines=flight.lines,
            final=final,
            echoed=flight.echoed,
            foreign=flight.foreign,
            raw=bytes(self._raw),
        )

    def _learn_format(self, flight: Attribution, final: FinalResult) -> None:
        setting = setting_value(flight.command, "V")
        self._numeric = final.text != "OK" if setting is None else not setting

    def _record(self, data: bytes) -> None:
        if self._flight is not None:
            self._raw += data[: ANSWER_LIMIT - len(self._raw)]
            return
        self._heard_raw += data[-ANSWER_LIMIT:]
        del self._heard_raw[: max(0, len(self._heard_raw) - ANSWER_LIMIT)]

    def _stray(self, event: LineEvent) -> Urc | UnexpectedLine:
        line = event.line
        self._heard.append(line)
        self._heard_size += len(line) + 8
        while self._heard_size > ANSWER_LIMIT:
            self._heard_size -= len(self._heard.popleft()) + 8
        kind = event.kind
        if kind == "urc":
            return Urc(line)
        if kind == "final" and self._late:
            # a late answer has come after all; nothing is owed for it any more
            self._late.pop(0)
        return UnexpectedLine(line, kind)
