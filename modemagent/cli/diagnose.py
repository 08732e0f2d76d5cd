"""``modemagent diagnose``: findings about modems and this machine, with remedies."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import click

from modemagent.access.diagnose import (
    diagnosed_targets,
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
    value_option,
)
from modemagent.cli.output import COLOURS, heading, one_line, paragraph, plain, print_json, table
from modemagent.cli.port_options import access_options, trace_options, via_option
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
@value_option(
    "--bundle",
    "FILE",
    "Write everything that support needs to this zip file, with identifiers masked.",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
)
@flag_option("--force", "With --bundle, overwrite an existing file.")
@via_option
@timeout_option(120.0, WHOLE_COMMAND)
@trace_options
@access_options
def command(
    ports: tuple[str, ...],
    as_json: bool,
    show_all: bool,
    file: Path | None,
    force: bool,
    options: AccessOptions,
) -> int:
    """Find out what is wrong with a modem and how to fix it. Without PORT, check every modem that
    is found or watched by the agent.

    \b
    modemagent diagnose
    modemagent diagnose /dev/ttyUSB2 --json

    The checks follow the path from the connector to the network: cable, permission, holder and role
    of the port, response to AT, identity, supply voltage, temperature, radio, SIM, selected
    technologies, registration and the reason for a rejection, signal, attachment, access point
    name; then this machine: agent, registry, outbox, clock. Only read-only commands are sent,
    through the agent if it holds the port.

    Exits with status 3 if an error is found.
    """
    if file is not None:
        from modemagent.cli.bundle import Bundle  # zip files and masking

        bundle = Bundle(file, force=force)
        options = bundle.traced(options)
    facts_of_host = host_facts(options.agent)
    targets, closed = diagnosed_targets(ports, options, facts_of_host)
    missing = None if targets is None or targets or closed else no_modem_found(options.root)
    host = check_host(facts_of_host)
    every = [*modem_facts(targets, options, facts_of_host), *closed]
    modems = [(facts, check_modem(facts)) for facts in every]
    if as_json:
        print_json(_document(modems, host, missing, options))
    else:
        click.echo("\n".join(_text(modems, host, show_all=show_all)))
        if missing is not None:
            click.echo(one_line(missing), err=True)
    if file is not None:
        left_out = bundle.write(
            facts=every,
            host=facts_of_host,
            document=_document(modems, host, missing, options),
            text=click.unstyle("\n".join(_text(modems, host, show_all=True))),
            options=options,
        )
        click.echo(f"bundle: {plain(str(file))}; review it before you publish it", err=True)
        for each in left_out:
            click.echo(f"left out of the bundle: {plain(each)}", err=True)
    return missing.exit_status if missing else _status(modems, host)


def _status(modems: Modems, host: Iterable[CheckOutcome]) -> int:
    for facts, _ in modems:
        if facts.failure is not None:
            return facts.failure.exit_status
    every = [*host, *(each for _, results in modems for each in results)]
    return FOUND_WRONG if any(each.finding.state is State.ERROR for each in every) else 0


def _document(
    modems: Modems,
    host: Sequence[CheckOutcome],
    missing: ModemAgentError | None,
    options: AccessOptions,
) -> dict[str, object]:
    entries = []
    for facts, results in modems:
        first = first_to_fix(results)
        entries.append(
            {
                "port": facts.port,
                "port_id": facts.candidate.port_id if facts.candidate else None,
                "through": facts.route,
                "first": first.name if first else None,
                **options.speed_json(facts.port),
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
    return document if missing is None else document | {"error": missing.to_json()}


def _text(modems: Modems, host: Sequence[CheckOutcome], *, show_all: bool) -> Iterator[str]:
    for facts, results in modems:
        yield from _findings(_title(facts), results, show_all=show_all)
    yield from _findings(_HOST, host, show_all=show_all)
    for facts, results in modems:
        no_error = f"{plain(facts.port)}: no error was found."
        yield from _first(facts.port, results, otherwise=no_error)
    yield from _first(_HOST, host)


def _title(facts: Facts) -> str:
    modem = facts.snapshot.modem if facts.snapshot else None
    name = " ".join(filter(None, (modem.manufacturer, modem.model))) if modem else ""
    return "  ".join(filter(None, (facts.port, name)))


def _findings(title: str, results: Sequence[CheckOutcome], *, show_all: bool) -> Iterator[str]:
    yield heading(plain(title))
    shown = [each for each in results if show_all or each.finding.state is not State.SKIPPED]
    rows = [(_mark(each.finding.state), each.name) for each in shown]
    for row, each in zip(_aligned(rows), shown, strict=True):
        yield paragraph(row, plain(each.finding.message))
        if each.finding.remedy:
            yield paragraph(f"{'':11}-> ", plain(each.finding.remedy))
    if len(shown) < len(results):
        names = ", ".join(each.name for each in results if each not in shown)
        yield paragraph("  skipped: ", f"{names} (reasons: --all)")
    yield ""


def _mark(state: State) -> str:
    return click.style(_MARKS[state], fg=COLOURS.get(state), bold=state is State.ERROR)


def _aligned(rows: Sequence[tuple[str, str]]) -> list[str]:
    """Return mark and name of each check, with spaces up to the message."""
    return [line[:-1] for line in table([(*row, "|") for row in rows], indent=2).splitlines()]


def _first(subject: str, results: Sequence[CheckOutcome], otherwise: str = "") -> Iterator[str]:
    """Yield what to do first, or the text for results without an error."""
    first = first_to_fix(results)
    if first is None:
        if otherwise:
            yield otherwise
        return
    message, remedy = plain(first.finding.message), plain(first.finding.remedy)
    prefix = "" if subject in message else f"{plain(subject)}: "
    yield paragraph("", f"{prefix}{message}. To do first: {remedy}")
