"""Modems as bytes on a bad wire, with a clock of their own: minutes of AT traffic take no time."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from modemagent.at.steps import Plan, Step
from modemagent.channel.port_session import PortSession
from modemagent.errors import DeadlinePassed, ModemAgentError

T = TypeVar("T")

_LATENCY_S, _CHUNK_S = 0.005, 0.001
_MAX_STEPS = 5000


class Wire(NamedTuple):
    """How the bytes of a modem travel.

    :param before: lines sent between the echo and each response, ``{prefix}`` being the prefix of
        the command and ``{count}`` its number
    :param urcs: lines sent again and again, with their interval in seconds
    :param chunk: bytes sent at a time, 0 for all
    :param drop_first: bytes to the modem that are lost
    :param is_sequential: the latency of a response begins when the one before has been sent, not
        when the command is received
    """

    echo: bool = True
    echo_can_be_disabled: bool = True
    before: Sequence[str] = ()
    urcs: Sequence[tuple[str, float]] = ()
    chunk: int = 0
    drop_first: int = 0
    numeric: bool = False
    line_end: str = "\r\n"
    latency_s: float = _LATENCY_S
    is_sequential: bool = False


WIRE = Wire()


@dataclass
class ByteModem:
    """A modem that answers complete command lines.

    :param commands: command line to its response: the information lines and the final result
    :param fallback: response to all other commands
    :ivar received: command lines in order
    """

    commands: Mapping[str, Sequence[str]]
    wire: Wire = WIRE
    joins: bool = False
    fallback: Sequence[str] = ("ERROR",)
    received: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._echo = self.wire.echo
        self._input = b""
        self._dropped = 0
        self._output: list[tuple[float, int, bytes]] = []
        self._count = 0
        self._response_at = self._free_at = 0.0
        self._urc_at = [interval for _, interval in self.wire.urcs]

    def write(self, data: bytes, now: float) -> None:
        lost = min(len(data), self.wire.drop_first - self._dropped)
        self._dropped += lost
        *lines, self._input = (self._input + data[lost:]).split(b"\r")
        for raw in lines:
            line = raw.decode("latin-1")
            start = line.upper().find("AT")
            if start >= 0:
                self._handle(line[start:], now)

    def next_at(self) -> float | None:
        times = [self._output[0][0]] if self._output else []
        return min([*times, *self._urc_at], default=None)

    def read(self, now: float) -> bytes:
        for index, (line, interval) in enumerate(self.wire.urcs):
            if self._urc_at[index] <= now:
                self._urc_at[index] += interval
                is_before = now < self._response_at
                self._push(self._framed(line), now if is_before else max(now, self._free_at))
        out = b""
        while self._output and self._output[0][0] <= now:
            out += heapq.heappop(self._output)[2]
        return out

    def _handle(self, line: str, now: float) -> None:
        self.received.append(line)
        if self._echo:
            self._send(line.encode() + b"\r", now)
        prefix = line[2:].partition("=")[0].rstrip("?") if line[2:3] in "+^#%$" else "+X"
        for text in self.wire.before:
            self._send(self._framed(text.format(prefix=prefix, count=len(self.received))), now)
        if self.wire.is_sequential:
            self._response_at = max(now, self._free_at) + self.wire.latency_s
        else:
            self._response_at = max(now + self.wire.latency_s, self._free_at)
        self._send(self._response(self._answer(line)), self._response_at)

    def _answer(self, line: str) -> Sequence[str]:
        if line in self.commands:
            return self.commands[line]
        if line.startswith("ATE"):
            if self.wire.echo_can_be_disabled:
                self._echo = line != "ATE0"
            return ("OK",)
        if line in ("AT", "ATV1") or line.startswith("AT+CMEE="):
            return ("OK",)
        if ";" in line and self.joins:
            found: list[str] = []
            for part in line[2:].split(";"):
                answer = self._answer(f"AT{part}")
                if not answer:
                    return ()
                *lines, final = answer
                found += lines
                if final != "OK":
                    return (*found, final)
            return (*found, "OK")
        return self.fallback

    def _response(self, lines: Sequence[str]) -> bytes:
        if not self.wire.numeric:
            return b"".join(map(self._framed, lines))
        if not lines:
            return b""
        *information, final = lines
        code = {"OK": "0", "ERROR": "4"}.get(final)
        end = self._framed(final) if code is None else f"{code}\r".encode()
        return b"".join(f"{line}\r\n".encode() for line in information) + end

    def _framed(self, line: str) -> bytes:
        end = self.wire.line_end
        return f"{end}{line}{end}".encode("latin-1")

    def _send(self, data: bytes, at: float) -> None:
        at = max(at, self._free_at)
        size = self.wire.chunk or max(1, len(data))
        for start in range(0, len(data), size):
            self._push(data[start : start + size], at)
            at += _CHUNK_S if self.wire.chunk else 0.0
        self._free_at = at

    def _push(self, data: bytes, at: float) -> None:
        self._count += 1
        heapq.heappush(self._output, (at, self._count, data))


def run(
    make_plan: Callable[[], Plan[T]], modem: ByteModem, *, timeout_s: float = 60.0
) -> T | ModemAgentError:
    """Run a plan against a modem on a clock of their own; return its result or error."""
    session, plan, now = PortSession(), make_plan(), 0.0
    try:
        step: Step = next(plan)
        for _ in range(_MAX_STEPS):
            waiting: Step | None = None
            if (query := session.query_before(step)) is not None:
                step, waiting = query, step
            now = _run_step(session, step, modem, now)
            if now > timeout_s:
                return _thrown(plan, DeadlinePassed("the time is over", port="port"))
            assert session.outcome is not None
            step = waiting or plan.send(session.outcome)
        raise AssertionError("the plan does not end")
    except StopIteration as done:
        result: T = done.value
        return result
    except ModemAgentError as error:
        return error


def _thrown(plan: Plan[T], error: ModemAgentError) -> T | ModemAgentError:
    try:
        plan.throw(error)
    except StopIteration as done:
        result: T = done.value
        return result
    raise AssertionError("the plan does not end at its deadline")


def _run_step(session: PortSession, step: Step, modem: ByteModem, now: float) -> float:
    """Run one step; return the time at its end."""
    if data := modem.read(now):
        session.receive(data, now)
    written = session.start(step, now)
    modem.write(written, now)
    while session.outcome is None:
        at = modem.next_at()
        now = max(now, session.due if at is None else min(session.due, at))
        if data := modem.read(now):
            session.receive(data, now)
        if session.outcome is None:
            session.on_timer(now)
    return now
