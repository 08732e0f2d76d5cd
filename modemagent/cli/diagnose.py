"""``modemagent diagnose``: what is wrong with a modem, and what to do."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import click

from modemagent.cli.options import (
    baud_option,
    json_option,
    root_option,
    state_dir_option,
    timeout_option,
)
from modemagent.cli.render import COLOURS, heading, plain, table
from modemagent.errors import IdentityError, ModemAgentError, PortNotFound

if TYPE_CHECKING:
    from modemagent.cli.ports import Target
    from modemagent.diagnosis.catalogue import Checked
    from modemagent.diagnosis.facts import Facts, HostFacts

FOUND_WRONG = IdentityError.exit_status
#: States as they are printed; the words say it where there is no colour.
_MARKS = {"ok": "ok", "note": "note", "warning": "warning", "error": "WRONG", "skipped": "-"}


@click.command("diagnose")
@click.argument("ports", metavar="[PORT]...", nargs=-1)
@json_option
@click.option("--all", "show_all", is_flag=True, help="Also say why a check was not made.")
@timeout_option(60.0)
@baud_option
@root_option
@state_dir_option
@click.pass_context
def command(
    context: click.Context,
    ports: tuple[str, ...],
    as_json: bool,
    show_all: bool,
    timeout_s: float,
    baud: int,
    root: str,
    state_dir: str | None,
) -> None:
    """Say what is wrong with a modem and what to do. No PORT: every modem found.

    \b
    modemagent diagnose
    modemagent diagnose /dev/ttyUSB2 --json

    From the plug to the network: cable, permission, who has the port, its role, answer, identity,
    radio, SIM card, registration with the reason of a refusal, signal, access point; then this
    machine: agent, registry, outbox, clock. Only lines that read are sent. A port that the agent
    holds is asked through it. Exit status 3 when something is wrong.
    """
    from modemagent.diagnosis.catalogue import check_host, check_modem, first_to_do

    facts = _gather(
        _targets(ports, root), _How(time.monotonic() + timeout_s, baud, root, state_dir)
    )
    host = check_host(_host(state_dir))
    modems = [(each, check_modem(each)) for each in facts]
    if as_json:
        _print_json(modems, host)
    else:
        for each, found in modems:
            _print(_title(each), found, show_all=show_all)
        _print("this machine", host, show_all=show_all)
        _conclude([(each.port, first_to_do(found)) for each, found in modems], first_to_do(host))
    context.exit(_status(modems, host))


class _How:
    """How to ask: the deadline in monotonic seconds, the speed, and which agent."""

    def __init__(self, deadline: float, baud: int, root: str, state_dir: str | None) -> None:
        self.deadline = deadline
        self.baud = baud
        self.root = root
        self.state_dir = state_dir

    @property
    def left_s(self) -> float:
        return max(1.0, self.deadline - time.monotonic())


def _targets(words: Sequence[str], root: str) -> list[Target]:
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


def _gather(targets: Sequence[Target], how: _How) -> list[Facts]:
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


def _otherwise(facts: Facts, port_id: str | None, error: ModemAgentError, how: _How) -> Facts:
    """Ask whoever holds the port: the agent, or ModemManager."""
    from modemagent.cli import managed
    from modemagent.errors import PortBusy
    from modemagent.identity.snapshot import Snapshot

    if not isinstance(error, PortBusy):
        return facts._replace(failure=error)
    through = _through_agent(facts, how)
    if through is not None:
        return through
    instead = managed.instead(facts.port, port_id, error)
    if isinstance(instead, Snapshot):
        return facts._replace(snapshot=instead, way="modemmanager")
    return facts._replace(failure=instead)


def _through_agent(facts: Facts, how: _How) -> Facts | None:
    """Ask the agent for a reading and the further lines; None when it does not have the port."""
    from pathlib import Path

    from modemagent.agent.caller import Call
    from modemagent.agent.remote import drive_through
    from modemagent.diagnosis.gather import ask_lines
    from modemagent.identity.snapshot import Snapshot
    from modemagent.settings import DEFAULT_STATE_DIR

    try:
        with Call(Path(how.state_dir or DEFAULT_STATE_DIR)) as call:
            request: dict[str, object] = {"do": "identify", "port": facts.port, "network": True}
            answer = call.ask(request, timeout_s=how.left_s)
            snapshot = answer.get("snapshot")
            if not isinstance(snapshot, dict):
                return None
            facts = facts._replace(snapshot=Snapshot.from_json(snapshot), way="agent", holder=None)
            if facts.snapshot and facts.snapshot.dialect == "modemmanager":
                return facts._replace(way="modemmanager")
            return facts._replace(answers=drive_through(call, facts.port, ask_lines()))
    except ModemAgentError as error:
        # it has the port, and the modem behind it does not answer
        return facts._replace(failure=error, way="agent") if facts.way == "agent" else None


def _host(state_dir: str | None) -> HostFacts:
    from pathlib import Path

    from modemagent.agent.caller import ask
    from modemagent.diagnosis.facts import HostFacts
    from modemagent.report.origin import clock_synchronized
    from modemagent.settings import DEFAULT_STATE_DIR

    status, why = None, ""
    try:
        status = ask(Path(state_dir or DEFAULT_STATE_DIR), {"do": "status"})
    except ModemAgentError as error:
        why = error.message
    return HostFacts(status, why, time.time(), clock_synchronized())


def _status(modems: Iterable[tuple[Facts, Sequence[Checked]]], host: Iterable[Checked]) -> int:
    failures = [facts.failure for facts, _ in modems if facts.failure is not None]
    if failures:
        return failures[0].exit_status
    everything = [*host, *(each for _, found in modems for each in found)]
    return FOUND_WRONG if any(each.finding.state == "error" for each in everything) else 0


def _print_json(modems: Sequence[tuple[Facts, Sequence[Checked]]], host: Sequence[Checked]) -> None:
    import json

    from modemagent.diagnosis.catalogue import first_to_do

    entries = []
    for facts, found in modems:
        first = first_to_do(found)
        entries.append(
            {
                "port": facts.port,
                "port_id": facts.candidate.port_id if facts.candidate else None,
                "through": facts.way,
                "first": first.name if first else None,
                "findings": [each.to_json() for each in found],
            }
        )
    document: dict[str, object] = {
        "schema": 1,
        "modems": entries,
        "host": [each.to_json() for each in host],
    }
    failed = [facts.failure for facts, _ in modems if facts.failure is not None]
    if failed and len(failed) == len(modems):
        document["error"] = failed[0].to_json()
    click.echo(json.dumps(document))


def _title(facts: Facts) -> str:
    modem = facts.snapshot.modem if facts.snapshot else None
    name = " ".join(filter(None, (modem.manufacturer, modem.model))) if modem else ""
    return "  ".join(filter(None, (facts.port, name)))


def _print(title: str, found: Sequence[Checked], *, show_all: bool) -> None:
    click.echo(heading(plain(title)))
    shown = [each for each in found if show_all or each.finding.state != "skipped"]
    rows = []
    for each in shown:
        state = str(each.finding.state)
        mark = click.style(_MARKS[state], fg=COLOURS.get(state), bold=state == "error")
        rows.append((mark, each.name, plain(each.finding.message)))
    for row, each in zip(table(rows, indent=2).splitlines() if rows else (), shown, strict=True):
        click.echo(row)
        if each.finding.remedy:
            click.echo(f"{'':11}-> {plain(each.finding.remedy)}")
    if len(shown) < len(found):
        names = ", ".join(each.name for each in found if each not in shown)
        click.echo(f"  not checked: {names} (--all says why)")
    click.echo()


def _conclude(first: Iterable[tuple[str, Checked | None]], host: Checked | None) -> None:
    for port, each in first:
        if each is None:
            click.echo(f"{plain(port)}: nothing wrong was found.")
        else:
            _say_first(port, each)
    if host is not None:
        _say_first("this machine", host)


def _say_first(whose: str, each: Checked) -> None:
    message, remedy = plain(each.finding.message), plain(each.finding.remedy)
    subject = "" if whose in message else f"{plain(whose)}: "
    click.echo(f"{subject}{message}. To do first: {remedy}.")
