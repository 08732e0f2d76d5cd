"""``modemagent registry retention``: how long each kind of data is kept."""

from __future__ import annotations

from typing import Any

import click

from modemagent.cli.output import print_json
from modemagent.cli.registry.database import show_rows
from modemagent.cli.registry.lists import dry_run_option
from modemagent.cli.registry.source import retention_source, source_options
from modemagent.errors import UsageError

_COLUMNS = ("kind", "days", "due", "deleted", "deleted_at", "set_by", "text")


@click.group("retention", invoke_without_command=True)
@source_options
def group(as_json: bool, **where: Any) -> None:
    """Show how long each kind of data is kept, how many rows are older (due), and the last run.

    \b
    modemagent registry retention
    modemagent registry retention set cases 730
    modemagent registry retention apply --dry-run

    A running registry deletes what is due once an hour. Without --url, the limit of bodies is not
    shown if --keep-bodies of the server states it. docs/privacy.md lists the data that has other
    limits.
    """
    if click.get_current_context().invoked_subcommand is None:
        with retention_source(**where) as source:
            _show(source.retention(), as_json)


@group.command("set", short_help="Set how long a kind of data is kept.")
@click.argument("kind", metavar="KIND")
@click.argument("days", metavar="DAYS")
@source_options
def set_command(kind: str, days: str, as_json: bool, **where: Any) -> None:
    """Set for how many DAYS a KIND of data is kept, or "none": without limit.

    \b
    modemagent registry retention set bodies 90
    modemagent registry retention set cases none
    """
    is_number = days.isascii() and days.isdecimal() and len(days) < 7
    if not is_number and days != "none":
        raise UsageError(f"{days!r} is not a number of days", hint='Example: 90, or "none".')
    with retention_source(**where) as source:
        found = source.set_retention(kind, int(days) if is_number else None)
    _show(found, as_json)


@group.command("apply", short_help="Delete what is due now.")
@dry_run_option
@source_options
def apply_command(dry_run: bool, as_json: bool, **where: Any) -> None:
    """Delete what is older than its limit, without waiting for the next hour.

    Prints how much it is. With --url the registry deletes it in the background. PostgreSQL deletes
    bodies by the month.
    """
    with retention_source(**where) as source:
        found = source.retention() if dry_run else source.apply_retention()
    if as_json:
        print_json({"dry_run": dry_run, **found})
        return
    due = [one for one in found["retention"] if one["due"]]
    click.echo("would delete:" if dry_run else "deletes:")
    for one in due:
        click.echo(f"  {one['due']} of {one['kind']}, older than {one['days']} days")
    if not due:
        click.echo("  nothing")


def _show(found: dict[str, Any], as_json: bool) -> None:
    rows = [
        {**one, "days": "no limit" if one["days"] is None else one["days"]}
        for one in found["retention"]
    ]
    show_rows(found, rows, _COLUMNS, as_json)
    if not as_json:
        click.echo(f"next run: {found.get('next_run_at') or 'not known'}")
        click.echo(f"last run: {_last_run(found.get('last_run'))}")


def _last_run(found: dict[str, Any] | None) -> str:
    if found is None:
        return "none yet"
    deleted = ", ".join(f"{rows} of {kind}" for kind, rows in found["deleted"].items())
    return f"{found['began_at']}, deleted {deleted or 'nothing'}"
