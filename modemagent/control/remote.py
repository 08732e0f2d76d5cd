"""Driving a plan at a port that the daemon holds, over its control socket."""

from __future__ import annotations

from typing import TypeVar

from modemagent.at.steps import Command, Listen, Plan, Received, Response
from modemagent.channel.session import throw_into_plan
from modemagent.control import answers
from modemagent.control.client import ControlClient
from modemagent.errors import AgentNotRunning, ModemAgentError, ReportError

T = TypeVar("T")

# the daemon may be in the middle of an identification
_TURN_S = 90.0


def run_through_agent(call: ControlClient, port: str, plan: Plan[T]) -> T:
    """Run a plan through the daemon and return its result.

    The bytes of answers stay with the daemon, so this is for plans that go by lines.

    :param port: as the daemon or a user calls it
    :raises ModemAgentError: what the daemon said, unless the plan makes a result of it
    """
    try:
        step = next(plan)
        while True:
            try:
                outcome = _perform(call, port, step)
            except ModemAgentError as error:
                return throw_into_plan(plan, error)
            step = plan.send(outcome)
    except StopIteration as done:
        result: T = done.value
        return result
    finally:
        plan.close()


def _perform(call: ControlClient, port: str, step: Command | Listen) -> Response | Received:
    if isinstance(step, Listen):
        told = call.ask({"do": "unsolicited", "port": port}, timeout_s=_TURN_S)
        lines = told.get("lines")
        return Received(tuple(map(str, lines)) if isinstance(lines, list) else (), b"")
    request: dict[str, object] = {"do": "at", "port": port, "line": step.line}
    request["timeout_s"] = step.timeout_s
    told = call.ask(request, timeout_s=step.timeout_s + _TURN_S)
    try:
        return answers.from_json(told.get("answer"))
    except ReportError:
        raise AgentNotRunning(
            "the agent answers in a way this command does not know",
            hint="Are both of the same version? See: modemagent status",
        ) from None
