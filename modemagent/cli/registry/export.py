"""``modemagent registry export``: lists, or all that is stored about a number, as a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from modemagent.cli.options import value_option
from modemagent.cli.output import print_json
from modemagent.cli.registry.erase import named
from modemagent.cli.registry.source import FILE, export_source, source_options
from modemagent.errors import RegistryStoreError, UsageError

_KINDS = ("modems", "sims", "gateways", "findings", "events", "pairings", "assets", "audit",
          "number")  # fmt: skip


@click.command("export", short_help="Export a list, or all that is stored about a number.")
@click.argument("what", type=click.Choice(_KINDS), metavar="WHAT")
@click.argument("number", required=False)
@value_option("--number-file", "FILE", "File with the number, so that no process list shows it.",
              type=FILE)  # fmt: skip
@value_option("--format", "FORMAT", "jsonl or csv.", "form", default="jsonl",
              type=click.Choice(("jsonl", "csv")))  # fmt: skip
@value_option("--filter", "NAME=VALUE", "Filter of the list; repeatable.", "filters",
              multiple=True)  # fmt: skip
@source_options
def command(
    what: str, number: str | None, number_file: Path | None, form: str, filters: tuple[str, ...],
    as_json: bool, **where: Any,
) -> None:  # fmt: skip
    """Print a list as JSON lines or CSV: modems, sims, gateways, findings, events, pairings,
    assets, audit; or all that is stored about one number or reference.

    \b
    modemagent registry export modems --format csv --filter gateway=gw-17 > modems.csv
    modemagent registry export number --number-file sim.txt > sim.jsonl

    The registry keeps the export for a week. Over HTTP, numbers are masked without full-id scope,
    and "audit" and "number" need the scope audit. --json prints the export without its content.
    """
    pairs = [one.partition("=") for one in filters]
    if any(not sign for _, sign, _ in pairs):
        raise UsageError("a filter is NAME=VALUE", hint="Example: --filter gateway=gw-17")
    given = {name: value for name, _, value in pairs}
    if what == "number":
        given["id"] = named(number, number_file)
    elif number is not None or number_file is not None:
        raise UsageError(f"{what} are exported without a number", hint="Use: export number REF")
    with export_source(**where) as source:
        found = source.make(what, form, given)
        if found["state"] == "failed":
            raise RegistryStoreError("the export failed", hint="The log states why.")
        if as_json:
            print_json(found)
        else:
            click.echo(source.content(found["id"]), nl=False)
