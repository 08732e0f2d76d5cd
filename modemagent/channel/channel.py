"""Asynchronous channel: one open port in an event loop, one step at a time, URCs beside it."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections import deque
from typing import Final, TypeVar, overload

from modemagent.at import DEFAULT_BAUD
from modemagent.at.steps import (
    Command,
    Listen,
    Outcome,
    Plan,
    Received,
    Response,
    Step,
    throw_into_plan,
)
from modemagent.channel.port import Port, port_vanished
from modemagent.channel.port_session import PortSession
from modemagent.channel.restore import FinalRestore
from modemagent.channel.threads import driver_call, run_in_thread
from modemagent.channel.trace import Trace
from modemagent.channel.transport import attach
from modemagent.channel.url import open_port
from modemagent.errors import DeadlinePassed, ModemAgentError, PortVanished, ProtocolError

T = TypeVar("T")

#: Wait for a port to close; a driver that takes longer finishes in its thread.
CLOSE_LIMIT_S: Final = 0.8

URC_LIMIT: Final = 256

#: Maximum number of chunks read before a step: one port must not delay the loop.
_MAX_CHUNKS: Final = 8


async def open_channel(
    url: str, *, baud: int = DEFAULT_BAUD, trace: Trace | None = None
) -> AsyncChannel:
    """Open a port: a device path, ``socket://HOST:PORT`` or ``rfc2217://HOST:PORT``.

    Nothing is written, and bytes waiting at the port stay there to be read.

    :param baud: speed of a UART; without effect on PTYs and on network ports without settings
    :param trace: called with every chunk that is sent or received
    :raises UsageError: unknown scheme, malformed address or unsupported baud rate
    :raises PortNotFound, PortDenied, PortBusy: the port cannot be opened
    """

    def call() -> Port:
        with driver_call(url, "opening"):
            return open_port(url, baud=baud, trace=trace)

    opening = run_in_thread(call, undo=_close_port)
    try:
        port = await opening
    except asyncio.CancelledError:
        # cancelled between the delivery of the port and this line: it would stay open
        if opening.done() and not opening.cancelled() and opening.exception() is None:
            run_in_thread(functools.partial(_close_port, opening.result()))
        raise
    return AsyncChannel(port)


def _close_port(port: Port, restore: FinalRestore | None = None) -> None:
    with driver_call(port.name, "closing"):
        try:
            if restore is not None:
                restore.run(port)
        finally:
            port.close()


class AsyncChannel(asyncio.Protocol):
    """One open port in the running loop; made by :func:`open_channel`.

    :ivar port: the port as the user named it
    :ivar closed: set when the port has disappeared, and when it has been closed
    :ivar urcs: unsolicited lines, received between responses or within one
    :ivar lock: held during several steps that belong together, for example by :meth:`run`
    """

    def __init__(self, port: Port) -> None:
        self.port = port.name
        self.closed = asyncio.Event()
        self.urcs = Urcs()
        self.lock = asyncio.Lock()
        self._port = port
        self._session = PortSession()
        self._waiter: asyncio.Future[Outcome] | None = None
        self._busy = False
        self._timer: asyncio.TimerHandle | None = None
        self._reason = ""
        self._closing: asyncio.Future[None] | None = None
        self._loop = asyncio.get_running_loop()
        self._transport = attach(self, port)

    @property
    def restore_commands(self) -> tuple[str, ...]:
        """Commands that restore what this session has changed, newest change first."""
        return tuple(self._session.restore_list.pending)

    async def run(self, plan: Plan[T], *, deadline: float | None = None) -> T:
        """Run a plan and return its result, without steps of others between its own.

        Plans run in the order of the calls. An error of the port, and the deadline, are thrown
        into the plan, which may return a partial result but cannot run another step.

        :param deadline: in the loop's time; None for none
        :raises PortVanished: the port has disappeared
        :raises DeadlinePassed: the plan did not finish by the deadline
        """
        late = DeadlinePassed(
            f"{self.port} did not finish in time",
            port=self.port,
            hint="Allow more time, or check whether the modem responds at all.",
        )
        try:
            try:
                async with asyncio.timeout_at(deadline):
                    await self.lock.acquire()
            except TimeoutError:
                raise late from None
            try:
                step = next(plan)
                while True:
                    try:
                        async with asyncio.timeout_at(deadline):
                            outcome = await self.perform(step)
                    except TimeoutError:
                        return throw_into_plan(plan, late)
                    except ModemAgentError as error:
                        return throw_into_plan(plan, error)
                    step = plan.send(outcome)
            except StopIteration as done:
                result: T = done.value
                return result
            finally:
                self.lock.release()
        finally:
            plan.close()

    @overload
    async def perform(self, step: Command) -> Response: ...
    @overload
    async def perform(self, step: Listen) -> Received: ...
    @overload
    async def perform(self, step: Step) -> Outcome: ...
    async def perform(self, step: Step) -> Outcome:
        """Perform one step and return its outcome.

        :raises LineRefused: the line is not on the allow-list; nothing was written
        :raises PortVanished: the port has disappeared, or was closed meanwhile
        :raises ProtocolError: another step is in progress
        """
        if self._busy:
            raise ProtocolError(f"one step at a time on {self.port}")
        if (query := self._session.query_before(step)) is not None:
            await self.perform(query)
        self._busy = True
        try:
            if not self.closed.is_set():
                self._catch_up(step)
            if self.closed.is_set():
                raise port_vanished(self.port, self._reason)
            data = self._session.start(step, self._loop.time())
            if self._session.outcome is not None:
                return self._session.outcome
            self._waiter = self._loop.create_future()
            if data:
                self._transport.write(data)
            self._set_timer()
            return await self._waiter
        finally:
            self._busy = False
            self._waiter = None
            self._session.cancel()
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            # unsent bytes belong to a command that was abandoned
            if self._transport.get_write_buffer_size():
                self._transport.flush()

    async def close(self) -> None:
        """Discard unsent bytes, restore the settings, unlock and close; within a second.

        If the driver takes longer, its thread finishes the work.
        """
        done = self._shut("closed by this program")
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(done), CLOSE_LIMIT_S)

    # -- called by the transport

    def data_received(self, data: bytes) -> None:
        """Take bytes from the port."""
        self._session.receive(data, self._loop.time())
        for line in self._session.urcs:
            self.urcs.put(line)
        self._session.urcs.clear()
        self._deliver_outcome()

    def connection_lost(self, error: Exception | None) -> None:
        """Close the rest of a port that has disappeared."""
        self._shut(str(error.__cause__ or "") if error is not None else "", vanished=True)

    # -- private

    def _shut(self, reason: str, *, vanished: bool = False) -> asyncio.Future[None]:
        """Stop serving the port and start closing it; idempotent."""
        if self._closing is None:
            self._reason = reason
            self.closed.set()
            self.urcs.end()
            if not self._transport.is_closing():
                self._transport.abort()
            restore = None if vanished else self._session.detach()
            self._closing = run_in_thread(functools.partial(_close_port, self._port, restore))
            # an error of a close that is not awaited has no receiver
            self._closing.add_done_callback(lambda future: future.cancelled() or future.exception())
            if self._waiter is not None and not self._waiter.done():
                self._waiter.set_exception(port_vanished(self.port, reason))
        return self._closing

    def _catch_up(self, step: Step) -> None:
        """Read bytes received before the step: no response has them, and Listen wants them."""
        try:
            for _ in range(1 if isinstance(step, Command) else _MAX_CHUNKS):
                data = self._port.read()
                if not data:
                    return
                self.data_received(data)
        except PortVanished as error:
            self.connection_lost(error)

    def _on_timer(self) -> None:
        self._timer = None
        self._session.on_timer(self._loop.time())
        self._deliver_outcome()

    def _deliver_outcome(self) -> None:
        waiter = self._waiter
        if waiter is None or waiter.done():
            return
        if self._session.outcome is not None:
            waiter.set_result(self._session.outcome)
        else:
            self._set_timer()

    def _set_timer(self) -> None:
        due = self._session.due
        if self._timer is not None:
            if self._timer.when() == due:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(due, self._on_timer)


class Urcs:
    """The unsolicited lines of one port, oldest first: ``async for line in channel.urcs``.

    Bounded: if they are not consumed, the oldest are discarded. Iteration ends when the port is
    closed and all lines have been consumed.
    """

    def __init__(self, *, limit: int = URC_LIMIT) -> None:
        self._lines: deque[str] = deque(maxlen=limit)
        self._changed = asyncio.Event()
        self._ended = False

    def put(self, line: str) -> None:
        """Add a line."""
        if not self._ended:
            self._lines.append(line)
            self._changed.set()

    def end(self) -> None:
        """End the iteration after the lines received so far."""
        self._ended = True
        self._changed.set()

    def __aiter__(self) -> Urcs:
        return self

    async def __anext__(self) -> str:
        while not self._lines:
            if self._ended:
                raise StopAsyncIteration
            self._changed.clear()
            await self._changed.wait()
        return self._lines.popleft()
