"""``modemagent diagnose``: findings about modems and this machine, with remedies."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import click

from modemagent.access.diagnose import (
    diagnosed_targets,
    flashing_facts,
    host_facts,
    modem_facts,
)
from modemagent.access.options import AccessOptions
from modemagent.access.target import no_modem_found
from modemagent.cli.options import (
    FOUND_WRONG,
    WHOLE_COMMAND,
    flag_option,
    json_option,
    timeout_option,
)
from modemagent.cli.output import COLOURS, heading, one_line, plain, print_json, table
from modemagent.cli.port_options import access_options, trace_options
from modemagent.diagnosis.check_list import CheckOutcome, check_host, check_modem, first_to_fix
from modemagent.diagnosis.facts import Facts
from modemagent.diagnosis.finding import State
from modemagent.errors import ModemAgentError

_MARKS = {"ok": "ok", "note": "note", "warning": "warning", "error": "WRONG", "skipped": "-"}
_HOST = "this machine"
Modems = Sequence[tuple[Facts, Sequence[CheckOutcome]]]


@click.command("diagnose")
@click.argument("ports", metavar="[PORT]...", nargs=-1)
@json_option
@flag_option("--all", "Also show why checks were skipped.", "show_all")
@timeout_option(60.0, WHOLE_COMMAND)
@trace_options
@access_options
def command(ports: tuple[str, ...], as_json: bool, show_all: bool, options: AccessOptions) -> int:
    """Find out what is wrong with a modem and how to fix it. Without PORT, check every modem that
    is found or watched by the agent.

    \b
    modemagent diagnose
    modemagent diagnose /dev/ttyUSB2 --json

    The checks follow the path from the connector to the network: cable, permission, holder and role
    of the port, response to AT, identity, radio, SIM card, registration and the reason for a
    rejection, signal, attachment, access point name; then this machine: agent, registry, outbox,
    clock. Only read-only commands are sent, through the agent if it holds the port.

    Exits with status 3 if an error is found.
    """
    facts_of_host = host_facts(options.agent)
    targets = diagnosed_targets(ports, options.root, facts_of_host)
    flashing = [] if ports else flashing_facts(options.root)
    missing = None if targets or flashing else no_modem_found(options.root)
    host = check_host(facts_of_host)
    every = [*modem_facts(targets, options, facts_of_host), *flashing]
    modems = [(facts, check_modem(facts)) for facts in every]
    if as_json:
        _print_json(modems, host, missing)
    else:
        for facts, results in modems:
            _print(_title(facts), results, show_all=show_all)
        _print(_HOST, host, show_all=show_all)
        for facts, results in modems:
            _print_first(facts.port, results, otherwise=f"{plain(facts.port)}: no error was found.")
        _print_first(_HOST, host)
        if missing is not None:
            click.echo(one_line(missing), err=True)
    return missing.exit_status if missing else _status(modems, host)


def _status(modems: Modems, host: Iterable[CheckOutcome]) -> int:
    for facts, _ in modems:
        if facts.failure is not None:
            return facts.failure.exit_status
    every = [*host, *(each for _, results in modems for each in results)]
    return FOUND_WRONG if any(each.finding.state is State.ERROR for each in every) else 0


def _print_json(
    modems: Modems, host: Sequence[CheckOutcome], missing: ModemAgentError | None
) -> None:
    entries = []
    for facts, results in modems:
        first = first_to_fix(results)
        entries.append(
            {
                "port": facts.port,
                "port_id": facts.candidate.port_id if facts.candidate else None,
                "through": facts.route,
                "first": first.name if first else None,
                "findings": [each.to_json() for each in results],
            }
        )
    document: dict[str, object] = {
        "schema": 1,
        "modems": entries,
        "host": [each.to_json() for each in host],
    }
    failures = [facts.failure for facts, _ in modems if facts.failure is not None]
    if missing is None and failures and len(failures) == len(modems):
        missing = failures[0]
    print_json(document if missing is None else document | {"error": missing.to_json()})


def _title(facts: Facts) -> str:
    modem = facts.snapshot.modem if facts.snapshot else None
    name = " ".join(filter(None, (modem.manufacturer, modem.model))) if modem else ""
    return "  ".join(filter(None, (facts.port, name)))


def _print(title: str, results: Sequence[CheckOutcome], *, show_all: bool) -> None:
    click.echo(heading(plain(title)))
    shown = [each for each in results if show_all or each.finding.state is not State.SKIPPED]
    rows = []
    for each in shown:
        state = str(each.finding.state)
        mark = click.style(_MARKS[state], fg=COLOURS.get(state), bold=state == "error")
        rows.append((mark, each.name, plain(each.finding.message)))
    for row, each in zip(table(rows, indent=2).splitlines(), shown, strict=True):
        click.echo(row)
        if each.finding.remedy:
            click.echo(f"{'':11}-> {plain(each.finding.remedy)}")
    if len(shown) < len(results):
        names = ", ".join(each.name for each in results if each not in shown)
        click.echo(f"  skipped: {names} (reasons: --all)")
    click.echo()


def _print_first(subject: str, results: Sequence[CheckOutcome], otherwise: str = "") -> None:
    """Print what to do first, or the text for results without an error."""
    first = first_to_fix(results)
    if first is None:
        if otherwise:
            click.echo(otherwise)
        return
    message, remedy = plain(first.finding.message), plain(first.finding.remedy)
    prefix = "" if subject in message else f"{plain(subject)}: "
    click.echo(f"{prefix}{message}. To do first: {remedy}")
