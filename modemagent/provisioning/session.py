"""One session of the bench: from opening an order to its results."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from modemagent.errors import ModemAgentError, PortNotFound, UsageError
from modemagent.logs import Log
from modemagent.provisioning.acts import open_rows
from modemagent.provisioning.attempt import RunVerdict
from modemagent.provisioning.bench_file import BenchSettings
from modemagent.provisioning.events import Happening, PersonActed
from modemagent.provisioning.figures import figures
from modemagent.provisioning.journal import JournalError, order_folder, read_journal
from modemagent.provisioning.label_job import LabelPrinter, template_of
from modemagent.provisioning.lots import lot_findings
from modemagent.provisioning.order import BenchOrder
from modemagent.provisioning.order_copy import keep_order
from modemagent.provisioning.past import passed_elsewhere
from modemagent.provisioning.people import StandingWaiver
from modemagent.provisioning.registry_check import (
    HttpKnownUnits,
    KnownUnits,
    OfflineUnits,
    read_export,
)
from modemagent.provisioning.results import write_results
from modemagent.provisioning.runtime import Bench, Listener
from modemagent.provisioning.scans.sources import ScanSources
from modemagent.provisioning.station_record import last_check
from modemagent.provisioning.station_reports import StationReports
from modemagent.provisioning.steps.context import label_rule
from modemagent.provisioning.view import order_counts
from modemagent.provisioning.waivers import read_waivers
from modemagent.watching.events import now as time_of_day

FAILED, REGISTRY_AWAY, INTERRUPTED = 3, 6, 130
#: Time after which a tray that is worked off once counts as empty: modules may be starting.
_EMPTY_S = 10.0

#: A person or a screen that works beside the bench until it is cancelled.
Companion = Callable[[Bench, asyncio.Event], Awaitable[None]]


class SessionOptions(NamedTuple):
    """How a session runs.

    :param once: end when every module of the tray has its verdict
    :param sources: names of scanners
    :param results: directory of the results; None: that of the order
    """

    once: bool = False
    sources: Sequence[str] = ()
    results: Path | None = None
    with_imsi: bool = False


def refuse_order(order: BenchOrder) -> None:
    """Refuse an order with errors.

    :raises UsageError: it has some; the first is in the message
    """
    errors = order.errors
    if errors:
        first = errors[0]
        place = f"line {first.line}, {first.column}: " if first.column else f"line {first.line}: "
        count, more = "1 error", ""
        if len(errors) > 1:
            count, more = f"{len(errors)} errors", f" and {len(errors) - 1} more"
        raise UsageError(
            f"the order has {count}: {place}{first.message}{more}",
            hint=f"{first.remedy} See: modemagent provision check ORDER",
        )


@contextmanager
def opened_station(
    order: BenchOrder, settings: BenchSettings, state_dir: Path, log: Log
) -> Iterator[tuple[LabelPrinter | None, StationReports | None]]:
    """Open the printer and the outbox of a station, as far as its settings name them.

    :raises LabelError: a template of the order does not fit
    :raises UsageError: a label cannot be printed with the values of the order
    :raises SettingsError: the settings of printer or registry cannot be used
    """
    printer = None
    if settings.printer:
        from modemagent.provisioning.label_check import label_problems
        from modemagent.provisioning.printers import open_printer

        folder = order_folder(state_dir, order.name) / "labels"
        printer = open_printer(settings.printer, dpi=settings.dpi, folder=folder)
        printed = (row for row in order.rows if label_rule(row).startswith("print"))
        for name in sorted({template_of(row, settings) for row in printed}):
            printer.prepare(name)
        problems = label_problems(order, settings, printer)
        refuse_order(order._replace(problems=(*order.problems, *problems)))
    reports = None
    if settings.registry != "none":
        reports = StationReports(settings, state_dir / "provision" / "outbox", order.name, log)
    yield printer, reports


def dry_run_of(order: BenchOrder, settings: BenchSettings) -> tuple[BenchOrder, BenchSettings]:
    """Return order and settings with which nothing is registered or printed."""
    rows = tuple(
        row._replace(values={**row.values, "label": "none"})
        if label_rule(row).startswith("print")
        else row
        for row in order.rows
    )
    return order._replace(rows=rows), settings._replace(registry="none", printer="", hooks=())


def run_session(
    order: BenchOrder,
    settings: BenchSettings,
    state_dir: Path,
    listener: Listener,
    *,
    log: Log,
    options: SessionOptions,
    printer: LabelPrinter | None = None,
    reports: StationReports | None = None,
    companions: Sequence[Companion] = (),
    known_units: KnownUnits | None = None,
) -> int:
    """Run the bench until it is ended, and return the exit status.

    :param known_units: what units are checked with; None: the registry of the settings

    :raises ModemAgentError: the order is open elsewhere, or its journal cannot be used
    """
    refuse_order(order)
    if not settings.bays:
        raise UsageError(
            "the station has no bays",
            hint="Name them in bench.toml, with --bay NUMBER=PORT, or learn them: "
            "modemagent provision bays learn",
        )
    folder = order_folder(state_dir, order.name)
    if known_units is None and settings.checks_units:
        known_units = HttpKnownUnits(settings)
    offline = OfflineUnits()
    if settings.registry_export:
        offline = read_export(Path(settings.registry_export), settings.station)
    waivers: Sequence[StandingWaiver] = ()
    if settings.waivers:
        waivers = read_waivers(Path(settings.waivers), settings.people)
    bench = Bench(
        order,
        settings,
        folder,
        log=log,
        printer=printer,
        reports=reports,
        elsewhere=passed_elsewhere(folder),
        known_units=known_units,
        offline=offline,
        waivers=waivers,
        listener=listener,
        station_check=last_check(state_dir),
    )
    try:
        keep_order(order, folder, bench.state.ledger)
        is_interrupted = asyncio.run(_run(bench, listener, options, log, companions))
        if bench.fault:
            raise JournalError(bench.fault, hint="The last verdicts that were shown are kept.")
        _finish(bench, listener)
        bench.state.ledger.restore_readings(read_journal(bench.journal.path)[0])
        write_results(bench.state, bench.journal, options.results or folder / "results",
                      with_imsi=options.with_imsi)  # fmt: skip
    finally:
        bench.close()
    if is_interrupted:
        return INTERRUPTED
    failed = any(unit.verdict is RunVerdict.FAIL for unit in bench.state.ledger.units.values())
    nameless = any(
        run.verdict is RunVerdict.FAIL and not run.unit for run in bench.state.ledger.runs.values()
    )
    if failed or nameless:
        return FAILED
    runs = (bay.run for bay in bench.state.bays.values())
    waits = any(run and run.verdict is None and run.hold_step == "register" for run in runs)
    return REGISTRY_AWAY if waits and settings.registry == "confirm" else 0


def _finish(bench: Bench, listener: Listener) -> None:
    """Announce the figures and what is left of the order."""
    line = bench.state
    found = figures(line.ledger)
    for one in lot_findings(line.ledger, line.index.rows):
        fields = {**one._asdict(), "runs": list(one.runs)}
        listener("lot.finding", time_of_day(), fields)
    listener("figures", time_of_day(), found)
    counts = order_counts(line)
    listener(
        "order.closed",
        time_of_day(),
        {
            "order": line.order.name,
            "passed": counts.passed,
            "waived": counts.waived,
            "failed": counts.failed,
            "left": counts.left,
            "first_pass_yield": found["first_pass_yield"],
            "open_rows": open_rows(line),
            "is_closed": line.ledger.is_closed,
        },
    )


async def _run(
    bench: Bench,
    listener: Listener,
    options: SessionOptions,
    log: Log,
    companions: Sequence[Companion],
) -> bool:
    """Run until the end; return True if a signal ended it."""
    stop, interrupted = asyncio.Event(), False
    loop = asyncio.get_running_loop()

    def interrupt() -> None:
        nonlocal interrupted
        interrupted = True
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, interrupt)

    def post(event: Happening) -> None:
        bench.post(event)
        if bench.state.message:
            listener("act.refused", time_of_day(), {"message": bench.state.message})
        if isinstance(event, PersonActed) and event.do == "end":
            loop.call_later(0.0, stop.set)

    def refuse(error: ModemAgentError) -> None:
        listener("act.refused", time_of_day(), {"message": error.message, "hint": error.hint})

    sources = ScanSources(post, log, refuse)
    for name in options.sources:
        sources.start(name)
    working = [asyncio.ensure_future(companion(bench, stop)) for companion in companions]
    if options.once:
        working.append(asyncio.ensure_future(_stop_when_done(bench, stop)))
    try:
        await bench.run(stop)
    finally:
        for task in working:
            task.cancel()
        results = await asyncio.gather(*working, return_exceptions=True)
    for result in results:
        if isinstance(result, Exception):
            raise result
    return interrupted


async def _stop_when_done(bench: Bench, stop: asyncio.Event) -> None:
    """End the session when the tray has been done for a moment.

    :raises PortNotFound: no bay has a module
    """
    done_at: float | None = None
    empty_until = time.monotonic() + _EMPTY_S
    while True:
        await asyncio.sleep(0.05)
        if empty_until and any(bay.is_plugged for bay in bench.state.bays.values()):
            empty_until = 0.0
        elif empty_until and time.monotonic() >= empty_until:
            stop.set()
            bays = ", ".join(bench.state.bays)
            raise PortNotFound(
                f"no module in the bays {bays}",
                port=bays,
                hint="Plug one in, and look at the sockets: modemagent provision bays show",
            )
        if not bench.is_tray_done:
            done_at = None
        elif done_at is None:
            done_at = time.monotonic()
        elif time.monotonic() - done_at >= 0.2:
            stop.set()


def settings_with_bays(settings: BenchSettings, bays: Mapping[str, str]) -> BenchSettings:
    """Return settings with further bays."""
    return settings._replace(bays=dict(sorted({**settings.bays, **bays}.items())))
