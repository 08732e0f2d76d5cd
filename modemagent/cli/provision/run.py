"""``modemagent provision ORDER``: run the bench."""

from __future__ import annotations

from pathlib import Path

import click

from modemagent.cli.options import flag_option, json_option_with, value_option
from modemagent.cli.provision.order_options import opened_order, order_options, station_options
from modemagent.cli.provision.plain import json_listener, plain_listener
from modemagent.logs import open_log
from modemagent.provisioning.bench_file import BenchSettings
from modemagent.provisioning.session import SessionOptions, run_session


@click.command("run")
@order_options
@station_options
@flag_option("--once", "End when every module in the tray has its verdict.")
@flag_option("--plain", "Print lines instead of the screen.")
@flag_option("--verbose", "With --plain, print each state of each bay.")
@value_option(
    "--scanner",
    "SOURCE",
    "Read scans from stdin, fifo:PATH or serial:PATH; repeatable. Default: stdin.",
    "scanners",
    multiple=True,
)
@value_option(
    "--results",
    "DIR",
    "Directory of the results; default: that of the order.",
    type=click.Path(file_okay=False, path_type=Path),
)
@flag_option("--with-imsi", "Include the IMSI in the results.")
@json_option_with("Print one JSON object for each event; lines of stdin are acts and scans.")
def run_command(
    file: Path,
    columns: Path | None,
    sims: Path | None,
    settings: BenchSettings,
    state_dir: Path,
    once: bool,
    plain: bool,
    verbose: bool,
    scanners: tuple[str, ...],
    results: Path | None,
    with_imsi: bool,
    as_json: bool,
) -> int:
    """Compare every module that is plugged in with ORDER.

    \b
    modemagent provision order.csv
    modemagent provision order.csv --bay 01=/dev/ttyUSB2 --once --plain

    Nothing is written to a module. Exits with 0 if no unit has failed, 3 if one has, 5 if the
    order is open in another process.
    """
    order = opened_order(file, columns, sims)
    listener = json_listener() if as_json else plain_listener(is_verbose=verbose)
    sources = scanners or settings.scanners or (() if once else ("stdin",))
    options = SessionOptions(once, sources, results, with_imsi)
    return run_session(order, settings, state_dir, listener, log=open_log("error"), options=options)
