"""``modemagent provision check``: read an order and list what is wrong with it."""

from __future__ import annotations

from pathlib import Path

import click

from modemagent.cli.options import FOUND_WRONG, json_option
from modemagent.cli.output import heading, paragraph, plain, print_json
from modemagent.cli.provision.order_options import (
    bench_option,
    opened_order,
    order_options,
    read_settings,
)
from modemagent.extras import install_command
from modemagent.identity.csv_table import LineProblem
from modemagent.provisioning.bench_file import BenchSettings
from modemagent.provisioning.columns import propose_map
from modemagent.provisioning.order import BenchOrder
from modemagent.provisioning.steps.context import label_rule


@click.command("check")
@order_options
@bench_option
@json_option
def check_command(
    file: Path, columns: Path | None, sims: Path | None, bench: Path | None, as_json: bool
) -> int:
    """Read ORDER and list what is wrong with it, without a module.

    Labels that are to be printed are laid out with the values of the order. For a file whose
    columns are not found, a column map is proposed. Exits with 3 if the order has errors.
    """
    order = opened_order(file, columns, sims)
    settings = read_settings(bench)
    if any(label_rule(row).startswith("print") for row in order.rows):
        order = _with_label_problems(order, settings)
    proposed = []
    if any(one.code in ("header", "unknown_column") for one in order.problems):
        proposed = propose_map(file.read_bytes())
    if as_json:
        print_json(
            {
                "schema": 1,
                "order": order.name,
                "sha256": order.digest,
                "rows": len(order.rows),
                "units": order.size,
                "sims": None if order.sims is None else len(order.sims),
                "problems": [one.to_json() for one in order.problems],
                "columns": proposed,
            }
        )
    else:
        _print(order, proposed)
    return FOUND_WRONG if order.errors else 0


def _with_label_problems(order: BenchOrder, settings: BenchSettings) -> BenchOrder:
    try:
        from modemagent.provisioning.label_check import label_problems
        from modemagent.provisioning.printers import open_printer
    except ModuleNotFoundError as missing:
        unchecked = LineProblem(
            0, "label", "label_unchecked", "warning",
            f"the labels are not checked, because the package {missing.name} is missing",
            f"Install it with: {install_command('bench')}",
        )  # fmt: skip
        return order._replace(problems=(*order.problems, unchecked))
    printer = open_printer("file:.", dpi=settings.dpi)
    return order._replace(problems=(*order.problems, *label_problems(order, settings, printer)))


def _print(order: BenchOrder, proposed: list[str]) -> None:
    sims = "" if order.sims is None else f", {len(order.sims)} SIM cards"
    click.echo(
        heading(f"order {plain(order.name)}: {len(order.rows)} rows, {order.size} units{sims}")
    )
    if order.skipped:
        click.echo(f"{order.skipped} lines before the header are skipped")
    for one in order.problems:
        click.echo(paragraph(f"{_place(one)}: {one.severity}: ", f"{one.message}. {one.remedy}"))
    if proposed:
        click.echo("\nA column map for --columns, to be checked:\n")
        click.echo("\n".join(proposed))
    if not order.problems:
        click.echo("nothing is wrong with it")


def _place(problem: LineProblem) -> str:
    column = f", {plain(problem.column)}" if problem.column else ""
    return f"line {problem.line}{column}" if problem.line else f"file{column}"
