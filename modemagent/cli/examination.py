"""From ports to facts for ``diagnose``: asks each modem, or whoever holds its port."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from modemagent.errors import ModemAgentError, PortBusy, PortNotFound

if TYPE_CHECKING:
    from modemagent.cli.agent import Whose
    from modemagent.cli.ports import Target
    from modemagent.diagnosis.facts import Facts


class How:
    """How to ask: the deadline in monotonic seconds, the speed, and which agent."""

    def __init__(self, deadline: float, baud: int, root: str, agent: Whose) -> None:
        self.deadline = deadline
        self.baud = baud
        self.root = root
        self.agent = agent

    @property
    def left_s(self) -> float:
        return max(1.0, self.deadline - time.monotonic())


def targets_of(words: Sequence[str], root: str) -> list[Target]:
    from modemagent.cli.ports import NONE_FOUND_HINT, Target, discovered, named, seen

    if words:
        targets = []
        for word in dict.fromkeys(words):
            try:
                targets.append(named(word, root))
            except PortNotFound:
                targets.append(
                    Target((word,), (None,))
                )  # the first check says that it is not there
        return targets
    found = discovered(root)
    if not found:
        others = ", ".join(each.path for each in seen(root))
        hint = f"No known modem, but there are {others}. " if others else ""
        raise PortNotFound("no modem found", port="auto", hint=hint + NONE_FOUND_HINT)
    return found


def facts_of(targets: Sequence[Target], how: How) -> list[Facts]:
    """Ask every modem, side by side; the next port of those whose first one is mute."""
    from modemagent.channel.blocking import run_plans
    from modemagent.diagnosis.facts import Facts
    from modemagent.diagnosis.gather import Gathered, gather

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
    import os

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


def _otherwise(facts: Facts, port_id: str | None, error: ModemAgentError, how: How) -> Facts:
    """Ask whoever holds the port: the agent, or ModemManager."""
    from modemagent.cli import managed
    from modemagent.identity.snapshot import Snapshot

    if not isinstance(error, PortBusy):
        return facts._replace(failure=error)
    through = _through_agent(facts, how, error)
    if not isinstance(through, PortBusy):
        return through
    instead = managed.instead(facts.port, port_id, error)
    if isinstance(instead, Snapshot):
        return facts._replace(snapshot=instead, way="modemmanager")
    return facts._replace(failure=instead)


def _through_agent(facts: Facts, how: How, busy: PortBusy) -> Facts | PortBusy:
    """Ask the agent for a reading and the further lines; ``busy`` when it has not the port."""
    from modemagent.agent.caller import AgentSaysNo, Call
    from modemagent.agent.remote import drive_through
    from modemagent.cli.agent import still_busy
    from modemagent.diagnosis.gather import ask_lines
    from modemagent.identity.snapshot import Snapshot

    try:
        with Call(how.agent.state_dir) as call:
            request: dict[str, object] = {"do": "identify", "port": facts.port, "network": True}
            answer = call.ask(request, timeout_s=how.left_s)
            snapshot = answer.get("snapshot")
            if not isinstance(snapshot, dict):
                return busy
            facts = facts._replace(snapshot=Snapshot.from_json(snapshot), way="agent", holder=None)
            if facts.snapshot and facts.snapshot.dialect == "modemmanager":
                return facts._replace(way="modemmanager")
            return facts._replace(answers=drive_through(call, facts.port, ask_lines()))
    except ModemAgentError as error:
        # it has the port, and the modem behind it does not answer
        if facts.way == "agent":
            return facts._replace(failure=error)
        if isinstance(error, AgentSaysNo) and error.reason != PortNotFound.reason:
            busy.hint = f"{error.message}. {error.hint}".rstrip()
            return busy
        return still_busy(busy, error)
