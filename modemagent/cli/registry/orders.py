"""``modemagent registry orders``: what suppliers are to deliver, and what was received."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from modemagent.cli.file_argument import content_of, file_argument
from modemagent.cli.options import flag_option, value_option
from modemagent.cli.output import cell, print_json, table
from modemagent.cli.registry.assets import NO_MATCH, revision_option
from modemagent.cli.registry.database import show_rows
from modemagent.cli.registry.lists import all_pages, dry_run_option, guard_options, show_report
from modemagent.cli.registry.source import (
    asset_source,
    limit_option,
    list_source,
    source_options,
)
from modemagent.registry_client.assets import AssetSource

_COLUMNS = ("id", "number", "supplier", "state", "expected", "received", "created_at")
_ROW = ("id", "line", "lot", "model", "imei", "iccid", "quantity", "received")
_PAGE = 1000

_order = click.argument("name", metavar="ORDER")


@click.group("orders", invoke_without_command=True)
@limit_option
@source_options
def group(limit: int | None, as_json: bool, **where: Any) -> None:
    """List orders, or import order files.

    \b
    modemagent registry orders
    modemagent registry orders import order.csv --order 4711 --supplier Quectel
    modemagent registry orders show 4711

    Options before the name of a subcommand are those of the list.
    """
    if click.get_current_context().invoked_subcommand is not None:
        return
    with asset_source(**where) as source:
        found = all_pages(source.orders, "orders", limit)
    show_rows({"orders": found}, found, _COLUMNS, as_json)


@group.command("show")
@_order
@flag_option("--rows", "Show its rows as well.", "with_rows")
@source_options
def show(name: str, with_rows: bool, as_json: bool, **where: Any) -> int:
    """Show an order and its lots, by its number or its id.

    Exits with status 4 if there is no such order.
    """
    with asset_source(**where) as source:
        is_whole = with_rows or as_json
        found = _whole(source, name) if is_whole else source.order(name, 1, None)
    return _show(found, as_json, with_rows=with_rows)


@group.command("export")
@_order
@source_options
def export(name: str, as_json: bool, **where: Any) -> int:
    """Print the rows of an order as an order file.

    Exits with status 4 if there is no such order.
    """
    with asset_source(**where) as source:
        if as_json:
            return _show(_whole(source, name), as_json)
        text = source.order_csv(name)
    if text is None:
        return _show(None, as_json)
    click.echo(text, nl=False)
    return 0


@group.command("import", short_help="Import an order file.")
@file_argument
@value_option("--order", "NUMBER", "Number of the order, for lines that do not state it.",
              default="", show_default=False)  # fmt: skip
@value_option("--supplier", "NAME", "Supplier of orders that are new.", default="",
              show_default=False)  # fmt: skip
@dry_run_option
@flag_option("--replace", "Remove rows of these orders that FILE lacks.", "instead")
@guard_options
@source_options
def import_command(
    file: Path, order: str, supplier: str, dry_run: bool, instead: bool, skip: bool, force: bool,
    most_change: float, as_json: bool, **where: Any,
) -> int:  # fmt: skip
    """Import the rows of orders from a CSV file.

    \b
    modemagent registry orders import order.csv --order 4711 --supplier Quectel --dry-run

    Columns: order, lot, manufacturer, model, firmware, tac, quantity, imei, iccid, eid, imsi,
    serial_number, asset_tag, site, owner, note, sim, label, label_template. A row needs a number, a
    model or a quantity. Rows whose units were received are not changed. FILE is imported as a whole
    or not at all. Exits with status 3 if it has errors; "registry lists undo" undoes an import.
    - is stdin.
    """
    content = content_of(file)
    with list_source(**where) as source:
        report = source.import_file(
            content, dry_run=dry_run, target="orders", instead=instead, source=supplier,
            order=order, skip=skip, force=force, most_change=most_change,
        )  # fmt: skip
    return show_report(report, dry_run, as_json)


@group.command("receive")
@_order
@click.argument("row", metavar="ROW")
@click.argument("received", metavar="QUANTITY", type=click.IntRange(min=0))
@revision_option
@source_options
def receive(
    name: str, row: str, received: int, revision: int | None, as_json: bool, **where: Any
) -> int:
    """Set how many units of a row without a number were received in all.

    ROW is its id, as "orders show --rows" prints it. A row with an IMEI or ICCID is received when
    its unit reports. Exits with status 4 if there is no such order or row.
    """
    with asset_source(**where) as source:
        found = source.order(name, 1, None)
        if found is not None:
            known = revision or found["revision"]
            found = source.receive_units(found["id"], row, known, received)
    return _show(found, as_json)


def _change(name: str, closed: bool, revision: int | None, as_json: bool, where: Any) -> int:
    with asset_source(**where) as source:
        found = source.order(name, 1, None)
        if found is not None:
            known = revision or found["revision"]
            found = source.change_order(found["id"], known, {"closed": closed})
    return _show(found, as_json)


@group.command("close")
@_order
@revision_option
@source_options
def close(name: str, revision: int | None, as_json: bool, **where: Any) -> int:
    """Close an order: the rest of it is no longer expected.

    Exits with status 4 if there is no such order.
    """
    return _change(name, True, revision, as_json, where)


@group.command("reopen")
@_order
@revision_option
@source_options
def reopen(name: str, revision: int | None, as_json: bool, **where: Any) -> int:
    """Open a closed order again.

    Exits with status 4 if there is no such order.
    """
    return _change(name, False, revision, as_json, where)


def _whole(source: AssetSource, name: str) -> dict[str, Any] | None:
    """Return an order with all of its rows."""
    found = source.order(name, _PAGE, None)
    while found is not None and found["next"] is not None:
        page = source.order(name, _PAGE, found["next"]) or {"rows": [], "next": None}
        found = {**found, "rows": found["rows"] + page["rows"], "next": page["next"]}
    return found


def _show(found: dict[str, Any] | None, as_json: bool, *, with_rows: bool = False) -> int:
    if found is None:
        click.echo("No match.", err=True)
        return NO_MATCH
    if as_json:
        print_json(found)
        return 0
    names = ("id", "number", "supplier", "note", "state", "expected", "received", "revision")
    click.echo(table([[name, cell(found[name])] for name in names]))
    lines = [["LOT", "MANUFACTURER", "MODEL", "EXPECTED", "RECEIVED"]]
    for lot in found["lots"]:
        for one in lot["models"]:
            values = (lot["lot"], one["manufacturer"], one["model"], one["expected"],
                      one["received"])  # fmt: skip
            lines.append([cell(value) for value in values])
    click.echo("\n" + table(lines))
    if with_rows:
        click.echo()
        show_rows({}, found["rows"], _ROW, as_json)
    return 0
