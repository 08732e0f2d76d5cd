"""The AT connection of one port: one pending command and its response.

The connection has neither I/O nor a clock: the owner of the port writes what
:meth:`AtConnection.send` returns, passes on what it reads, and calls :meth:`AtConnection.expire`
at the deadline.

The connection detects whether the port echoes. If it does, a final result before the command's
echo does not end the response but is *held* (:mod:`modemagent.at.attribution`). If no echo
follows, echo has been disabled by someone else. The response is then released at the deadline, or
after :data:`GRACE_S` of silence by an owner that checks :attr:`AtConnection.awaiting_echo`, and
the port counts as one without echo, so that the next command does not wait. A port that echoes
only sometimes is trusted twice. After ``ATE0`` no echo is expected.
"""

from __future__ import annotations

from collections import deque
from typing import Final as Constant

from modemagent.at.attribution import Attribution
from modemagent.at.commands import setting_value
from modemagent.at.line_splitter import ANSWER_LIMIT, LineEvent, LineSplitter
from modemagent.at.steps import FinalResult, Received, Response
from modemagent.errors import ProtocolError

GRACE_S: Constant = 0.5
"""Silence after which a held final result is accepted: an echo is never that late."""

#: Commands without a response that are kept, to recognize their late responses.
_MOST_LATE = 8
#: Held results without an echo after which the port's echo is no longer trusted.
_MISLED_LIMIT = 2


class AtConnection:
    """The AT connection of one port.

    >>> connection = AtConnection()
    >>> connection.send("AT+CPIN?")
    b'AT+CPIN?\\r'
    >>> connection.receive_data(b"AT+CPIN?\\r\\r\\n+CPIN: READY\\r\\n")
    []
    >>> [response] = connection.receive_data(b"\\r\\nOK\\r\\n")
    >>> response.lines, response.ok, response.echoed
    (('+CPIN: READY',), True, True)
    >>> connection.receive_data(b"\\r\\n+CMTI: 1\\r\\n")
    [LineEvent(kind='urc', line='+CMTI: 1', final=None)]
    """

    def __init__(self) -> None:
        self._splitter = LineSplitter()
        self._line = ""
        self._flight: Attribution | None = None
        self._raw = bytearray()
        self._unsolicited: deque[str] = deque()
        self._unsolicited_raw = bytearray()
        self._unsolicited_size = 0
        self._late: list[str] = []
        self._numeric = False
        self._feed_due = False
        self._misled = 0
        self.echoes = False
        """The port echoes commands, as far as is known."""

    @property
    def in_flight(self) -> bool:
        """True from :meth:`send` until the response is complete or expired."""
        return self._flight is not None

    @property
    def awaiting_echo(self) -> bool:
        """True if a final result is held: :meth:`expire` may be called early."""
        return self._flight is not None and self._flight.holds

    def send(self, line: str) -> bytes:
        """Start a command; return the bytes to write.

        :raises ProtocolError: a command is pending, or the line is not a single line of ASCII
        """
        if self._flight is not None:
            raise ProtocolError(f"{self._line} is still pending")
        if not line.strip() or not line.isascii() or not line.isprintable():
            raise ProtocolError("a command line must be one line of printable ASCII")
        self._line = line
        self._raw.clear()
        setting = setting_value(line, "V")
        if setting is not None:
            self._numeric = not setting
        self._flight = Attribution(
            line,
            echoes=self.echoes and self._misled < _MISLED_LIMIT,
            late=self._late,
            numeric=self._numeric,
            begun=self._splitter.partial,
        )
        return line.encode("ascii") + b"\r"

    def receive_data(self, data: bytes) -> list[Response | LineEvent]:
        """Take bytes from the port; return what they complete, in order.

        A line received while no command is pending is returned as the line splitter classified it.
        """
        out: list[Response | LineEvent] = []
        if self._feed_due and data:
            # The line feed of a final result whose carriage return has ended the response.
            self._feed_due = False
            if data[:1] == b"\n":
                data = data[1:]
        start = self._splitter.position
        taken = 0
        self._splitter.receive_data(data)
        while (event := self._splitter.next_event()) is not None:
            if self._flight is None:
                self._keep_unsolicited(event)
                out.append(event)
                continue
            final = self._flight.take(event)
            if final is not None:
                end = self._splitter.position - start
                if data[end - 1 : end] == b"\r":
                    if data[end : end + 1] == b"\n":
                        end += 1
                    elif end == len(data):
                        self._feed_due = True
                self._record(data[taken:end])
                taken = end
                out.append(self._close(self._flight, final))
        self._record(data[taken:])
        return out

    def expire(self) -> Response:
        """End the response at the deadline.

        ``final`` is None unless a final result was held or received without its line end. Any
        other incomplete line is foreign: half a number must not be taken for a whole one.

        :raises ProtocolError: no command is pending
        """
        flight = self._flight
        if flight is None:
            raise ProtocolError("no command is pending")
        event = self._splitter.flush()
        if event is not None:
            final = flight.take_unfinished(event)
            if final is not None:
                return self._close(flight, final)
        held = flight.holds
        final = flight.release()
        if final is None:
            self._late.append(flight.command)
            del self._late[:-_MOST_LATE]
        response = self._close(flight, final)
        if held:
            self.echoes = False
            self._misled += final is not None
        return response

    def take_unsolicited(self) -> Received:
        """Return what was received while no command was pending, since the last call.

        Only the newest 64 KiB are kept.
        """
        received = Received(tuple(self._unsolicited), bytes(self._unsolicited_raw))
        self._unsolicited.clear()
        self._unsolicited_raw.clear()
        self._unsolicited_size = 0
        return received

    def _close(self, flight: Attribution, final: FinalResult | None) -> Response:
        self._flight = None
        self.echoes = flight.echoed or flight.echoes
        if final is not None:
            self._late.clear()
            if final.ok:
                # E0 takes effect after the echo of this command.
                if setting_value(flight.command, "E") is False:
                    self.echoes = False
                verbose = setting_value(flight.command, "V")
                self._numeric = final.text != "OK" if verbose is None else not verbose
        return Response(
            line=self._line,
            lines=flight.lines,
            final=final,
            echoed=flight.echoed,
            foreign=flight.foreign,
            raw=bytes(self._raw),
        )

    def _record(self, data: bytes) -> None:
        if self._flight is not None:
            self._raw += data[: ANSWER_LIMIT - len(self._raw)]
            return
        self._unsolicited_raw += data[-ANSWER_LIMIT:]
        del self._unsolicited_raw[: max(0, len(self._unsolicited_raw) - ANSWER_LIMIT)]

    def _keep_unsolicited(self, event: LineEvent) -> None:
        self._unsolicited.append(event.line)
        self._unsolicited_size += len(event.line) + 8
        while self._unsolicited_size > ANSWER_LIMIT:
            self._unsolicited_size -= len(self._unsolicited.popleft()) + 8
        if event.kind == "final":
            # The late response to the oldest command without one.
            del self._late[:1]
