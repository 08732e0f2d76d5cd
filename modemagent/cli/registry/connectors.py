"""``modemagent registry connectors``: what the APIs of operators state about SIMs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from modemagent.cli.options import FOUND_WRONG, ListingGroup, flag_option, json_option, value_option
from modemagent.cli.output import print_json
from modemagent.cli.registry.database import (
    database_options,
    existing_database,
    opened_database,
    show_rows,
)
from modemagent.cli.registry.lists import all_pages
from modemagent.cli.registry.source import limit_option, outside_source, source_options
from modemagent.errors import OperatorApiError, UsageError

_RUNS = ("connector", "kind", "state", "finished_at", "sims", "known", "contradictions", "problem")
_CONTRADICTIONS = ("iccid", "imei", "operator_imei", "imei_lock", "grade", "fetched_at")
_CONFIG = "/etc/modemagent/connectors.toml"


@click.group("connectors", cls=ListingGroup)
def group() -> None:
    """Compare what the APIs of operators state about SIMs with what modems report."""


@group.command("list")
@source_options
def list_command(as_json: bool, **where: Any) -> None:
    """List the last run of each connector."""
    with outside_source(**where) as source:
        document = source.connectors()
    show_rows(document, document["connectors"], _RUNS, as_json)


@group.command("show")
@click.argument("connector", metavar="NAME")
@limit_option
@source_options
def show(connector: str, limit: int | None, as_json: bool, **where: Any) -> int:
    """List the SIMs that an operator has seen in another modem; exits with status 3 if any."""
    with outside_source(**where) as source:
        found = all_pages(
            lambda size, after: source.contradictions(connector, size, after),
            "contradictions",
            limit,
        )
    show_rows({"contradictions": found}, found, _CONTRADICTIONS, as_json)
    return FOUND_WRONG if found else 0


@group.command("run", short_help="Read the SIMs of operators, and compare them.")
@click.argument("names", metavar="[NAME]...", nargs=-1)
@value_option(
    "--config", "FILE", "TOML file with the connectors.",
    type=click.Path(dir_okay=False, path_type=Path), default=_CONFIG,
)  # fmt: skip
@flag_option("--dry-run", "Show the contradictions without storing anything.")
@json_option
@database_options
def run(
    names: tuple[str, ...], config: Path, dry_run: bool, as_json: bool, database: str | None,
    state_dir: Path | None,
) -> int:  # fmt: skip
    """Read all SIMs of these connectors, or of all, on the registry's machine.

    \b
    modemagent registry connectors run --config connectors.toml --dry-run

    A contradiction is the finding operator.contradicts. Exits with status 3 if there is one, with
    status 6 if an API cannot be used; see docs/connectors.md for the file.
    """
    from modemagent.registry.calls.outside import OutsideCalls
    from modemagent.registry.connectors.connector_file import read_connectors

    entries = {one.name: one for one in read_connectors(config)}
    unknown = [one for one in names if one not in entries]
    if unknown:
        raise UsageError(
            f"{config} has no connector {unknown[0]}", hint=f"It has: {', '.join(entries)}."
        )
    chosen = [entries[name] for name in names or entries]
    opened = [(one, one.opened()) for one in chosen]
    with opened_database(existing_database(database, state_dir)) as source:
        calls = OutsideCalls(source, "command line")
        if dry_run:
            found = [
                row for one, connector in opened for row in calls.try_connector(one.name, connector)
            ]
            show_rows({"contradictions": found}, found, _CONTRADICTIONS, as_json)
            return FOUND_WRONG if found else 0
        runs = [calls.run_connector(one.name, one.kind, connector) for one, connector in opened]
    if as_json:
        print_json({"connectors": runs})
    else:
        show_rows({}, runs, _RUNS, as_json)
    if any(one["state"] == "failed" for one in runs):
        return OperatorApiError.exit_status
    return FOUND_WRONG if any(one["contradictions"] for one in runs) else 0
