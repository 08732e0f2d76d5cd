"""``modemagent provision verify``, ``report``: what an order has led to."""

from __future__ import annotations

from pathlib import Path

import click

from modemagent.cli.options import FOUND_WRONG, flag_option, json_option, value_option
from modemagent.cli.output import plain, print_json
from modemagent.cli.provision.order_options import (
    opened_order,
    order_options,
    station_options,
    writing,
)
from modemagent.errors import UsageError
from modemagent.provisioning.bench_file import BenchSettings
from modemagent.provisioning.journal import JOURNAL_NAME, order_folder, read_journal
from modemagent.provisioning.ledger import Ledger, replayed
from modemagent.provisioning.lot_report import html_report
from modemagent.provisioning.order import BenchOrder
from modemagent.provisioning.results import write_beside
from modemagent.provisioning.verification import verify_results
from modemagent.watching.events import now as time_of_day

_DIR = click.Path(file_okay=False, path_type=Path)
_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command("verify")
@click.argument("folder", metavar="DIR", type=_DIR)
@value_option("--signers", "FILE", "Accepted keys, as in ssh-keygen(1).", type=_FILE)
@value_option("--identity", "NAME", "Identity in the file of keys.", default="station")
@json_option
def verify_command(folder: Path, signers: Path | None, identity: str, as_json: bool) -> int:
    """Check the results in DIR: files, totals, journal and signature.

    Exits with 3 if something was changed.
    """
    wrong = verify_results(folder, signers=signers, identity=identity)
    if as_json:
        print_json({"schema": 1, "valid": not wrong, "problems": wrong})
    else:
        for line in wrong:
            click.echo(plain(line))
        if not wrong:
            signed = " and signature" if signers is not None else ""
            click.echo(f"files, totals, journal{signed} belong together")
    return FOUND_WRONG if wrong else 0


@click.command("report")
@order_options
@station_options
@value_option("--output", "FILE", "HTML file; default: report.html of the order.", type=_FILE)
@flag_option("--supplier", "Leave out people, sites and SIM cards.")
def report_command(
    file: Path,
    columns: Path | None,
    sims: Path | None,
    settings: BenchSettings,
    state_dir: Path,
    output: Path | None,
    supplier: bool,
) -> None:
    """Write the report about ORDER: one HTML file for A4 paper."""
    order = opened_order(file, columns, sims)
    ledger, last = ledger_of(order, state_dir)
    text = html_report(
        order,
        ledger,
        station=settings.station,
        made_at=time_of_day(),
        last_hash=last,
        for_supplier=supplier,
    )
    target = output or order_folder(state_dir, order.name) / "report.html"
    with writing(target):
        write_beside(target, text)
    click.echo(str(target))


def ledger_of(order: BenchOrder, state_dir: Path) -> tuple[Ledger, str]:
    """Return what the journal of an order states, and its last hash.

    :raises UsageError: the bench has not run with this order
    """
    journal = order_folder(state_dir, order.name) / JOURNAL_NAME
    if not journal.exists():
        raise UsageError(
            f"the bench has not run with the order {order.name}",
            hint=f"{journal} does not exist; name another --state-dir.",
        )
    records, last = read_journal(journal)
    return replayed(records), last
