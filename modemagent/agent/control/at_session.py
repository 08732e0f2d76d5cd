"""A client's own AT lines on a port the daemon holds.

Its lines wait their turn behind what the daemon is doing there and behind other clients, and pass
the same list of lines that only read. What they change for the session (a logical channel of the
card, verbose errors) is put back when the client goes, however it goes, and nobody speaks on a
logical channel that somebody else has opened.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from typing import TYPE_CHECKING, Final

from modemagent.at.steps import Command, Plan, Response
from modemagent.channel.drive import run
from modemagent.channel.undo import closing_command
from modemagent.errors import LineRefused, ModemAgentError

if TYPE_CHECKING:
    from modemagent.channel.channel import AsyncChannel
    from modemagent.watching.events import ModemEvent

_PUT_BACK_S: Final = 5.0
_HEARD: Final = 256


class AtSession:
    """One client at one port, for as long as the port stays open."""

    def __init__(self, channel: AsyncChannel) -> None:
        self.channel = channel
        self._owes: list[str] = []
        self._heard: deque[str] = deque(maxlen=_HEARD)
        self._told: list[str] = []

    def listen(self, event: ModemEvent) -> None:
        """Take note of what the modem says unasked, unless it was told with an answer."""
        if event.name != "port.urc" or event.port != self.channel.port:
            return
        line = str(event.data["line"])
        if line in self._told:
            self._told.remove(line)
        else:
            self._heard.append(line)

    def heard(self) -> list[str]:
        """Return what was said unasked since this was last asked for."""
        lines = list(self._heard)
        self._heard.clear()
        return lines

    async def ask(self, line: str, timeout_s: float) -> Response:
        """Send a line when it is its turn and return the answer.

        A client that goes while its line waits is forgotten; a line that was sent is heard to its
        end, for what it opened must be known to be closed.

        :raises LineRefused: the line is not on the list, or speaks to another one's channel
        :raises PortVanished: the port has gone
        """
        begun: list[str] = []
        work = asyncio.ensure_future(run(self._asking(line, timeout_s, begun), self.channel))
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            if not begun:
                work.cancel()
            await asyncio.gather(work, return_exceptions=True)
            raise

    def _asking(self, line: str, timeout_s: float, begun: list[str]) -> Plan[Response]:
        closing = closing_command(line)
        if closing is not None and closing not in self._owes:
            raise LineRefused(
                f"{line!r} was not sent: it speaks to a logical channel that was not opened here",
                hint="Open one with AT+CCHO; it is closed by itself at the end.",
            )
        before = self.channel.owed
        begun.append(line)
        try:
            answer = yield Command(line, timeout_s)
        finally:
            owed = self.channel.owed
            self._owes = [each for each in self._owes if each in owed]
            self._owes = [each for each in owed if each not in before] + self._owes
        assert isinstance(answer, Response)  # noqa: S101 - narrowing: a driver answers an Ask so
        self._told = list(answer.foreign)
        return answer

    async def leave(self) -> None:
        """Put back what this client's lines have changed."""
        if not self._owes:
            return
        with contextlib.suppress(ModemAgentError):
            await run(self._putting_back(), self.channel)

    def _putting_back(self) -> Plan[None]:
        for line in self._owes:
            if line in self.channel.owed:
                yield Command(line, _PUT_BACK_S)
