"""The asyncio door: one open port, one step at a time, unsolicited lines beside it."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from typing import TYPE_CHECKING, Final, overload

from modemagent.at.steps import Command, Listen, Outcome, Received, Response, Step
from modemagent.channel.aside import run_in_thread
from modemagent.channel.pending import driver_call
from modemagent.channel.port import Port, port_vanished
from modemagent.channel.session import PortSession
from modemagent.channel.transport import attach
from modemagent.channel.urcs import Urcs
from modemagent.errors import PortVanished, ProtocolError

if TYPE_CHECKING:
    from modemagent.channel.farewell import FinalRestore

CLOSE_LIMIT_S: Final = 0.8
"""Closing is waited for so long; a driver that takes longer is left to its thread."""

_DRAIN: Final = 8
"""Chunks read before a step at most: one port must not hold up the loop."""


class AsyncChannel:
    """One open port in a running loop; made by :func:`modemagent.channel.open.open_channel`.

    :ivar port: the port as the user named it
    :ivar closed: set when the port has gone, and when it has been closed
    :ivar urcs: unsolicited lines, whether they came alone or amid an answer
    :ivar turn: held by whoever takes several steps that belong together, as :func:`run` does
    """

    def __init__(self, port: Port) -> None:
        self.port = port.name
        self.closed = asyncio.Event()
        self.urcs = Urcs()
        self.lock = asyncio.Lock()
        self._port = port
        self._exchange = PortSession()
        self._waiter: asyncio.Future[Outcome] | None = None
        self._busy = False
        self._timer: asyncio.TimerHandle | None = None
        self._why = ""
        self._closing: asyncio.Future[None] | None = None
        self._loop = asyncio.get_running_loop()
        self._transport = attach(_Link(self), port)

    @property
    def bytes_written(self) -> int:
        """Bytes the kernel has taken for this port so far."""
        return self._port.bytes_written

    @property
    def owed(self) -> tuple[str, ...]:
        """Lines that put back what was changed in this session, the newest change first."""
        return tuple(self._exchange.undo.pending)

    @property
    def lines_sent(self) -> int:
        """Command lines sent so far."""
        return self._exchange.lines_sent

    @overload
    async def perform(self, step: Command) -> Response: ...
    @overload
    async def perform(self, step: Listen) -> Received: ...
    @overload
    async def perform(self, step: Step) -> Outcome: ...
    async def perform(self, step: Step) -> Outcome:
        """Do one step and return what it came to.

        :raises LineRefused: the line is not on the allow-list; nothing was written
        :raises PortVanished: the port has gone, or was closed meanwhile
        :raises ProtocolError: another step is going on
        """
        if self._busy:
            raise ProtocolError(f"one step at a time on {self.port}")
        if (first := self._exchange.question_before(step)) is not None:
            await self.perform(first)
        self._busy = True
        try:
            if not self.closed.is_set():
                self._catch_up(step)
            if self.closed.is_set():
                raise port_vanished(self.port, self._why)
            data = self._exchange.start(step, self._loop.time())
            if self._exchange.outcome is not None:
                return self._exchange.outcome
            self._waiter = self._loop.create_future()
            if data:
                self._transport.write(data)
            self._set_timer()
            return await self._waiter
        finally:
            self._busy = False
            self._waiter = None
            self._exchange.cancel()
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            # what is unsent belongs to a command that nobody waits for any more
            if self._transport.get_write_buffer_size():
                self._transport.flush()

    async def close(self) -> None:
        """Throw away what is unsent, put the settings back, unlock and close; within 1 s.

        A driver that takes longer is left to its thread, which ends the work.
        """
        done = self._shut("closed here")
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(done), CLOSE_LIMIT_S)

    # -- what the loop tells

    def received(self, data: bytes) -> None:
        """Take bytes from the port."""
        self._exchange.receive(data, self._loop.time())
        if self._exchange.urcs:
            for line in self._exchange.urcs:
                self.urcs.put(line)
            self._exchange.urcs.clear()
        self._see()

    def lost(self, error: BaseException | None) -> None:
        """The port has gone: close what is left of it."""
        self._shut(str(error.__cause__ or "") if error is not None else "", gone=True)

    # -- inside

    def _shut(self, why: str, *, gone: bool = False) -> asyncio.Future[None]:
        """Stop serving the port and begin to close it; again: nothing more."""
        if self._closing is None:
            self._why = why
            self.closed.set()
            self.urcs.end()
            if not self._transport.is_closing():
                self._transport.abort()
            farewell = None if gone else self._exchange.detach()
            self._closing = run_in_thread(functools.partial(self._say_and_close, farewell))
            # an error in closing a port that nobody waits for is of no interest
            self._closing.add_done_callback(lambda future: future.cancelled() or future.exception())
            if self._waiter is not None and not self._waiter.done():
                self._waiter.set_exception(port_vanished(self.port, why))
        return self._closing

    def _say_and_close(self, farewell: FinalRestore | None) -> None:
        with driver_call(self.port, "closing"):
            try:
                if farewell is not None:
                    farewell.run(self._port)
            finally:
                self._port.close()

    def _catch_up(self, step: Step) -> None:
        """Take what came before the step: it belongs to no answer, and is what Listen wants."""
        try:
            for _ in range(1 if isinstance(step, Command) else _DRAIN):
                data = self._port.read()
                if not data:
                    return
                self.received(data)
        except PortVanished as error:
            self.lost(error)

    def _on_timer(self) -> None:
        self._timer = None
        self._exchange.on_timer(self._loop.time())
        self._see()

    def _see(self) -> None:
        """Hand over what the step has come to, or wait on."""
        waiter = self._waiter
        if waiter is None or waiter.done():
            return
        if self._exchange.outcome is not None:
            waiter.set_result(self._exchange.outcome)
        else:
            self._set_timer()

    def _set_timer(self) -> None:
        due = self._exchange.due
        if self._timer is not None:
            if self._timer.when() == due:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(due, self._on_timer)


class _Link(asyncio.Protocol):
    """What the transport calls."""

    def __init__(self, channel: AsyncChannel) -> None:
        self._channel = channel

    def data_received(self, data: bytes) -> None:
        self._channel.received(data)

    def connection_lost(self, error: Exception | None) -> None:
        self._channel.lost(error)
