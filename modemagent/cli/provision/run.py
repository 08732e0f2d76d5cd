"""``modemagent provision ORDER``: run the bench."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from modemagent.cli.options import flag_option, json_option_with, value_option
from modemagent.cli.provision.order_options import opened_order, order_options, station_options
from modemagent.cli.provision.plain import json_listener, plain_listener, silent_listener
from modemagent.cli.provision.screens import (
    browser_companions,
    screen_options,
    terminal_companions,
    with_screen,
)
from modemagent.logs import NullLog, open_log
from modemagent.provisioning.bench_file import BenchSettings
from modemagent.provisioning.session import (
    SessionOptions,
    dry_run_of,
    opened_station,
    run_session,
)


@click.command("run")
@order_options
@station_options
@flag_option("--once", "End when every module in the tray has its verdict.")
@flag_option("--recheck", "Check units again that have passed; a lead has to be signed in.")
@flag_option("--dry-run", "Read and compare only: nothing is claimed, registered or printed.")
@flag_option("--plain", "Print lines instead of the screen.")
@flag_option("--verbose", "With --plain, print each state of each bay.")
@value_option(
    "--scanner",
    "SOURCE",
    "Read scans from stdin, fifo:PATH or serial:PATH; repeatable. Default: the keyboard.",
    "scanners",
    multiple=True,
)
@value_option(
    "--results",
    "DIR",
    "Directory of the results; default: that of the order.",
    type=click.Path(file_okay=False, path_type=Path),
)
@screen_options
@flag_option("--with-imsi", "Include the IMSI in the results.")
@json_option_with("Print one JSON object for each event; lines of stdin are acts and scans.")
def run_command(
    file: Path,
    columns: Path | None,
    sims: Path | None,
    settings: BenchSettings,
    state_dir: Path,
    once: bool,
    recheck: bool,
    dry_run: bool,
    plain: bool,
    verbose: bool,
    scanners: tuple[str, ...],
    results: Path | None,
    screen: str | None,
    screen_token_file: Path | None,
    with_imsi: bool,
    as_json: bool,
) -> int:
    """Compare every module that is plugged in with ORDER.

    \b
    modemagent provision order.csv
    modemagent provision order.csv --bay 01=/dev/ttyUSB2 --once --plain
    modemagent provision order.csv --screen 127.0.0.1:8471

    Nothing is written to a module. Exits with 0 if no unit has failed, 3 if one has, 4 if no bay
    has a module, 5 if the order is open in another process, 6 if units wait for the registry.
    """
    order = opened_order(file, columns, sims)
    settings = with_screen(settings, screen, screen_token_file)._replace(rechecks=recheck)
    on_terminal = terminal_companions(is_wanted=not (plain or as_json or once))
    with ExitStack() as stack:
        if dry_run:
            order, settings = dry_run_of(order, settings)
            name = stack.enter_context(TemporaryDirectory(prefix="modemagent-dry-run-"))
            state_dir = Path(name)
        if as_json:
            listener = json_listener()
        else:
            listener = silent_listener() if on_terminal else plain_listener(is_verbose=verbose)
        keyboard = () if once or on_terminal else ("stdin",)
        options = SessionOptions(
            once, scanners or settings.scanners or keyboard, results, with_imsi
        )
        log = NullLog() if on_terminal else open_log("error")
        printer, reports = stack.enter_context(opened_station(order, settings, state_dir, log))
        return run_session(
            order,
            settings,
            state_dir,
            listener,
            log=log,
            options=options,
            printer=printer,
            reports=reports,
            companions=(*on_terminal, *browser_companions(settings)),
        )
