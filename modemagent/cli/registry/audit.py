"""``modemagent registry audit``: who did what, and whether the record of it is complete."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from modemagent.cli.options import ListingGroup, flag_option, json_option, value_option
from modemagent.cli.output import cell, print_json, table
from modemagent.cli.registry.database import database_options, show_rows
from modemagent.cli.registry.lists import all_pages
from modemagent.cli.registry.source import audit_calls, audit_source, limit_option, source_options
from modemagent.errors import UsageError

_WRONG = 3
_COLUMNS = ("position", "time", "actor", "kind", "object", "detail")
_SENTENCES = {
    "changed": "was changed",
    "removed": "was removed",
    "inserted": "was inserted",
    "head": "differs from the head that was exported",
}


def _time(_: click.Context, __: click.Parameter, text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(
            f"{text!r} is not a date or time", hint="Example: 2026-12-01 or 2026-12-01T08:00:00Z"
        ) from error
    return at if at.tzinfo else at.replace(tzinfo=UTC)


@click.group("audit", cls=ListingGroup)
def group() -> None:
    """List and verify the record of all acts and of looks at numbers in full."""


@group.command("list", short_help="List acts.")
@value_option("--actor", "NAME", "Only by this actor, such as token:3, person:ann or user:root.")
@value_option("--kind", "KIND", "Only of this kind, such as case.open or numbers.view.")
@value_option("--object", "ID", "Only about this object, such as case:17.", "about")
@value_option("--from", "TIME", "Only since this date or time (UTC).", "begin", callback=_time)
@value_option("--to", "TIME", "Only before this date or time (UTC).", "end", callback=_time)
@limit_option
@flag_option("--newest-first", "Start with the newest.")
@source_options
def list_command(
    actor: str | None, kind: str | None, about: str | None, begin: datetime | None,
    end: datetime | None, limit: int | None, newest_first: bool, as_json: bool, **where: Any,
) -> None:  # fmt: skip
    """List acts in the order of the chain, oldest first; with --limit, the newest ones.

    \b
    modemagent registry audit list --actor person:ann --from 2026-12-01
    modemagent registry audit list --object case:17

    A token needs the scope audit.
    """
    with audit_source(**where) as source:
        found = all_pages(
            lambda most, after: source.entries(
                most, after, newest_first=newest_first or limit is not None, begin=begin, end=end,
                actor=actor, kind=kind, object=about,
            ),
            "entries",
            limit,
        )  # fmt: skip
    if limit is not None and not newest_first:
        found.reverse()
    rows = [{**one, "detail": _detail(one["detail"])} for one in found]
    show_rows({"entries": found}, rows, _COLUMNS, as_json)


@group.command("head")
@json_option
@database_options
def head_command(as_json: bool, **where: Any) -> None:
    """Print position and hash of the last entry, to be kept where the registry cannot write."""
    with audit_calls(**where) as calls:
        head = str(calls.head())
    if as_json:
        print_json({"head": head})
    else:
        click.echo(head)


@group.command("verify", short_help="Verify the chain of all acts.")
@value_option("--head", "HEAD", 'An earlier output of "audit head", which the chain must have.')
@value_option(
    "--head-file",
    "FILE",
    "The same, in a file.",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
)
@json_option
@database_options
def verify_command(head: str | None, head_file: Path | None, as_json: bool, **where: Any) -> int:
    """Verify that no entry of the audit was changed, removed or inserted.

    \b
    modemagent registry audit verify
    modemagent registry audit verify --head-file /media/usb/head-2026-11

    With write access to the database, the whole chain can be computed again: only the comparison
    with a head that was kept elsewhere finds that. Exits with status 3 if something is wrong.
    """
    exported = head_file.read_text(encoding="utf-8") if head_file is not None else head
    with audit_calls(**where) as calls:
        found = calls.verify(exported)
    if as_json:
        problems = [one._asdict() for one in found.problems]
        document = {"entries": found.entries, "head": str(found.head), "problems": problems}
        print_json({**document, "more_problems": found.more})
        return _WRONG if found.problems else 0
    rows = [["entries", cell(found.entries)], ["head", str(found.head)]]
    click.echo(table(rows))
    for one in found.problems:
        which = f"entry {one.position}" if one.position == one.last else (
            f"each of the entries {one.position} to {one.last}"
        )  # fmt: skip
        click.echo(f"{which} {_SENTENCES[one.problem]}")
    if found.more:
        click.echo(f"and {found.more} more")
    if not found.problems:
        click.echo("complete and unchanged")
    return _WRONG if found.problems else 0


def _detail(detail: dict[str, Any]) -> str:
    """Return further facts in one line; of the references that were seen, their number."""
    shown = {
        name: len(value) if isinstance(value, list) and name == "refs" else value
        for name, value in detail.items()
    }
    return " ".join(f"{name}={json.dumps(value)}" for name, value in shown.items())
