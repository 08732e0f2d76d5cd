"""A plan driven against a modem that is a function, with a clock that only this loop moves.

The exchange is the real one, allow-list and deadlines included; only the port is missing.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from pathlib import Path
from typing import TypeVar

from modemagent.at.steps import Command, Outcome, Plan, Step, throw_into_plan
from modemagent.at.transcript import Transcript, load
from modemagent.channel.port_session import PortSession
from modemagent.errors import DeadlinePassed, ModemAgentError

T = TypeVar("T")
Said = list[tuple[float, bytes]]
"""Seconds after the step has begun, and what comes then."""

LIMIT_S = 300.0
STEPS = 600
"""More steps than any identification may take."""

TRANSCRIPTS = Path(__file__).parents[2] / "fixtures" / "transcripts"


def transcripts() -> list[Transcript]:
    """Return the shipped transcripts, in the order of their names."""
    return [load(path) for path in sorted(TRANSCRIPTS.glob("*/transcript.toml"))]


def true_answer(modem: Transcript, line: str) -> bytes:
    """Return the response of this modem with a ready SIM, ERROR for an unknown command."""
    ready = [each for each in modem.answers(line) if not each.state]
    if not ready:
        echo = line.encode() + b"\r" if modem.echoes else b""
        return echo + (b"\r\nOK\r\n" if line == "AT" else b"\r\nERROR\r\n")
    return ready[0].wire(echo=modem.echoes)


def driven(plan: Plan[T], react: Callable[[Step], Said]) -> T | ModemAgentError:
    """Run a plan to its end and return its result or error.

    :param react: returns what the modem sends after a step; called once per step
    """
    exchange = PortSession()
    now, last_at, steps = 0.0, 0.0, 0
    coming: Said = []
    outcome: Outcome | None = None
    try:
        while True:
            step = plan.send(outcome)  # type: ignore[arg-type]
            steps += 1
            assert steps <= STEPS, "the plan does not end"
            if now > LIMIT_S:
                return throw_into_plan(plan, DeadlinePassed("the time is over", port="wire"))
            while coming and coming[0][0] <= now:
                exchange.receive(coming.pop(0)[1], now)
            data = exchange.start(step, now)
            assert bool(data) == isinstance(step, Command)
            for after, piece in react(step):
                # A port is one stream: no byte overtakes an earlier one.
                last_at = max(last_at, now + after)
                coming += [(last_at, piece)] if piece else []
            while exchange.outcome is None:
                at = coming[0][0] if coming else inf
                if at < exchange.due:
                    now = max(now, at)
                    exchange.receive(coming.pop(0)[1], now)
                else:
                    now = max(now, exchange.due)
                    exchange.on_timer(now)
            outcome = exchange.outcome
    except StopIteration as done:
        result: T = done.value
        return result
    except ModemAgentError as error:
        return error
    finally:
        plan.close()
