"""AT session of a client on a port that the daemon has open.

Command lines wait for their turn behind the daemon's and other clients' commands, and pass the same
allow-list. What they change for the session (a logical channel of the SIM, verbose errors) is
restored when the client disconnects. A client cannot use a logical channel of another client.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from typing import Final

from modemagent.at.steps import Command, Plan, Response
from modemagent.channel.channel import AsyncChannel
from modemagent.channel.restore import closing_command
from modemagent.errors import LineRefused, ModemAgentError
from modemagent.watching.events import ModemEvent

_RESTORE_S: Final = 5.0
_MAX_UNSOLICITED: Final = 256


class AtSession:
    """One client at one port, for as long as the port stays open."""

    def __init__(self, channel: AsyncChannel) -> None:
        self.channel = channel
        self._owed: list[str] = []
        self._unsolicited: deque[str] = deque(maxlen=_MAX_UNSOLICITED)
        #: unsolicited lines that were part of the last response
        self._returned: list[str] = []

    def listen(self, event: ModemEvent) -> None:
        """Store an unsolicited line, unless the client got it with a response."""
        if event.name != "port.urc" or event.port != self.channel.port:
            return
        line = str(event.data["line"])
        if line in self._returned:
            self._returned.remove(line)
        else:
            self._unsolicited.append(line)

    def take_unsolicited(self) -> list[str]:
        """Return the unsolicited lines since the last call."""
        lines = list(self._unsolicited)
        self._unsolicited.clear()
        return lines

    async def send(self, line: str, timeout_s: float) -> Response:
        """Send a command line when it is its turn, and return the response.

        If the client disconnects, a line that still waits is discarded. The response to a line that
        was sent is read to its end, because what the line has opened must be closed.

        :raises LineRefused: the line is not in the allow-list, or uses another client's channel
        :raises PortVanished: the port has disappeared
        """
        sent: list[str] = []
        work = asyncio.ensure_future(self.channel.run(self._plan(line, timeout_s, sent)))
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            if not sent:
                work.cancel()
            await asyncio.gather(work, return_exceptions=True)
            raise

    def _plan(self, line: str, timeout_s: float, sent: list[str]) -> Plan[Response]:
        closing = closing_command(line)
        if closing is not None and closing not in self._owed:
            raise LineRefused(
                f"{line!r} was not sent: its logical channel was not opened by this client",
                hint="Open a channel with AT+CCHO; it is closed automatically at the end.",
            )
        before = self.channel.restore_commands
        sent.append(line)
        try:
            response = yield Command(line, timeout_s)
        finally:
            owed = self.channel.restore_commands
            self._owed = [each for each in self._owed if each in owed]
            self._owed = [each for each in owed if each not in before] + self._owed
        assert isinstance(response, Response)  # noqa: S101 - narrowing: the result of a Command
        self._returned = list(response.foreign)
        return response

    async def restore(self) -> None:
        """Restore what this client's lines have changed."""
        if not self._owed:
            return
        with contextlib.suppress(ModemAgentError):
            await self.channel.run(self._restore_plan())

    def _restore_plan(self) -> Plan[None]:
        for line in self._owed:
            if line in self.channel.restore_commands:
                yield Command(line, _RESTORE_S)
