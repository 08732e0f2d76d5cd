"""Blocking runner: plans on many ports side by side in one thread, for one-shot commands.

Start-up time matters here, so asyncio is never imported, and pyserial only for network ports. Each
network port connects in its own thread, because a name lookup has no deadline.
"""

from __future__ import annotations

import contextlib
import os
import select
import threading
import time
from collections.abc import Callable, Mapping
from math import ceil, inf
from typing import Final, Generic, TypeVar

from modemagent.at import DEFAULT_BAUD
from modemagent.at.steps import Command, Outcome, Plan, Step, throw_into_plan
from modemagent.channel.port import Port
from modemagent.channel.port_session import PortSession, internal_error
from modemagent.channel.trace import Trace
from modemagent.channel.url import is_remote, open_port
from modemagent.errors import DeadlinePassed, ModemAgentError, PortVanished

T = TypeVar("T")

#: Maximum number of chunks read before a step: a flooded port must not delay the others.
_MAX_CHUNKS: Final = 32

_now = time.monotonic


def run_plans(
    plans: Mapping[str, Plan[T]],
    *,
    timeout_s: float,
    baud: int = DEFAULT_BAUD,
    speeds: Mapping[str, int] | None = None,
    trace: Trace | None = None,
) -> dict[str, T | ModemAgentError]:
    """Run a plan on each port and return the result or error of each, in the order given.

    No port affects another. At the timeout :class:`DeadlinePassed` is thrown into the unfinished
    plans, so that they can return a partial result; so is :class:`PortVanished` if a port
    disappears.

    :param plans: port, as the user named it, to its plan
    :param timeout_s: seconds for the whole call
    :param baud: speed of a UART
    :param speeds: port to its speed, if it differs from ``baud``
    """
    deadline = _now() + timeout_s
    poller: _Poller[T] = _Poller()
    runs = [_PortRun(name, plan, poller) for name, plan in plans.items()]
    try:
        for run in runs:
            speed = (speeds or {}).get(run.name, baud)
            run.guard(run.open, speed, deadline - _now(), trace)
            poller.serve(0.0)  # the ports opened before already receive responses
        while poller.runs and (left_s := deadline - _now()) > 0:
            try:
                poller.serve(left_s)
            except KeyboardInterrupt:
                if not any(run.interrupt() for run in runs):
                    raise
        for run in runs:
            run.expire(timeout_s)
        return {run.name: run.outcome for run in runs}
    finally:
        for run in runs:
            run.close()


class _Poller(Generic[T]):
    """The runs that wait for their descriptor or for a timer."""

    def __init__(self) -> None:
        self.runs: dict[int, _PortRun[T]] = {}
        self._poll = select.poll()
        self._soonest = inf

    def add(self, run: _PortRun[T], descriptor: int) -> None:
        self.runs[descriptor] = run
        self._poll.register(descriptor, select.POLLIN)

    def remove(self, descriptor: int) -> None:
        if self.runs.pop(descriptor, None) is not None:
            self._poll.unregister(descriptor)

    def watch_output(self, descriptor: int, wanted: bool) -> None:
        self._poll.modify(descriptor, select.POLLIN | (select.POLLOUT if wanted else 0))

    def wake_at(self, due: float) -> None:
        """Wake at this time at the latest; waking too early is harmless."""
        self._soonest = min(self._soonest, due)

    def serve(self, limit_s: float) -> None:
        """Wait for events up to ``limit_s`` and handle them."""
        wait_s = min(limit_s, max(0.0, self._soonest - _now()))
        for descriptor, events in self._poll.poll(ceil(wait_s * 1000)):
            run = self.runs.get(descriptor)
            if run is not None:
                run.guard(run.on_event, events)
        if _now() >= self._soonest:
            self._soonest = inf
            for run in list(self.runs.values()):
                run.guard(run.on_timer)
                self._soonest = min(self._soonest, run.due)


class _PortRun(Generic[T]):
    """One port and its plan.

    :ivar outcome: result or error of the plan, once it is done
    """

    def __init__(self, name: str, plan: Plan[T], poller: _Poller[T]) -> None:
        self.name = name
        self.outcome: T | ModemAgentError
        self.is_done = False
        self._plan = plan
        self._poller = poller
        self._session = PortSession()
        self._opening: ThreadedOpen | None = None
        self._port: Port | None = None
        self._unsent = b""
        self._next: Step | None = None
        self._vanished = False

    @property
    def due(self) -> float:
        return self._session.due

    def guard(self, call: Callable[..., None], *arguments: object) -> None:
        """Call a method of this run; an error ends this run and no other."""
        try:
            call(*arguments)
        except ModemAgentError as error:
            self._fail(error)
        except BrokenPipeError:  # our own stdout was closed: end the whole call
            raise
        except Exception as error:  # noqa: BLE001 - an error on one port must not affect the others
            self._fail(internal_error(error))

    def open(self, baud: int, timeout_s: float, trace: Trace | None) -> None:
        """Open the port, or start opening it, and start the plan."""
        if is_remote(self.name):
            limit_s = max(0.1, timeout_s)
            self._opening = ThreadedOpen(
                lambda: open_port(self.name, baud=baud, timeout_s=limit_s, trace=trace)
            )
            self._poller.add(self, self._opening.fileno())
        else:
            self._start(open_port(self.name, baud=baud, trace=trace))

    def on_event(self, events: int) -> None:
        """Handle events of the descriptor."""
        if self._opening is not None:
            opening, self._opening = self._opening, None
            self._poller.remove(opening.fileno())
            self._start(opening.result())
            return
        port = self._port
        if port is not None and events & select.POLLOUT:
            self._write(port, self._unsent)
        if port is not None and events & ~select.POLLOUT:
            self._session.receive(port.read(), _now())
            self._continue()

    def on_timer(self) -> None:
        """End the step if its time is up."""
        self._session.on_timer(_now())
        self._continue()

    def interrupt(self) -> bool:
        """End the wait for a response, if the step in progress permits it."""
        if not self._session.interrupt(_now()):
            return False
        self.guard(self._continue)
        return True

    def expire(self, timeout_s: float) -> None:
        """End an unfinished plan at the timeout of the whole call."""
        if not self.is_done:
            self._fail(
                DeadlinePassed(
                    f"{self.name} did not finish within {timeout_s:g} s",
                    port=self.name,
                    hint="Allow more time, or check whether the modem responds at all.",
                )
            )

    def close(self) -> None:
        """Close the port and the plan; idempotent."""
        self._plan.close()
        if self._opening is not None:
            self._poller.remove(self._opening.fileno())
            self._opening.abandon()
            self._opening = None
        if self._port is not None:
            self._poller.remove(self._port.fileno())
            port, self._port = self._port, None
            try:
                restore = self._session.detach()
                if restore is not None and not self._vanished:
                    restore.run(port)
            finally:
                port.close()

    def _start(self, port: Port) -> None:
        self._port = port
        self._poller.add(self, port.fileno())
        self._advance(port, None)

    def _write(self, port: Port, data: bytes) -> None:
        """Write as much as the kernel accepts; the rest when the descriptor is writable."""
        unsent = data[port.write(data) :]
        if bool(unsent) != bool(self._unsent):
            self._poller.watch_output(port.fileno(), wanted=bool(unsent))
        self._unsent = unsent

    def _catch_up(self, port: Port, step: Step) -> None:
        """Read bytes received before the step: of no response, but a Listen step needs them."""
        for _ in range(1 if isinstance(step, Command) else _MAX_CHUNKS):
            data = port.read()
            if not data:
                break
            self._session.receive(data, _now())

    def _continue(self) -> None:
        """Advance the plan if its step has an outcome."""
        outcome = self._session.outcome
        if outcome is None or self._port is None:
            self._poller.wake_at(self._session.due)
            return
        if self._unsent:  # left over from an abandoned command
            self._unsent = b""
            self._poller.watch_output(self._port.fileno(), wanted=False)
        self._advance(self._port, outcome)

    def _advance(self, port: Port, outcome: Outcome | None) -> None:
        """Run the plan until it waits for the port or ends."""
        session = self._session
        session.outcome = outcome
        try:
            while True:
                step, self._next = self._next, None
                if step is None:
                    # a generator is started by sending None
                    step = self._plan.send(session.outcome)  # type: ignore[arg-type]
                    query = session.query_before(step)
                    if query is not None:
                        step, self._next = query, step
                self._catch_up(port, step)
                data = session.start(step, _now())
                if data:
                    self._write(port, data)
                if session.outcome is None:
                    break
        except StopIteration as done:
            self._end(done.value)
        else:
            self._poller.wake_at(session.due)

    def _fail(self, error: ModemAgentError) -> None:
        self._vanished = isinstance(error, PortVanished)
        try:
            result: T | ModemAgentError = throw_into_plan(self._plan, error)
        except ModemAgentError as raised:
            result = raised
        except BrokenPipeError:
            raise
        except Exception as raised:  # noqa: BLE001 - an error on one port must not affect the others
            result = internal_error(raised)
        self._end(result)

    def _end(self, result: T | ModemAgentError) -> None:
        self.outcome, self.is_done = result, True
        self.close()


class ThreadedOpen:
    """A port being opened in a thread, with a descriptor that becomes readable at the end.

    :param call: opens the port; may block for any time
    """

    def __init__(self, call: Callable[[], Port]) -> None:
        self._outcome: Port | ModemAgentError
        self._read_end, self._write_end = os.pipe2(os.O_CLOEXEC)
        self._thread = threading.Thread(target=self._run, args=(call,), name="open", daemon=True)
        self._thread.start()

    def fileno(self) -> int:
        """Return the descriptor that becomes readable when opening has ended."""
        return self._read_end

    def result(self) -> Port:
        """Return the port; call this or :meth:`abandon` once.

        :raises ModemAgentError: it could not be opened
        """
        os.close(self._read_end)
        self._thread.join()
        if isinstance(self._outcome, Port):
            return self._outcome
        raise self._outcome

    def abandon(self) -> None:
        """Close the port as soon as it has been opened."""
        threading.Thread(target=self._undo, name="undo", daemon=True).start()

    def _undo(self) -> None:
        with contextlib.suppress(ModemAgentError):
            self.result().close()

    def _run(self, call: Callable[[], Port]) -> None:
        try:
            self._outcome = call()
        except ModemAgentError as error:
            self._outcome = error
        except Exception as error:  # noqa: BLE001 - reported as the error of this port
            self._outcome = internal_error(error)
        finally:
            os.close(self._write_end)
