"""Plans driven side by side in one thread, without an event loop.

The one-shot commands live here: importing asyncio costs more time than a whole identification,
so this is ``poll(2)`` and nothing else. For ttys and TCP it imports neither asyncio nor pyserial.
"""

from __future__ import annotations

import contextlib
import os
import select
import time
from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

from modemagent.at.dialogue import Dialogue
from modemagent.at.plan import Outcome, Plan, Step
from modemagent.channel.link import CONNECT_TIMEOUT_S, Link, open_link
from modemagent.channel.record import Trace
from modemagent.channel.turn import Turn
from modemagent.errors import DeadlinePassed, ModemAgentError, PortVanished

T = TypeVar("T")
_READ_SIZE = 65536
_Resume = Callable[[], Step]


def run_plans(
    plans: Mapping[str, Plan[T]],
    *,
    timeout_s: float,
    baud: int = 115200,
    trace: Trace | None = None,
) -> dict[str, T | ModemAgentError]:
    """Drive one plan per port until all have ended.

    :param plans: port (device path or URL) -> plan
    :param timeout_s: for the whole call. When it is over each plan still at work is thrown
        :class:`DeadlinePassed` once, and may return what it has
    :returns: for each port what its plan returned, or the error that ended it
    """
    end = time.monotonic() + timeout_s
    results: dict[str, T | ModemAgentError] = {}
    seats: dict[int, _Seat[T]] = {}
    poll = select.poll()
    try:
        for port, plan in plans.items():
            try:
                left_s = max(0.1, min(CONNECT_TIMEOUT_S, end - time.monotonic()))
                link = open_link(port, baud=baud, timeout_s=left_s)
            except ModemAgentError as error:
                plan.close()
                results[port] = error
                continue
            seat = _Seat(link, plan, trace)
            seats[link.fd] = seat
            poll.register(link.fd, select.POLLIN)
            seat.start()
        while True:
            for fd in [fd for fd, seat in seats.items() if seat.is_done]:
                seat = seats.pop(fd)
                poll.unregister(fd)
                seat.close()
                results[seat.port] = seat.result
            if not seats:
                return results
            _wait(poll, seats, end)
    finally:
        for seat in seats.values():
            seat.close()


def _wait(poll: select.poll, seats: Mapping[int, _Seat[T]], end: float) -> None:
    due = min(min(seat.due for seat in seats.values()), end)
    wait_s = due - time.monotonic()
    ready = poll.poll(max(0.0, wait_s) * 1000) if wait_s > 0 else poll.poll(0)
    for fd, _ in ready:
        seats[fd].readable()
    now = time.monotonic()
    if now >= due:
        for seat in seats.values():
            if not seat.is_done and now >= seat.due:
                seat.expire(now)
    if now >= end:
        for seat in seats.values():
            seat.fail(
                DeadlinePassed(f"{seat.port}: the time is up", port=seat.port, hint=_SLOW_HINT)
            )


_SLOW_HINT = "give it more time with --timeout"


class _Seat(Generic[T]):
    """One port at the table: its link, its dialogue, its plan and the turn in progress."""

    def __init__(self, link: Link, plan: Plan[T], trace: Trace | None) -> None:
        self.port = link.port
        self.is_done = False
        self._link = link
        self._plan = plan
        self._trace = trace
        self._dialogue = Dialogue()
        self._turn: Turn | None = None
        self._value: T | ModemAgentError | None = None

    @property
    def due(self) -> float:
        return self._turn.due if self._turn is not None else float("inf")

    @property
    def result(self) -> T | ModemAgentError:
        return self._value  # type: ignore[return-value]  # set whenever is_done is

    def start(self) -> None:
        self._advance(lambda: next(self._plan))

    def readable(self) -> None:
        if self.is_done:
            return
        try:
            data = os.read(self._link.fd, _READ_SIZE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.fail(_vanished(self.port))
            return
        if self._trace is not None:
            self._trace("<", data)
        if self._turn is not None:
            outcome = self._turn.receive(data, time.monotonic())
            if outcome is not None:
                self._answer(outcome)

    def expire(self, now: float) -> None:
        if self._turn is not None:
            self._answer(self._turn.expire(now))

    def fail(self, error: ModemAgentError) -> None:
        """Throw an error into the plan; it may return what it has, but asks no more."""
        if self.is_done:
            return
        self._turn = None
        try:
            self._plan.throw(error)
        except StopIteration as stop:
            self._finish(stop.value)
        except ModemAgentError as ended:
            self._finish(ended)
        else:
            self._plan.close()
            self._finish(error)

    def close(self) -> None:
        if not self.is_done:
            self._plan.close()
        self._link.close()

    def _answer(self, outcome: Outcome) -> None:
        self._advance(lambda: self._plan.send(outcome))

    def _advance(self, resume: _Resume) -> None:
        self._turn = None
        try:
            step = resume()
            self._turn = Turn(step, self._dialogue, time.monotonic())
        except StopIteration as stop:
            self._finish(stop.value)
        except ModemAgentError as error:
            with contextlib.suppress(Exception):
                self._plan.close()
            self._finish(error)
        else:
            self._write(self._turn.outgoing)

    def _write(self, data: bytes) -> None:
        if not data:
            return
        if self._trace is not None:
            self._trace(">", data)
        try:
            os.write(self._link.fd, data)
        except BlockingIOError:
            return  # a stuck peer: the deadline of the question says so
        except OSError:
            self.fail(_vanished(self.port))

    def _finish(self, value: T | ModemAgentError) -> None:
        self._value = value
        self._turn = None
        self.is_done = True


def _vanished(port: str) -> PortVanished:
    return PortVanished(
        f"{port} vanished while it was in use",
        port=port,
        hint="the modem was unplugged, switched off or restarted: try again",
    )
