"""What is left to do at a port before it is closed.

A modem drops a line that comes while it is still answering the last one, and the late OK of that
one would pass for the answer to this. So what is in flight is heard to its end first, and then
what is owed is written. All that is needed for it leaves the exchange when closing begins, for
the port is closed in another thread than the one that served it.
"""

from __future__ import annotations

import select
from collections.abc import Iterator
from math import ceil
from time import monotonic
from typing import TYPE_CHECKING, Final

from modemagent.at.connection import AtConnection, UnexpectedLine
from modemagent.at.steps import Response
from modemagent.errors import PortVanished

if TYPE_CHECKING:
    from modemagent.channel.port import Port
    from modemagent.channel.undo import RestoreList

_LATE_S: Final = 0.5
"""For the answer that is on its way. With one line it fits into the time that closing may take."""
_WAIT_S: Final = 0.25
"""For the answer to each line."""


class FinalRestore:
    """The last words of a session.

    :param undo: what is owed
    :param dialogue: with its answer as far as it has come
    :param unanswered: commands given up whose final result is still to come
    """

    def __init__(self, undo: RestoreList, dialogue: AtConnection, *, unanswered: int) -> None:
        self._undo = undo
        self._dialogue = dialogue
        self._unanswered = unanswered

    def run(self, port: Port) -> None:
        """Hear what is in flight to its end and put back what is owed; blocks, a second or so."""
        try:
            for data in _chunks(port, _LATE_S) if self._expects_more else ():
                self._hear(data)
                if not self._expects_more:
                    break
            if self._dialogue.in_flight:
                self._undo.answered(self._dialogue.expire())
            for line in self._undo.pending:
                _put_back(port, line)
        except PortVanished:
            pass  # with the port went the session

    @property
    def _expects_more(self) -> bool:
        if self._dialogue.in_flight:
            return not self._dialogue.awaiting_echo
        return self._unanswered > 0

    def _hear(self, data: bytes) -> None:
        self._undo.heard(data)
        for event in self._dialogue.receive_data(data):
            if isinstance(event, Response):
                self._undo.answered(event)
                self._unanswered = 0
            elif isinstance(event, UnexpectedLine) and event.kind == "final":
                self._unanswered -= 1


def _put_back(port: Port, line: str) -> None:
    port.write(line.encode("ascii") + b"\r")
    heard = b""
    for data in _chunks(port, _WAIT_S):
        heard += data
        if b"OK\r" in heard or b"ERROR" in heard or b"\r0\r" in heard or heard[-2:] == b"0\r":
            return


def _chunks(port: Port, limit_s: float) -> Iterator[bytes]:
    """Yield what comes until the time is over."""
    poll = select.poll()
    poll.register(port.fileno(), select.POLLIN)
    until = monotonic() + limit_s
    while (left_s := until - monotonic()) > 0:
        if poll.poll(ceil(left_s * 1000)):
            yield port.read()
