"""From ports to facts for ``diagnose``: asks each modem, or whoever holds its port."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from modemagent.errors import DeadlinePassed, ModemAgentError, PortNotFound

if TYPE_CHECKING:
    from modemagent.cli.agent import AgentLocator
    from modemagent.cli.ports import ModemTarget
    from modemagent.diagnosis.facts import Facts

_NONE_FOUND_HINT = (
    "Is a modem plugged in and powered? modemagent list shows every port; "
    "name one, as in: modemagent diagnose /dev/ttyUSB2"
)
#: What the agent calls a modem that ModemManager has and no port of which is known.
_OF_MODEMMANAGER = "/org/freedesktop/"


class DiagnoseOptions:
    """How to ask: the seconds that were given, the speed, where ports are, and which agent."""

    def __init__(self, timeout_s: float, baud: int, root: str, agent: AgentLocator) -> None:
        self.timeout_s = timeout_s
        self.deadline = time.monotonic() + timeout_s
        self.baud = baud
        self.root = root
        self.agent = agent

    @property
    def left_s(self) -> float:
        return max(1.0, self.deadline - time.monotonic())


def targets_of(words: Sequence[str], root: str, watched: Sequence[str]) -> list[ModemTarget]:
    """Return the modems to examine: those named, else every one that is found or watched.

    :param watched: ports that the agent watches; discovery may know nothing of them
    """
    from modemagent.cli.ports import ModemTarget, discover_targets, resolve_target

    targets = [] if words else discover_targets(root)
    known = {os.path.realpath(path) for target in targets for path in target.paths}
    unknown = [path for path in watched if os.path.realpath(path) not in known]
    for word in dict.fromkeys(words or unknown):
        try:
            targets.append(resolve_target(word, root))
        except PortNotFound:
            # the first check says that it is not there
            targets.append(ModemTarget((word,), (None,)))
    return targets


def none_found(root: str) -> PortNotFound:
    """Return the error for a machine on which no modem is found and none is watched."""
    from modemagent.cli.ports import seen

    others = ", ".join(each.path for each in seen(root))
    hint = f"No known modem, but there are {others}. " if others else ""
    return PortNotFound("no modem found", port="auto", hint=hint + _NONE_FOUND_HINT)


def facts_of(targets: Sequence[ModemTarget], how: DiagnoseOptions) -> list[Facts]:
    """Ask every modem, side by side; the next port of those whose first one is mute."""
    from modemagent.channel.blocking import run_plans
    from modemagent.diagnosis.collect import Gathered, gather
    from modemagent.diagnosis.facts import Facts

    known = _surroundings(how.root)
    found: dict[str, Facts] = {}
    mute: dict[str, tuple[str, ...]] = {}
    waiting = [(target, 0) for target in targets]
    while waiting:
        plans = {
            target.paths[turn]: gather(target.paths[turn], target.ids[turn])
            for target, turn in waiting
        }
        results = run_plans(plans, timeout_s=how.left_s, baud=how.baud)
        again = []
        for target, turn in waiting:
            path, result = target.paths[turn], results[target.paths[turn]]
            base = _known(Facts(path, mute=mute.get(target.path, ())), known)
            if isinstance(result, Gathered):
                facts = base._replace(snapshot=result.snapshot, answers=result.answers)
            else:
                facts = _otherwise(base, target.ids[turn], result, how)
            is_mute = getattr(facts.failure, "reason", "") in ("no_answer", "not_a_modem")
            if is_mute and turn + 1 < len(target.paths) and how.left_s > 1.0:
                mute[target.path] = (*mute.get(target.path, ()), path)
                again.append((target, turn + 1))
                found.setdefault(target.path, facts)
            elif facts.failure is None or target.path not in found:
                found[target.path] = facts
        waiting = again
    return [found[target.path] for target in targets]


def _surroundings(root: str) -> dict[str, Any]:
    from modemagent.cli.ports import seen

    return {candidate.path: candidate for candidate in seen(root)}


def _known(facts: Facts, candidates: dict[str, Any]) -> Facts:
    """Add what can be seen without opening the port."""
    from modemagent.channel.lock import find_holder

    candidate = candidates.get(facts.port) or candidates.get(os.path.realpath(facts.port))
    siblings = tuple(
        each
        for each in candidates.values()
        if candidate and candidate.modem_id and each.modem_id == candidate.modem_id
        if each is not candidate
    )
    holder = None if "://" in facts.port else find_holder(facts.port)
    return facts._replace(candidate=candidate, siblings=siblings, holder=holder)


def _otherwise(
    facts: Facts, port_id: str | None, error: ModemAgentError, how: DiagnoseOptions
) -> Facts:
    """Ask whoever holds the port: the agent, or ModemManager."""
    from modemagent.cli import managed
    from modemagent.cli.agent import busy_with_hint
    from modemagent.control.client import AgentError
    from modemagent.diagnosis.facts import Facts
    from modemagent.errors import PortBusy
    from modemagent.identity.snapshot import Snapshot

    is_portless = isinstance(error, PortNotFound) and facts.port.startswith(_OF_MODEMMANAGER)
    if not isinstance(error, PortBusy) and not is_portless:
        return facts._replace(failure=_as_given(error, facts.port, how))
    through = _through_agent(facts, how)
    if isinstance(through, Facts):
        return through
    if not isinstance(error, PortBusy):
        return facts._replace(failure=error)
    if isinstance(through, AgentError) and through.reason != PortNotFound.reason:
        error.hint = f"{through.message}. {through.hint}".rstrip()  # it is the agent's
    else:
        error = busy_with_hint(error, through)
    instead = managed.fallback(facts.port, port_id, error)
    if isinstance(instead, Snapshot):
        return facts._replace(snapshot=instead, way="modemmanager")
    return facts._replace(failure=instead)


def _as_given(error: ModemAgentError, port: str, how: DiagnoseOptions) -> ModemAgentError:
    """Return an error about time with the time that the user gave, not what was left of it."""
    if not isinstance(error, DeadlinePassed):
        return error
    return DeadlinePassed(
        f"{port} was not done within {how.timeout_s:g} s",
        port=port,
        hint="give it more time with --timeout; see power, cable, baud rate, the other ports",
    )


def _through_agent(facts: Facts, how: DiagnoseOptions) -> Facts | ModemAgentError:
    """Ask the agent for a reading and the further lines; return why not when it can not be."""
    from modemagent.control.client import ControlClient
    from modemagent.control.remote import run_through_agent
    from modemagent.diagnosis.collect import ask_lines
    from modemagent.identity.snapshot import Snapshot

    try:
        with ControlClient(how.agent.state_dir) as call:
            request: dict[str, object] = {"do": "identify", "port": facts.port, "network": True}
            answer = call.ask(request, timeout_s=how.left_s)
            snapshot = Snapshot.from_json(answer["snapshot"])
            facts = facts._replace(snapshot=snapshot, way="agent", holder=None)
            if snapshot.dialect == "modemmanager":
                return facts._replace(way="modemmanager")
            return facts._replace(
                answers=run_through_agent(call, facts.port, ask_lines(facts.port))
            )
    except ModemAgentError as error:
        # it has the port, and the modem behind it does not answer
        return facts._replace(failure=error) if facts.way == "agent" else error
