"""``modemagent registry policy import`` and ``export``: the pairs of a policy as CSV."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from modemagent.cli.file_argument import content_of, file_argument
from modemagent.cli.options import FOUND_WRONG, flag_option, value_option
from modemagent.cli.output import plain, print_json
from modemagent.cli.registry.policy import mode_option, ref_argument
from modemagent.cli.registry.source import (
    policy_source,
    source_options,
)

_FORMS = ("iccid-imei", "imsi-imei", "1nce")


@click.command("import", short_help="Make a policy of the pairs in a CSV file.")
@click.argument("name", metavar="NAME")
@file_argument
@mode_option
@value_option("--from", "DATE", "First day or time of validity.", "valid_from")
@value_option("--to", "DATE", "Last day or end of validity.", "valid_to")
@flag_option("--dry-run", "Show what is wrong with the file.")
@source_options
def import_command(
    name: str, file: Path, mode: str, valid_from: str | None, valid_to: str | None, dry_run: bool,
    as_json: bool, **where: Any,
) -> int:  # fmt: skip
    """Make a policy with the name NAME of the pairs in FILE, with the columns imei and iccid.

    \b
    modemagent registry policy import pairs-2026-12 pairs.csv --from 2026-12-07 --mode enforce

    Exits with status 3 if FILE has errors; then nothing is imported. - is stdin.
    """
    given = {"name": name, "mode": mode, "valid_from": valid_from, "valid_to": valid_to}
    content = content_of(file)
    with policy_source(**where) as source:
        report = source.import_pairs(content, dry_run=dry_run, given=given)
    if as_json:
        print_json(report)
    else:
        for one in report["problems"][:20]:
            text = f"{one['severity']}: line {one['line']}: {one['message']}. {one['remedy']}"
            click.echo(plain(text), err=True)
        if not report["accepted"]:
            click.echo("nothing was imported", err=True)
        elif dry_run:
            click.echo(f"would import {report['pairs']} pairs")
        else:
            begin = f" from {valid_from}" if valid_from else ""
            click.echo(f"policy {report['ref']}: {report['pairs']} pairs, mode {mode}{begin}")
            click.echo(f"What it finds now: modemagent registry policy dry-run {report['ref']}")
    return 0 if report["accepted"] else FOUND_WRONG


@click.command("export", short_help="Print the pairs of a policy as CSV.")
@ref_argument
@value_option("--form", "FORM", "Columns: iccid-imei, imsi-imei or 1nce.",
              type=click.Choice(_FORMS), default="iccid-imei")  # fmt: skip
@source_options
def export_command(ref: str, form: str, as_json: bool, **where: Any) -> int:
    """Print the pairs of a policy, stated and learned, as CSV for an operator's IMEI lock."""
    with policy_source(**where) as source:
        found = source.pairs(ref)
    if found is None:
        click.echo("No match.", err=True)
        return 4
    if as_json:
        print_json({"pairs": found})
        return 0
    columns = [*form.split("-")] if form != "1nce" else ["iccid", "imei", "imei_lock"]
    click.echo(",".join(columns))
    for one in found:
        row = {**one, "imei_lock": "true"}
        if all(row.get(name) for name in columns):
            click.echo(",".join(str(row[name]) for name in columns))
    return 0
