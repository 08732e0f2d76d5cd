"""``modemagent diagnose``: what is wrong with a modem, and what to do."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import click

from modemagent.cli.agent import AgentLocator, whose
from modemagent.cli.examination import DiagnoseOptions, facts_of, none_found, targets_of
from modemagent.cli.options import (
    baud_option,
    json_option,
    root_option,
    state_dir_option,
    timeout_option,
)
from modemagent.cli.render import COLOURS, heading, one_line, plain, table
from modemagent.errors import IdentityError, ModemAgentError

if TYPE_CHECKING:
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
    """Say what is wrong with a modem and what to do. No PORT: every modem found or watched.

    \b
    modemagent diagnose
    modemagent diagnose /dev/ttyUSB2 --json

    From the plug to the network: cable, permission, who has the port, its role, answer, identity,
    radio, SIM card, registration with the reason of a refusal, signal, access point; then this
    machine: agent, registry, outbox, clock. Only lines that read are sent. A port that the agent
    holds is asked through it. Exit status 3 when something is wrong.
    """
    from modemagent.diagnosis.catalogue import check_host, check_modem, first_to_do

    agent = whose(context, state_dir)
    machine = _host(agent)
    targets = targets_of(ports, root, _watched(machine))
    missing = None if targets else none_found(root)
    facts = facts_of(targets, DiagnoseOptions(timeout_s, baud, root, agent))
    host = check_host(machine)
    modems = [(each, check_modem(each)) for each in facts]
    if as_json:
        _print_json(modems, host, missing)
    else:
        for each, found in modems:
            _print(_title(each), found, show_all=show_all)
        _print("this machine", host, show_all=show_all)
        _conclude([(each.port, first_to_do(found)) for each, found in modems], first_to_do(host))
    if missing is not None:
        if not as_json:
            click.echo(one_line(missing), err=True)
        context.exit(missing.exit_status)
    context.exit(_status(modems, host))


def _host(agent: AgentLocator) -> HostFacts:
    from modemagent.control.client import ask
    from modemagent.diagnosis.facts import HostFacts
    from modemagent.report.origin import clock_synchronized

    status, why = None, ""
    try:
        status = ask(agent.state_dir, {"do": "status"})
    except ModemAgentError as error:
        why = error.message
    return HostFacts(status, why, time.time(), clock_synchronized())


def _watched(machine: HostFacts) -> list[str]:
    """Return the ports that the agent watches and that speak for a modem of their own."""
    modems = machine.status["modems"] if machine.status else ()
    return [str(modem["port"]) for modem in modems if modem["state"] not in ("standby", "stopped")]


def _status(modems: Iterable[tuple[Facts, Sequence[Checked]]], host: Iterable[Checked]) -> int:
    failures = [facts.failure for facts, _ in modems if facts.failure is not None]
    if failures:
        return failures[0].exit_status
    everything = [*host, *(each for _, found in modems for each in found)]
    return FOUND_WRONG if any(each.finding.state == "error" for each in everything) else 0


def _print_json(
    modems: Sequence[tuple[Facts, Sequence[Checked]]],
    host: Sequence[Checked],
    missing: ModemAgentError | None,
) -> None:
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
    if missing is not None:
        document["error"] = missing.to_json()
    elif failed and len(failed) == len(modems):
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
    click.echo(f"{subject}{message}. To do first: {remedy.removesuffix('.')}.")
