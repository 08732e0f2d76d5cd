"""``modemagent registry recalls``: recall and warranty notices."""

from __future__ import annotations

from typing import Any

import click

from modemagent.cli.options import value_option
from modemagent.cli.output import print_json
from modemagent.cli.registry.database import show_rows
from modemagent.cli.registry.lists import all_pages
from modemagent.cli.registry.source import case_source, limit_option, source_options
from modemagent.errors import UsageError

_COLUMNS = ("id", "kind", "title", "tac", "manufacturer", "model", "firmware", "serial_first",
            "serial_last", "reference")  # fmt: skip


@click.group("recalls", invoke_without_command=True)
@limit_option
@source_options
def group(limit: int | None, as_json: bool, **where: Any) -> None:
    """List recall and warranty notices, or change them.

    \b
    modemagent registry recalls
    modemagent registry recalls add recall "battery" --tac 86769804 --firmware "EG25GGBR07A05*"

    Options before the name of a subcommand are those of the list.
    """
    if click.get_current_context().invoked_subcommand is not None:
        return
    with case_source(**where) as source:
        found = all_pages(source.recalls, "recalls", limit)
    show_rows({"recalls": found}, found, _COLUMNS, as_json)


@group.command("add", short_help="Add a notice.")
@click.argument("kind", metavar="KIND", type=click.Choice(("recall", "warranty")))
@click.argument("title", metavar="TITLE")
@value_option("--tac", "TAC", "Only modems of this type: the first 8 digits of the IMEI.")
@value_option("--manufacturer", "PATTERN", "Only of this manufacturer.")
@value_option("--model", "PATTERN", "Only of this model, such as EG25*.")
@value_option("--firmware", "PATTERN", "Only with this firmware.")
@value_option("--from", "SERIAL", "First serial number of a range.", "serial_first")
@value_option("--to", "SERIAL", "Last serial number of the range.", "serial_last")
@value_option("--source", "TEXT", "Who issued it.")
@value_option("--reference", "TEXT", "Its number.")
@source_options
def add(kind: str, title: str, as_json: bool, **options: Any) -> None:
    """Add a notice of KIND recall or warranty: the modems that fit all criteria are findings.

    \b
    modemagent registry recalls add recall "battery" --model "EG25*" --from AB0100 --to AB0199
    """
    names = ("tac", "manufacturer", "model", "firmware", "serial_first", "serial_last", "source",
             "reference")  # fmt: skip
    given = {name: value for name in names if (value := options.pop(name)) is not None}
    with case_source(**options) as source:
        found = source.add_recall({"kind": kind, "title": title, **given})
    show_rows(found, [found], _COLUMNS, as_json)


@group.command("remove")
@click.argument("key", metavar="ID")
@source_options
def remove(key: str, as_json: bool, **where: Any) -> None:
    """Remove the notice with this id; its findings are resolved."""
    with case_source(**where) as source:
        if not source.remove_recall(key):
            raise UsageError(f"no notice has the id {key}", hint="See: modemagent registry recalls")
    if as_json:
        print_json({"removed": key})
