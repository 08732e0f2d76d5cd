"""A modem whose responses depend on the time, with a clock that the test does not wait for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

from modemagent.at.steps import Command, Outcome, Plan, throw_into_plan
from modemagent.channel.port_session import PortSession
from modemagent.errors import DeadlinePassed

T = TypeVar("T")

HEALTHY: Mapping[str, str] = {
    "AT+CGMI": "u-blox",
    "AT+CGMM": "SARA-U201",
    "AT+CGMR": "23.60",
    "AT+CGSN": "358165070000178",
    "AT+CPIN?": "+CPIN: READY",
    "AT+CCID": "+CCID: 89883030000000000213",
    "AT+CIMI": "901288000000021",
    "AT+CFUN?": "+CFUN: 1",
}


class TimedModem:
    """A modem on a wire that loses nothing.

    :param responses: command to its information line, or to a final result other than OK
    :param early: responses that differ until ``ready_s``
    :param urcs: seconds after the start of the plan, and the URC
    :ivar lines: the commands received, with their times
    """

    def __init__(
        self,
        responses: Mapping[str, str] = HEALTHY,
        *,
        early: Mapping[str, str] = {},
        ready_s: float = 0.0,
        urcs: Sequence[tuple[float, str]] = (),
    ) -> None:
        self.lines: list[tuple[float, str]] = []
        self._responses = responses
        self._early = early
        self._ready_s = ready_s
        self._urcs = list(urcs)

    def times(self, line: str) -> list[float]:
        return [at for at, sent in self.lines if sent == line]

    def response(self, line: str, now: float) -> bytes:
        self.lines.append((now, line))
        known = {**self._responses, **(self._early if now < self._ready_s else {})}
        text = known.get(line, "OK" if line == "AT" else "ERROR")
        is_final = text in ("OK", "ERROR") or text.startswith("+CME ERROR")
        body = f"\r\n{text}\r\n" if is_final else f"\r\n{text}\r\n\r\nOK\r\n"
        return f"{line}\r{body}".encode()

    def run(self, plan: Plan[T], *, timeout_s: float = 300.0) -> T:
        """Run a plan to its end."""
        session, now = PortSession(), 0.0
        coming: list[tuple[float, bytes]] = [
            (at, f"\r\n{line}\r\n".encode()) for at, line in sorted(self._urcs)
        ]
        outcome: Outcome | None = None
        while True:
            try:
                step = plan.send(outcome)  # type: ignore[arg-type]
            except StopIteration as done:
                result: T = done.value
                return result
            while coming and coming[0][0] <= now:
                session.receive(coming.pop(0)[1], now)
            session.start(step, now)
            if isinstance(step, Command):
                coming.append((now + 0.01, self.response(step.line, now)))
                coming.sort()
            while session.outcome is None:
                if coming and coming[0][0] < session.due:
                    now = max(now, coming[0][0])
                    session.receive(coming.pop(0)[1], now)
                else:
                    now = max(now, session.due)
                    session.on_timer(now)
                if now > timeout_s:
                    return throw_into_plan(plan, DeadlinePassed("too late", port="wire"))
            outcome = session.outcome
