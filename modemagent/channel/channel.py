"""The asynchronous channel: one port, one command in flight, URCs heard at any time.

Our own ``loop.add_reader`` on a descriptor instead of pyserial-asyncio's transport, because three
rows of the conformance suite can not be met with that (0.6): closing with unsent bytes and a
stuck peer never ends (it drains), opening blocks the loop, and a second open of a held port is
allowed. ``benchmarks/transports.py`` shows it.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import TypeVar

from modemagent.at.dialogue import Dialogue, Urc
from modemagent.at.plan import Outcome, Step
from modemagent.channel.link import Link
from modemagent.channel.record import Trace
from modemagent.channel.turn import Turn
from modemagent.errors import PortVanished, ProtocolError

T = TypeVar("T")
_READ_SIZE = 65536
_URCS_KEPT = 256
_CLOSE_TIMEOUT_S = 1.0


class Channel:
    """An open port on the running event loop; made by :func:`channel.open.open_channel`.

    :ivar port: as the user named it
    :ivar closed: set when the port is gone or was closed
    :ivar lines_sent: command lines written so far
    :ivar bytes_written: bytes written so far
    """

    def __init__(self, link: Link, trace: Trace | None = None) -> None:
        self.port = link.port
        self.closed = asyncio.Event()
        self.lines_sent = 0
        self.bytes_written = 0
        self._link = link
        self._trace = trace
        self._loop = asyncio.get_running_loop()
        self._dialogue = Dialogue()
        self._turn: Turn | None = None
        self._outcome: asyncio.Future[Outcome] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._urcs: deque[str] = deque(maxlen=_URCS_KEPT)
        self._urc_came = asyncio.Event()
        self._is_open = True
        self._loop.add_reader(link.fd, self._readable)

    @property
    def urcs(self) -> AsyncIterator[str]:
        """Unsolicited lines as they come, until the channel closes; the newest 256 are kept."""
        return self._each_urc()

    async def perform(self, step: Step) -> Outcome:
        """Do one step of a plan and return what came of it.

        :raises LineRefused: not on the allow-list, nothing was written
        :raises ProtocolError: another step is in progress
        :raises PortVanished: the port is gone
        """
        if self._turn is not None:
            raise ProtocolError(f"{self.port}: a command is being answered")
        if self.closed.is_set():
            raise self._vanished()
        turn = Turn(step, self._dialogue, self._loop.time(), self._heard_urc)
        self._turn = turn
        self._outcome = self._loop.create_future()
        try:
            self._write(turn.outgoing)
            self._set_timer()
            return await self._outcome
        finally:
            self._abandon()

    async def close(self) -> None:
        """Give the port back. Never waits for the modem, and at most 1 s for the driver."""
        if not self._is_open:
            return
        self._is_open = False
        self._lose()
        try:
            async with asyncio.timeout(_CLOSE_TIMEOUT_S):
                await in_thread(self._link.close)
        except TimeoutError:
            pass  # the thread goes on waiting for the driver; nobody else has to

    # -- bytes

    def _write(self, data: bytes) -> None:
        if not data:
            return
        if self._trace is not None:
            self._trace(">", data)
        try:
            self.bytes_written += os.write(self._link.fd, data)
            self.lines_sent += 1
        except BlockingIOError:
            pass  # a stuck peer: the deadline of the question says so
        except OSError:
            self._lose()

    def _readable(self) -> None:
        try:
            data = os.read(self._link.fd, _READ_SIZE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._lose()
            return
        if self._trace is not None:
            self._trace("<", data)
        if self._turn is None:
            for event in self._dialogue.receive(data):
                if isinstance(event, Urc):
                    self._heard_urc(event.line)
            return
        before = self._turn.due
        outcome = self._turn.receive(data, self._loop.time())
        if outcome is not None:
            self._settle(outcome)
        elif self._turn.due != before:
            self._set_timer()

    # -- turns

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._turn is not None:
            self._timer = self._loop.call_at(self._turn.due, self._time_up)

    def _time_up(self) -> None:
        self._timer = None
        if self._turn is not None and self._outcome is not None and not self._outcome.done():
            self._settle(self._turn.expire(self._loop.time()))

    def _settle(self, outcome: Outcome) -> None:
        self._turn = None
        if self._outcome is not None and not self._outcome.done():
            self._outcome.set_result(outcome)

    def _abandon(self) -> None:
        """End a turn in any way; a cancelled question must not leave its answer to the next."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._turn is not None:
            self._turn = None
            if self._dialogue.in_flight:
                self._dialogue.expire()
        self._outcome = None

    # -- the end

    def _lose(self) -> None:
        if self.closed.is_set():
            return
        self._loop.remove_reader(self._link.fd)
        self.closed.set()
        self._urc_came.set()
        if self._outcome is not None and not self._outcome.done():
            self._outcome.set_exception(self._vanished())

    def _vanished(self) -> PortVanished:
        return PortVanished(
            f"{self.port} vanished while it was in use",
            port=self.port,
            hint="the modem was unplugged, switched off or restarted",
        )

    # -- unsolicited lines

    def _heard_urc(self, line: str) -> None:
        self._urcs.append(line)
        self._urc_came.set()

    async def _each_urc(self) -> AsyncIterator[str]:
        while True:
            while self._urcs:
                yield self._urcs.popleft()
            if self.closed.is_set():
                return
            self._urc_came.clear()
            await self._urc_came.wait()


async def in_thread(call: Callable[[], T]) -> T:
    """Run a blocking call in a thread of its own.

    Not the loop's executor: its threads are joined at exit, where one that hangs in a driver or
    a name server would keep the whole process.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def settle(value: T | None, error: BaseException | None) -> None:
        if future.cancelled():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(value)  # type: ignore[arg-type]  # the call's own value

    def run() -> None:
        value, error = None, None
        try:
            value = call()
        except BaseException as caught:  # noqa: BLE001 - handed to whoever waits
            error = caught
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, value, error)

    threading.Thread(target=run, daemon=True).start()
    return await future
