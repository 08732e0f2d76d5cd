"""Many ports side by side in one thread, for one-shot commands.

Start-up time decides here: neither asyncio nor pyserial is imported for terminals. Ports behind
a network connect in a thread each, because looking up a name has no deadline.
"""

from __future__ import annotations

import select
import time
from collections.abc import Callable, Iterator, Mapping
from math import ceil, inf
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from modemagent.at.steps import Command, Outcome, Plan, Step
from modemagent.channel.session import PortSession, internal_error, throw_into_plan
from modemagent.channel.url import is_remote, open_port
from modemagent.errors import DeadlinePassed, ModemAgentError, PortVanished

if TYPE_CHECKING:
    from modemagent.channel.opening import ThreadedOpen
    from modemagent.channel.port import Port
    from modemagent.channel.trace import Trace

T = TypeVar("T")

_DRAIN: Final = 32
"""Chunks read before a step at most: a port that never pauses must not hold up the others."""

_DONE: Final = object()
_now = time.monotonic


def run_plans(
    plans: Mapping[str, Plan[T]],
    *,
    timeout_s: float,
    baud: int = 115200,
    trace: Trace | None = None,
    meanwhile: Iterator[object] | None = None,
) -> dict[str, T | ModemAgentError]:
    """Run a plan on each port and return what each came to, in the order given.

    Every port ends in a result or an error of its own; none touches another. When the time is
    over, :class:`DeadlinePassed` is thrown into the plans that are not done, so that they may
    return what they have; so is :class:`PortVanished` when a port goes.

    :param plans: port, as the user named it, to its plan
    :param timeout_s: seconds for the whole call
    :param baud: speed of a UART
    :param meanwhile: work in pieces of a few milliseconds, done while all modems think
    """
    deadline = _now() + timeout_s
    table: _Table[T] = _Table()
    runs = [_Run(name, plan, table) for name, plan in plans.items()]
    try:
        for run in runs:
            run.open(baud, deadline - _now(), trace)
            # the answers of those opened before are taken meanwhile
            table.serve(0.0)
        while table.runs and (left_s := deadline - _now()) > 0:
            if meanwhile is None:
                table.serve(left_s)
            elif not table.serve(0.0) and next(meanwhile, _DONE) is _DONE:
                meanwhile = None
        for run in runs:
            run.out_of_time(timeout_s)
        return {run.name: run.results[0] for run in runs}
    finally:
        for run in runs:
            run.close()


class _Table(Generic[T]):
    """The runs that wait for something, by descriptor."""

    def __init__(self) -> None:
        self.runs: dict[int, _Run[T]] = {}
        self._poll = select.poll()
        self._soonest = inf

    def add(self, run: _Run[T], descriptor: int) -> None:
        self.runs[descriptor] = run
        self._poll.register(descriptor, select.POLLIN)

    def remove(self, descriptor: int) -> None:
        if self.runs.pop(descriptor, None) is not None:
            self._poll.unregister(descriptor)

    def watch_output(self, descriptor: int, wanted: bool) -> None:
        self._poll.modify(descriptor, select.POLLIN | (select.POLLOUT if wanted else 0))

    def expect(self, due: float) -> None:
        """Wake at this time at the latest; too early does no harm."""
        self._soonest = min(self._soonest, due)

    def serve(self, limit_s: float) -> bool:
        """Wait until something happens, ``limit_s`` at most, see to it, and tell if it did."""
        wait_s = min(limit_s, max(0.0, self._soonest - _now()))
        ready = self._poll.poll(ceil(wait_s * 1000))
        for descriptor, events in ready:
            run = self.runs.get(descriptor)
            if run is not None:
                run.on_event(events)
        if _now() >= self._soonest:
            self._soonest = inf
            for run in list(self.runs.values()):
                run.on_time()
                self._soonest = min(self._soonest, run.due)
            return True
        return bool(ready)


class _Run(Generic[T]):
    """One port and its plan.

    :ivar results: empty until the plan has ended, then its result or error
    """

    def __init__(self, name: str, plan: Plan[T], table: _Table[T]) -> None:
        self.name = name
        self.results: list[T | ModemAgentError] = []
        self._plan = plan
        self._table = table
        self._exchange = PortSession()
        self._opening: ThreadedOpen | None = None
        self._port: Port | None = None
        self._unsent = b""
        self._next: Step | None = None
        self._gone = False

    @property
    def due(self) -> float:
        return self._exchange.due

    def open(self, baud: int, timeout_s: float, trace: Trace | None) -> None:
        """Open the port, or begin to, and start the plan."""
        self._guarded(lambda: self._open(baud, timeout_s, trace))

    def _open(self, baud: int, timeout_s: float, trace: Trace | None) -> None:
        name = self.name
        if not is_remote(name):
            self._begin(open_port(name, baud=baud, trace=trace))
            return
        from modemagent.channel.opening import ThreadedOpen

        self._opening = ThreadedOpen(
            lambda: open_port(name, baud=baud, timeout_s=max(0.1, timeout_s), trace=trace)
        )
        self._table.add(self, self._opening.fileno())

    def on_event(self, events: int) -> None:
        """Serve the descriptor."""
        self._guarded(lambda: self._on_event(events))

    def _on_event(self, events: int) -> None:
        if self._opening is not None:
            opening, self._opening = self._opening, None
            self._table.remove(opening.fileno())
            self._begin(opening.take())
        elif self._port is not None:
            self._serve(self._port, events)

    def on_time(self) -> None:
        """See whether the step's time is up."""
        self._guarded(self._on_time)

    def _on_time(self) -> None:
        self._exchange.on_timer(_now())
        self._go_on()

    def _guarded(self, call: Callable[[], None]) -> None:
        """What goes wrong at this port ends this run, and no other."""
        try:
            call()
        except ModemAgentError as error:
            self._fail(error)
        except BrokenPipeError:  # of our own output: the whole call is over
            raise
        except Exception as fault:  # noqa: BLE001 - a fault at one port stays at that port
            self._fail(internal_error(fault))

    def out_of_time(self, timeout_s: float) -> None:
        """The time of the whole call is over."""
        if not self.results:
            self._fail(
                DeadlinePassed(
                    f"{self.name} was not done within {timeout_s:g} s",
                    port=self.name,
                    hint="give it more time, or see whether its modem answers at all",
                )
            )

    def close(self) -> None:
        """Close the port and let go of the plan, whatever has happened."""
        self._plan.close()
        if self._opening is not None:
            self._table.remove(self._opening.fileno())
            self._opening.abandon()
            self._opening = None
        if self._port is not None:
            self._table.remove(self._port.fileno())
            port, self._port = self._port, None
            try:
                farewell = self._exchange.detach()
                if farewell is not None and not self._gone:
                    farewell.run(port)
            finally:
                port.close()

    # -- the port

    def _begin(self, port: Port) -> None:
        self._port = port
        self._table.add(self, port.fileno())
        self._drive(port, None)

    def _serve(self, port: Port, events: int) -> None:
        if events & select.POLLOUT:
            self._write(port, self._unsent)
        if events & ~select.POLLOUT:
            self._exchange.receive(port.read(), _now())
            self._go_on()

    def _write(self, port: Port, data: bytes) -> None:
        """Write what fits; the rest when there is room."""
        unsent = data[port.write(data) :]
        if bool(unsent) != bool(self._unsent):
            self._table.watch_output(port.fileno(), wanted=bool(unsent))
        self._unsent = unsent

    def _catch_up(self, port: Port, step: Step) -> None:
        """Take what came before the step: it belongs to no answer, and is what Listen wants."""
        for _ in range(1 if isinstance(step, Command) else _DRAIN):
            data = port.read()
            if not data:
                break
            self._exchange.receive(data, _now())

    # -- the plan

    def _go_on(self) -> None:
        """Hand the plan what its step has come to, if it has."""
        outcome = self._exchange.outcome
        if outcome is None or self._port is None:
            self._table.expect(self._exchange.due)
            return
        if self._unsent:  # of a command that nobody waits for any more
            self._unsent = b""
            self._table.watch_output(self._port.fileno(), wanted=False)
        self._drive(self._port, outcome)

    def _drive(self, port: Port, outcome: Outcome | None) -> None:
        """Run the plan until it waits for the port, or ends."""
        exchange = self._exchange
        exchange.outcome = outcome
        try:
            while True:
                step, self._next = self._next, None
                if step is None:
                    # a generator is begun by sending None
                    step = self._plan.send(exchange.outcome)  # type: ignore[arg-type]
                    first = exchange.question_before(step)
                    if first is not None:
                        step, self._next = first, step
                self._catch_up(port, step)
                data = exchange.start(step, _now())
                if data:
                    self._write(port, data)
                if exchange.outcome is None:
                    break
        except StopIteration as done:
            self._end(done.value)
        else:
            self._table.expect(exchange.due)

    def _fail(self, error: ModemAgentError) -> None:
        self._gone = isinstance(error, PortVanished)
        try:
            result: T | ModemAgentError = throw_into_plan(self._plan, error)
        except ModemAgentError as told:
            result = told
        except BrokenPipeError:
            raise
        except Exception as fault:  # noqa: BLE001 - a fault at one port stays at that port
            result = internal_error(fault)
        self._end(result)

    def _end(self, result: T | ModemAgentError) -> None:
        self.results.append(result)
        self.close()
