"""``modemagent registry cases``: lost, stolen and wrongly listed devices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import click

from modemagent.cli.options import F, flag_option, value_option
from modemagent.cli.output import cell, print_json, table
from modemagent.cli.registry.assets import NO_MATCH, revision_option
from modemagent.cli.registry.database import show_rows
from modemagent.cli.registry.lists import all_pages
from modemagent.cli.registry.source import (
    case_source,
    id_argument,
    limit_option,
    source_options,
)
from modemagent.errors import UsageError
from modemagent.registry_client.cases import CaseSource

_KINDS = ("lost", "stolen", "wrongly_listed")
_OUTCOMES = ("recovered", "not_stolen", "delisted")
_FIELDS = ("place", "happened_on", "proof", "police_reference", "operator", "assignee", "note")
_COLUMNS = ("id", "kind", "state", "outcome", "numbers", "assignee", "opened_at", "sighted")

_case = id_argument("key", "CASE", "K")
_text = value_option("--text", "TEXT", "Entry of the journal.", default="", show_default=False)


def _fields(function: F) -> F:
    """Add the options for the fields of a case."""
    function = click.option(
        "--cell/--no-cell", "asks_cell", default=None,
        help="Note the serving cell with each sighting, if the setting cell of the gateway is on.",
    )(function)  # fmt: skip
    for option, metavar, text in reversed(
        (
            ("--place", "TEXT", "Where it was lost."),
            ("--date", "DATE", "When it was lost, such as 2026-11-30."),
            ("--proof", "TEXT", "Proof of ownership."),
            ("--police", "REFERENCE", "Reference of the police."),
            ("--operator", "NAME", "Operator to whom the letter is addressed."),
            ("--assignee", "NAME", "Who works on it."),
            ("--note", "TEXT", "Note of the case."),
        )
    ):
        name = {"date": "happened_on", "police": "police_reference"}.get(option[2:], option[2:])
        function = value_option(option, metavar, text, name)(function)
    return function


@click.group("cases", invoke_without_command=True)
@value_option("--state", "STATE", "Only in this state: open or closed.",
              type=click.Choice(("open", "closed")))  # fmt: skip
@limit_option
@source_options
def group(state: str | None, limit: int | None, as_json: bool, **where: Any) -> None:
    """List cases of lost, stolen and wrongly listed devices, or work on one.

    \b
    modemagent registry cases --state open
    modemagent registry cases open stolen --imei 867698040000013 --place "Hamburg depot"
    modemagent registry cases close 17 recovered

    Options before the name of a subcommand are those of the list.
    """
    if click.get_current_context().invoked_subcommand is not None:
        return
    with case_source(**where) as source:
        found = all_pages(lambda most, after: source.cases(most, after, state), "cases", limit)
    rows = [
        {
            **one,
            "numbers": " ".join(thing["number"] for thing in one["things"]),
            "sighted": one["sightings"][0]["last_seen"] if one["sightings"] else None,
        }
        for one in found
    ]
    show_rows({"cases": found}, rows, _COLUMNS, as_json)


@group.command("show")
@_case
@source_options
def show(key: str, as_json: bool, **where: Any) -> int:
    """Show a case with its sightings, checklist and journal.

    Exits with status 4 if there is no such case.
    """
    with case_source(**where) as source:
        return _show(source.case(key), as_json)


@group.command("open")
@click.argument("kind", metavar="KIND", type=click.Choice(_KINDS))
@value_option("--imei", "IMEI", "A modem; repeatable.", "imeis", multiple=True)
@value_option("--iccid", "ICCID", "A SIM; repeatable.", "iccids", multiple=True)
@value_option("--asset", "ASSET", "An asset by its id or tag; repeatable.", "assets", multiple=True)
@flag_option("--with-sims", "Also the SIMs that the modems hold now.", "with_sims")
@_fields
@_text
@source_options
def open_command(
    kind: str, imeis: Sequence[str], iccids: Sequence[str], assets: Sequence[str], with_sims: bool,
    text: str, as_json: bool, **options: Any,
) -> int:  # fmt: skip
    """Open a case of KIND lost, stolen or wrongly_listed.

    \b
    modemagent registry cases open stolen --asset A-1183 --with-sims --date 2026-11-28
    modemagent registry cases open wrongly_listed --imei 867698040000013 --proof "invoice 4711"

    The numbers of a lost or stolen device are on the tracked list from now on, and each report of
    one is the finding case.sighted.
    """
    values, where = _split(options)
    given = {"kind": kind, "imeis": list(imeis), "iccids": list(iccids), "assets": list(assets),
             "with_sims": with_sims, "text": text, **values}  # fmt: skip
    with case_source(**where) as source:
        found = source.open_case(given)
    status = _show(found, as_json)
    if not as_json:
        click.echo(f"\nLetter to the operator: modemagent registry cases letter {found['id']}")
        click.echo(f"When it is settled: modemagent registry cases close {found['id']} OUTCOME")
    return status


@group.command("set")
@_case
@_fields
@_text
@revision_option
@source_options
def set_command(key: str, text: str, revision: int | None, as_json: bool, **options: Any) -> int:
    """Change fields of a case, and add an entry to its journal; an empty value empties a field.

    Exits with status 4 if there is no such case.
    """
    values, where = _split(options)
    if not values and not text:
        raise UsageError("nothing is to be changed", hint="Give a field, or --text.")
    given = {**values, "text": text}
    with case_source(**where) as source:
        found = _with_revision(
            source, key, revision, lambda known: source.change_case(key, known, given)
        )
    return _show(found, as_json)


@group.command("task")
@_case
@click.argument("position", metavar="TASK", type=click.IntRange(min=1))
@value_option("--reference", "TEXT", "Reference of a letter or a call.", default="",
              show_default=False)  # fmt: skip
@flag_option("--not-done", "Mark it as not done.", "is_open")
@revision_option
@source_options
def task(
    key: str, position: int, reference: str, is_open: bool, revision: int | None, as_json: bool,
    **where: Any,
) -> int:  # fmt: skip
    """Mark a task of the checklist as done; TASK is its number, as "cases show" prints it.

    Exits with status 4 if there is no such case or task.
    """
    given = {"done": not is_open, "reference": reference}
    with case_source(**where) as source:
        found = _with_revision(
            source, key, revision, lambda known: source.do_task(key, position, known, given)
        )
    return _show(found, as_json)


@group.command("close")
@_case
@click.argument("outcome", metavar="OUTCOME", type=click.Choice(_OUTCOMES))
@_text
@revision_option
@source_options
def close(
    key: str, outcome: str, text: str, revision: int | None, as_json: bool, **where: Any
) -> int:
    """Close a case as recovered, not_stolen or delisted.

    Its numbers are no longer tracked, and its findings are resolved. Exits with status 4 if there
    is no such case.
    """
    given = {"outcome": outcome, "text": text}
    with case_source(**where) as source:
        found = _with_revision(
            source, key, revision, lambda known: source.close_case(key, known, given)
        )
    return _show(found, as_json)


@group.command("letter")
@_case
@source_options
def letter(key: str, as_json: bool, **where: Any) -> int:
    """Print a letter to the operator about a case.

    Its numbers are masked for a token without full-id scope. Exits with status 4 if there is no
    such case.
    """
    with case_source(**where) as source:
        text = source.letter(key)
    if text is None:
        return _show(None, as_json)
    if as_json:
        print_json({"letter": text})
    else:
        click.echo(text, nl=False)
    return 0


def _split(options: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the given fields, and where the registry is."""
    asks_cell = options.pop("asks_cell")
    values: dict[str, Any] = {} if asks_cell is None else {"cell": asks_cell}
    values |= {name: value or None for name in _FIELDS if (value := options.pop(name)) is not None}
    return values, options


def _with_revision(
    source: CaseSource,
    key: str,
    revision: int | None,
    change: Callable[[int], dict[str, Any] | None],
) -> dict[str, Any] | None:
    found = source.case(key)
    return None if found is None else change(revision or found["revision"])


def _show(found: dict[str, Any] | None, as_json: bool) -> int:
    if found is None:
        click.echo("No match.", err=True)
        return NO_MATCH
    if as_json:
        print_json(found)
        return 0
    names = ("id", "kind", "state", "outcome", "opened_at", "closed_at", *_FIELDS, "revision")
    click.echo(table([[name, cell(found[name])] for name in names if found[name] is not None]))
    if found["cell"]:
        click.echo("cell         noted with each sighting if the setting cell of the gateway is on")
    things = [{**one, **_last(one["last"])} for one in found["things"]]
    _section(("kind", "number", "tag", "model", "tracked", "last_place", "last_seen", "with"),
             things)  # fmt: skip
    sightings = [{**one, "cell": _cell_text(one["cell"])} for one in found["sightings"]]
    _section(("kind", "number", "gateway_id", "port", "mcc", *(("cell",) if found["cell"] else ()),
              "first_seen", "last_seen", "last_report"), sightings)  # fmt: skip
    _section(("position", "text", "done_at", "done_by", "reference"), found["tasks"])
    _section(("time", "actor", "action", "text"), found["journal"])
    return 0


def _last(one: dict[str, Any] | None) -> dict[str, str | None]:
    """Return where a device was last, and with which SIMs or in which modem."""
    if one is None:
        return {"last_place": None, "last_seen": None, "with": None}
    numbers = [one["imei"], *(sim["iccid"] for sim in one["sims"])]
    return {
        "last_place": f"{one['gateway_id'] or '-'} {one['port'] or '-'}",
        "last_seen": one["last_seen"],
        "with": " ".join(filter(None, numbers)) or None,
    }


def _cell_text(one: dict[str, Any] | None) -> str | None:
    """Return a cell as in databases of cells: MCC-MNC-area-cell, the last two in decimal."""
    if one is None:
        return None
    parts = (one["mcc"], one["mnc"], one["area_code"], one["cell_id"])
    return "-".join("?" if part is None else str(part) for part in parts)


def _section(columns: Sequence[str], rows: Sequence[dict[str, Any]]) -> None:
    if rows:
        click.echo()
        show_rows({}, rows, columns, as_json=False)
