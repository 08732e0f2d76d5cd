"""``modemagent registry eir``: checks of the own modems by an outside EIR."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from modemagent.cli.options import json_option, value_option
from modemagent.cli.output import print_json
from modemagent.cli.registry.database import (
    database_options,
    existing_database,
    opened_database,
    show_rows,
)
from modemagent.cli.registry.lists import all_pages
from modemagent.cli.registry.source import FILE, limit_option, outside_source, source_options
from modemagent.errors import UsageError

_STATE = ("url", "per_minute", "every_days", "answered_at", "failures", "problem",
          "next_request_at")  # fmt: skip
_ANSWERS = ("imei", "status", "previous", "since", "checked_at", "next_check_at")
_STATUSES = ("WHITELISTED", "GREYLISTED", "BLACKLISTED", "UNKNOWN", "REFUSED")


@click.group("eir", invoke_without_command=True)
@source_options
def group(as_json: bool, **where: Any) -> None:
    """Check the own modems by an outside EIR, which serves 3GPP TS 29.511, again and again.

    \b
    modemagent registry eir set https://eir.example.org --token-file token --per-minute 60
    modemagent registry eir
    modemagent registry eir answers --status BLACKLISTED

    Without a subcommand, prints the state of the checks. "registry serve" sends the requests.
    """
    if click.get_current_context().invoked_subcommand is not None:
        return
    with outside_source(**where) as source:
        found = source.eir()
    statuses = ", ".join(f"{count} {name}" for name, count in found["statuses"].items())
    row = {name: found.get(name) for name in _STATE} | {"modems": statuses}
    rows = [row] if found["url"] else []
    show_rows(found, rows, (*_STATE, "modems"), as_json, none="No EIR is set.")


@group.command("answers")
@value_option("--status", "STATUS", "Only with this status.", type=click.Choice(_STATUSES))
@limit_option
@source_options
def answers(status: str | None, limit: int | None, as_json: bool, **where: Any) -> None:
    """List the last answers, by modem."""
    with outside_source(**where) as source:
        found = all_pages(lambda size, after: source.answers(size, after, status), "answers", limit)
    show_rows({"answers": found}, found, _ANSWERS, as_json)


@group.command("set", short_help="Set the outside EIR.")
@click.argument("url", metavar="URL")
@value_option("--token-file", "FILE", "Bearer token, read for each request.", type=FILE)
@value_option(
    "--per-minute", "N", "Most requests a minute.", type=click.IntRange(1, 6000), default=60
)
@value_option(
    "--every", "DAYS", "Days between two checks of a modem.", "every_days",
    type=click.IntRange(1, 3650), default=30,
)  # fmt: skip
@json_option
@database_options
def set_command(
    url: str, token_file: Path | None, per_minute: int, every_days: int, as_json: bool,
    database: str | None, state_dir: Path | None,
) -> None:  # fmt: skip
    """Set the EIR at URL, the part before /n5g-eir-eic/v1, on the registry's machine.

    The IMEIs of all modems are sent to it. After failures the next request waits as long as the EIR
    states, or else twice as long as before, up to an hour.
    """
    from modemagent.registry.calls.outside import OutsideCalls

    path = None if token_file is None else str(token_file.absolute())
    with opened_database(existing_database(database, state_dir)) as opened:
        found = OutsideCalls(opened, "command line").set_eir(url, path, per_minute, every_days)
    show_rows(found, [found], _STATE, as_json)


@group.command("off")
@json_option
@database_options
def off(as_json: bool, database: str | None, state_dir: Path | None) -> None:
    """Stop sending requests; answers and findings stay."""
    from modemagent.registry.calls.outside import OutsideCalls

    with opened_database(existing_database(database, state_dir)) as opened:
        if not OutsideCalls(opened, "command line").remove_eir():
            raise UsageError("no EIR is set", hint="See: modemagent registry eir set --help")
    if as_json:
        print_json({"url": None})
