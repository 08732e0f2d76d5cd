"""Execution of a plan on a port that the daemon has open, over its control socket."""

from __future__ import annotations

from typing import TypeVar

from modemagent.at.steps import Command, Listen, Plan, Received, Response
from modemagent.channel.session import throw_into_plan
from modemagent.control import protocol
from modemagent.control.client import ControlClient
from modemagent.errors import AgentNotRunning, ModemAgentError, ReportError

T = TypeVar("T")

#: Longest wait for the port, in seconds: the daemon may be in the middle of an identification.
_TURN_S = 90.0


def run_through_agent(client: ControlClient, port: str, plan: Plan[T]) -> T:
    """Run a plan through the daemon and return its result.

    Raw bytes stay in the daemon, so the plan must work with lines only.

    :param port: path or stable id of the port
    :raises ModemAgentError: the daemon's error, unless the plan handles it
    """
    try:
        step = next(plan)
        while True:
            try:
                outcome = _perform(client, port, step)
            except ModemAgentError as error:
                return throw_into_plan(plan, error)
            step = plan.send(outcome)
    except StopIteration as done:
        result: T = done.value
        return result
    finally:
        plan.close()


def _perform(client: ControlClient, port: str, step: Command | Listen) -> Response | Received:
    if isinstance(step, Listen):
        reply = client.ask({"do": "unsolicited", "port": port}, timeout_s=_TURN_S)
        lines = reply.get("lines")
        return Received(tuple(map(str, lines)) if isinstance(lines, list) else (), b"")
    request: dict[str, object] = {"do": "at", "port": port, "line": step.line}
    request["timeout_s"] = step.timeout_s
    reply = client.ask(request, timeout_s=step.timeout_s + _TURN_S)
    try:
        return protocol.from_json(reply.get("answer"))
    except ReportError:
        raise AgentNotRunning(
            "the reply of the agent cannot be parsed",
            hint="Make sure that the agent and this command have the same version: "
            "modemagent status",
        ) from None
