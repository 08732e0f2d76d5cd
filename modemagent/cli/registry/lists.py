"""``modemagent registry lists``: prohibited, tracked and permitted numbers, imports of files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from modemagent.cli.file_argument import content_of, file_argument
from modemagent.cli.options import FOUND_WRONG, F, ListingGroup, flag_option, value_option
from modemagent.cli.output import plain, print_json
from modemagent.cli.registry.database import show_rows
from modemagent.cli.registry.source import id_argument, limit_option, list_source, source_options
from modemagent.errors import UsageError

_LISTS = ("prohibited", "tracked", "permitted")
_KINDS = ("imei", "iccid", "range", "tac", "imsi_prefix")
_PAGE = 1000
_SHOWN_PROBLEMS = 20
_ENTRY = ("id", "kind", "value", "last", "valid_from", "valid_to", "source", "reason")
_IMPORT = ("id", "target", "mode", "source", "imported_at", "added", "changed", "removed",
           "undone_at")  # fmt: skip

list_argument = click.argument("name", metavar="LIST", type=click.Choice(_LISTS))
source_option = value_option("--source", "TEXT", "Who supplied the numbers.", default="",
                             show_default=False)  # fmt: skip
reason_option = value_option("--reason", "TEXT", "Why they are listed.", default="",
                             show_default=False)  # fmt: skip
dry_run_option = flag_option("--dry-run", "Show what would change and what is wrong with the file.")


def guard_options(function: F) -> F:
    """Add the options about lines with errors and about the size of the list."""
    skip = flag_option("--skip", "Leave out lines with errors.", "skip")
    force = flag_option(
        "--force", "Import FILE although the number of entries changes much.", "force"
    )
    most_change = value_option(
        "--most-change",
        "RATIO",
        "Largest change of the number of entries without --force.",
        default=0.2,
        type=click.FloatRange(min=0, max=1000),
    )
    return skip(force(most_change(function)))


@click.group("lists", cls=ListingGroup, listing="show")
def group() -> None:
    """Show and change the lists of prohibited, tracked and permitted numbers."""


@group.command("show", short_help="Show the lists, or the entries of one.")
@click.argument("name", metavar="[LIST]", type=click.Choice(_LISTS), required=False)
@limit_option
@source_options
def show(name: str | None, limit: int | None, as_json: bool, **where: Any) -> None:
    """Show the lists with the numbers of their entries, or the entries of LIST: prohibited,
    tracked or permitted.

    \b
    modemagent registry lists show
    modemagent registry lists show prohibited --limit 20
    """
    with list_source(**where) as source:
        if name is None:
            found = source.lists()
            columns = ("list", "entries", "revision", "changed_at")
            show_rows(found, found["lists"], columns, as_json)
            return
        listed = name
        entries = all_pages(
            lambda most, after: source.entries(listed, most, after), "entries", limit
        )
    show_rows({"entries": entries}, entries, _ENTRY, as_json)


@group.command("add", short_help="Put numbers on a list.")
@list_argument
@click.argument("kind", metavar="KIND", type=click.Choice(_KINDS))
@click.argument("value", metavar="NUMBER")
@click.argument("last", metavar="[LAST]", required=False)
@source_option
@reason_option
@value_option("--from", "DATE", "First day or time of validity.", "valid_from")
@value_option("--to", "DATE", "Last day or end of validity.", "valid_to")
@source_options
def add(
    name: str, kind: str, value: str, last: str | None, source: str, reason: str,
    valid_from: str | None, valid_to: str | None, as_json: bool, **where: Any,
) -> None:  # fmt: skip
    """Put numbers of the kind imei, range, tac, iccid or imsi_prefix on LIST. LAST is the end of a
    range. An entry with the same numbers is replaced.

    \b
    modemagent registry lists add prohibited imei 867698040000013 --reason stolen
    modemagent registry lists add tracked range 86769804000001 86769804000999
    modemagent registry lists add permitted imsi_prefix 90128 --to 2027-12-31
    """
    given = {
        "kind": kind, "value": value, "last": last, "source": source, "reason": reason,
        "valid_from": valid_from, "valid_to": valid_to,
    }  # fmt: skip
    with list_source(**where) as found:
        entry = found.put_entry(name, given)
    show_rows(entry, [entry], _ENTRY, as_json)


@group.command("remove", short_help="Remove an entry from a list.")
@list_argument
@click.argument("entry", metavar="ID")
@source_options
def remove(name: str, entry: str, as_json: bool, **where: Any) -> None:
    """Remove the entry with this id, as "lists show" prints it, from LIST."""
    with list_source(**where) as source:
        if not source.remove_entry(name, entry):
            raise UsageError(
                f"the list {name} has no entry with the id {entry}",
                hint=f"See: modemagent registry lists show {name}",
            )
    if as_json:
        print_json({"removed": entry})


@group.command("import", short_help="Import a CSV file into a list or the TAC table.")
@click.argument("target", metavar="LIST", type=click.Choice((*_LISTS, "tacs")))
@file_argument
@dry_run_option
@flag_option("--replace", "Remove the entries that FILE lacks.", "instead")
@value_option("--kind", "KIND", "What FILE lists, if its header does not state it.",
              type=click.Choice(_KINDS))  # fmt: skip
@source_option
@reason_option
@guard_options
@source_options
def import_command(
    target: str, file: Path, dry_run: bool, as_json: bool, instead: bool, kind: str | None,
    source: str, reason: str, skip: bool, force: bool, most_change: float, **where: Any,
) -> int:  # fmt: skip
    """Import a CSV file into LIST: prohibited, tracked, permitted, or tacs for the TAC table.

    \b
    modemagent registry lists import prohibited stolen.csv --dry-run
    modemagent registry lists import tacs tacdb.csv --replace

    The header states what FILE lists: imei, iccid, tac, imsi, or from and to for ranges; further
    columns are reason, source, valid from and valid to. FILE is imported as a whole or not at all.
    Exits with status 3 if it has errors; "lists undo" undoes an import. - is stdin.
    """
    content = content_of(file)
    with list_source(**where) as found:
        report = found.import_file(
            content, dry_run=dry_run, target=target, instead=instead, kind=kind,
            source=source, reason=reason, skip=skip, force=force, most_change=most_change,
        )  # fmt: skip
    return show_report(report, dry_run, as_json)


def show_report(report: dict[str, Any], dry_run: bool, as_json: bool) -> int:
    """Show what an import has done, or would do; return the exit status."""
    if as_json:
        print_json(report)
    else:
        _print(report, dry_run)
    return 0 if report["accepted"] else FOUND_WRONG


def _print(report: dict[str, Any], dry_run: bool) -> None:
    for one in report["problems"][:_SHOWN_PROBLEMS]:
        place = f"line {one['line']}: " if one["line"] else ""
        text = f"{one['severity']}: {place}{one['message']} [{one['code']}]. {one['remedy']}"
        click.echo(plain(text), err=True)
    more = len(report["problems"]) - _SHOWN_PROBLEMS + report["more_problems"]
    if more > 0:
        click.echo(f"{more} more problems; --json prints them", err=True)
    counts = ", ".join(
        f"{report[name]} {name}" for name in ("added", "changed", "removed", "unchanged", "skipped")
    )
    if not report["accepted"]:
        click.echo("nothing was imported", err=True)
    elif dry_run:
        click.echo(f"would import {report['rows']} lines: {counts}")
    else:
        click.echo(f"import {report['id']}: {report['rows']} lines: {counts}")


@group.command("imports")
@limit_option
@source_options
def imports(limit: int | None, as_json: bool, **where: Any) -> None:
    """List imports, newest first."""
    with list_source(**where) as source:
        found = all_pages(source.imports, "imports", limit)
    show_rows({"imports": found}, found, _IMPORT, as_json)


@group.command("undo", short_help="Undo an import.")
@id_argument("key", "IMPORT", "I")
@source_options
def undo(key: str, as_json: bool, **where: Any) -> None:
    """Undo the import with this id, as "lists imports" prints it. Entries that were changed since
    are kept."""
    with list_source(**where) as source:
        found = source.undo(key)
    if found is None:
        raise UsageError(
            f"no import has the id {key}", hint="See: modemagent registry lists imports"
        )
    if found["undo"] is None:
        raise UsageError(
            f"the import {key} was undone before", hint="See: modemagent registry lists imports"
        )
    if as_json:
        print_json(found)
    else:
        counts = ", ".join(f"{count} {name}" for name, count in found["undo"].items())
        click.echo(f"import {key} undone: {counts}")


def all_pages(
    page: Callable[[int, str | None], dict[str, Any]], name: str, most: int | None
) -> list[dict[str, Any]]:
    """Return the entries of all pages, at most ``most``."""
    found: list[dict[str, Any]] = []
    after: str | None = None
    while most is None or len(found) < most:
        part = page(_PAGE if most is None else min(_PAGE, most - len(found)), after)
        found += part[name]
        after = part["next"]
        if after is None:
            break
    return found
