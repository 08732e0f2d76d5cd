"""``modemagent registry assets``: the inventory, its history, and its CSV files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from modemagent.cli.file_argument import content_of, file_argument
from modemagent.cli.options import flag_option, value_option
from modemagent.cli.output import cell, print_json, table
from modemagent.cli.registry.database import show_rows
from modemagent.cli.registry.lists import all_pages, dry_run_option, guard_options, show_report
from modemagent.cli.registry.source import (
    asset_source,
    limit_option,
    list_source,
    source_options,
)
from modemagent.errors import UsageError

STATES = ("ordered", "in_stock", "installed", "in_repair", "lost", "retired")
_FIELDS = (
    "tag", "serial_number", "category", "manufacturer", "model", "imei", "label_imei", "owner",
    "site", "lifecycle", "supplier", "order_number", "purchased", "warranty_end", "repair", "note",
)  # fmt: skip
_COLUMNS = ("id", "tag", "serial_number", "model", "imei", "owner", "site", "lifecycle",
            "warranty_end")  # fmt: skip
NO_MATCH = 4

_site = value_option("--site", "SITE", "Only at this site.")
_owner = value_option("--owner", "OWNER", "Only of this owner.")
_lifecycle = value_option(
    "--lifecycle", "STATE", f"Only in this state: {', '.join(STATES)}.", type=click.Choice(STATES)
)
_reason = value_option("--reason", "TEXT", "Why, for the history.", default="", show_default=False)
_settings = click.argument("settings", metavar="FIELD=VALUE...", nargs=-1, required=True)
revision_option = value_option(
    "--revision",
    "N",
    "Change it only if it still has this revision; default: the present one.",
    type=click.IntRange(min=1),
)


@click.group("assets", invoke_without_command=True)
@_site
@_owner
@_lifecycle
@limit_option
@source_options
def group(
    site: str | None, owner: str | None, lifecycle: str | None, limit: int | None, as_json: bool,
    **where: Any,
) -> None:  # fmt: skip
    """List assets, or change them: devices with and without modems.

    \b
    modemagent registry assets --site Hamburg --lifecycle in_stock
    modemagent registry assets show A-1183
    modemagent registry assets set A-1183 lifecycle=in_repair --reason "does not charge"

    Options before the name of a subcommand are those of the list.
    """
    if click.get_current_context().invoked_subcommand is not None:
        return
    filters = {"site": site, "owner": owner, "lifecycle": lifecycle}
    with asset_source(**where) as source:
        found = all_pages(
            lambda most, after: source.assets(most, after, **filters), "assets", limit
        )
    show_rows({"assets": found}, found, _COLUMNS, as_json)


@group.command("show")
@click.argument("name", metavar="ASSET")
@source_options
def show(name: str, as_json: bool, **where: Any) -> int:
    """Show an asset and its history, by its tag or its id.

    Exits with status 4 if there is no such asset.
    """
    with asset_source(**where) as source:
        found = source.named_asset(name)
    if found is None:
        click.echo("No match.", err=True)
        return NO_MATCH
    _show(found, as_json)
    return 0


@group.command("add")
@_settings
@_reason
@source_options
def add(settings: Sequence[str], reason: str, as_json: bool, **where: Any) -> None:
    """Add an asset with a tag, a serial number or an IMEI.

    \b
    modemagent registry assets add tag=A-1183 serial_number=5CG2110 category=laptop owner=ann
    modemagent registry assets add tag=A-1184 imei=867698040000013 site=Hamburg

    Fields: tag, serial_number, category, manufacturer, model, imei, label_imei, owner, site,
    lifecycle, supplier, order_number, purchased, warranty_end, repair, note.
    """
    with asset_source(**where) as source:
        found = source.add_asset({**_values(settings), "reason": reason})
    _show(found, as_json)


@group.command("set")
@click.argument("name", metavar="ASSET")
@_settings
@_reason
@revision_option
@source_options
def set_command(
    name: str, settings: Sequence[str], reason: str, revision: int | None, as_json: bool,
    **where: Any,
) -> int:  # fmt: skip
    """Change fields of an asset, named by its tag or its id; an empty VALUE empties a field.

    \b
    modemagent registry assets set A-1183 lifecycle=installed site=Lyon --reason "ticket 88"

    A state of the lifecycle must be one of the next steps that "assets show" prints. Exits with
    status 4 if there is no such asset.
    """
    values = {**_values(settings), "reason": reason}
    with asset_source(**where) as source:
        found = source.named_asset(name)
        if found is not None:
            known = revision or found["revision"]
            found = source.change_asset(found["id"], known, values)
    if found is None:
        click.echo("No match.", err=True)
        return NO_MATCH
    _show(found, as_json)
    return 0


@group.command("delete")
@click.argument("name", metavar="ASSET")
@revision_option
@source_options
def delete_command(name: str, revision: int | None, as_json: bool, **where: Any) -> int:
    """Delete an asset with its history, by its tag or its id: one that was added by mistake.

    \b
    modemagent registry assets delete A-1183

    An asset that a case or a note is about is not deleted: set its lifecycle to retired. Exits with
    status 4 if there is no such asset.
    """
    with asset_source(**where) as source:
        found = source.named_asset(name)
        is_deleted = found is not None and source.delete_asset(
            found["id"], revision or found["revision"]
        )
    if found is None or not is_deleted:
        click.echo("No match.", err=True)
        return NO_MATCH
    if as_json:
        print_json({"id": found["id"]})
    else:
        click.echo(f"asset {name} deleted")
    return 0


@group.command("export")
@_site
@_owner
@_lifecycle
@flag_option("--text", "Write IMEIs in a form that spreadsheets do not round.", "as_text")
@source_options
def export(
    site: str | None, owner: str | None, lifecycle: str | None, as_text: bool, as_json: bool,
    **where: Any,
) -> None:  # fmt: skip
    """Print assets as CSV, to be edited and imported again.

    \b
    modemagent registry assets export --site Hamburg > assets.csv
    """
    filters = {"site": site, "owner": owner, "lifecycle": lifecycle}
    with asset_source(**where) as source:
        if as_json:
            found = all_pages(
                lambda most, after: source.assets(most, after, **filters), "assets", None
            )
            print_json({"assets": found})
        else:
            text = source.asset_csv(as_text=as_text, **filters)
            click.echo(text, nl=False)


@group.command("import", short_help="Import a CSV file of assets.")
@file_argument
@dry_run_option
@guard_options
@_reason
@source_options
def import_command(
    file: Path, dry_run: bool, skip: bool, force: bool, most_change: float, reason: str,
    as_json: bool, **where: Any,
) -> int:  # fmt: skip
    """Import assets from a CSV file with the columns of "assets export".

    \b
    modemagent registry assets import assets.csv --dry-run
    modemagent registry assets import assets.csv --reason "stocktaking 2026"

    A line changes the asset with its id, else with its tag, else with its serial number; otherwise
    it adds one. Columns that FILE lacks are not changed. FILE is imported as a whole or not at all.
    Exits with status 3 if it has errors; "registry lists undo" undoes an import. - is stdin.
    """
    content = content_of(file)
    with list_source(**where) as source:
        report = source.import_file(
            content, dry_run=dry_run, target="assets", instead=False, reason=reason, skip=skip,
            force=force, most_change=most_change,
        )  # fmt: skip
    return show_report(report, dry_run, as_json)


def _values(settings: Sequence[str]) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for one in settings:
        name, sign, value = one.partition("=")
        if not sign or name not in _FIELDS:
            raise UsageError(f"{one!r} is not FIELD=VALUE", hint=f"Fields: {', '.join(_FIELDS)}.")
        found[name] = value or None
    return found


def _show(found: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    rows = [[name, cell(found[name])] for name in ("id", "revision", *_FIELDS) if found[name]]
    rows.append(["next steps", ", ".join(found["next_steps"])])
    modem = found["modem"]
    if modem is not None:
        place = f"{modem['gateway_id']}/{modem['port']}" if modem["present"] else "-"
        rows.append(["modem at", f"{place}, last report {modem['last_seen']}"])
    click.echo(table(rows))
    click.echo()
    lines = [["TIME", "ACTOR", "CHANGE", "REASON"]]
    for one in found["history"]:
        for change in one["changes"]:
            text = f"{change['field']}: {cell(change['old'])} -> {cell(change['new'])}"
            lines.append([one["time"], cell(one["actor"]), text, cell(one["reason"])])
    click.echo(table(lines))
