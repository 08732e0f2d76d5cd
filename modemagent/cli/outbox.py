"""``modemagent outbox``: queued reports, with the daemon or without it."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import click

from modemagent.access.agent import state_dir_of
from modemagent.cli.options import (
    flag_option,
    global_options,
    json_option,
    state_dir_option,
    timeout_option,
    value_option,
)
from modemagent.cli.output import cell, plain, print_json, table
from modemagent.cli.port_options import locate_agent
from modemagent.control.client import ask
from modemagent.errors import AgentNotRunning, OutboxError, RegistryUnreachable
from modemagent.logs import NullLog
from modemagent.report.outbox.outbox import Outbox
from modemagent.report.outbox.state_dir import DB_NAME
from modemagent.report.outbox.tables import read_outbox
from modemagent.report.status import listing
from modemagent.settings import Settings, load

_EVERY = 1_000_000
_READ_S = 30.0


@click.group()
def command() -> None:
    """List, export or flush queued reports."""


@command.command("list", short_help="List queued reports.")
@state_dir_option
@value_option(
    "--limit", "N", "List at most N reports.", type=click.IntRange(1, _EVERY), default=1000
)
@json_option
def list_(state_dir: str | None, limit: int, as_json: bool) -> None:
    """List queued reports, oldest first, and reports that the registry rejected."""
    listed = _listing(state_dir_of(locate_agent(state_dir)), limit)
    if as_json:
        print_json(listed)
        return
    for name in listed["quarantined"]:
        click.echo(f"A damaged outbox file was quarantined: {plain(name)}", err=True)
    if listed["evicted"]:
        click.echo(f"{listed['evicted']} reports were evicted for lack of space.", err=True)
    if not listed["waiting"] and not listed["dead_letters"]:
        click.echo("The outbox is empty.")
        return
    rejected_reports = [rejected["report"] for rejected in listed["rejected_reports"]]
    rows = map(_row, (*listed["reports"], *rejected_reports))
    click.echo(table([("SEQUENCE", "OBSERVED AT", "REASON", "PORT", "IMEI"), *rows]))
    for rejected in listed["rejected_reports"]:
        click.echo(plain(f"{rejected['report']['sequence']} was rejected: {rejected['reason']}"))
    more = listed["waiting"] - len(listed["reports"])
    if more > 0:
        click.echo(f"{more} more: increase --limit to list them")


@command.command(short_help="Send queued reports now.")
@state_dir_option
@timeout_option(30.0, "Give up after S seconds.")
@json_option
def flush(state_dir: str | None, timeout_s: float, as_json: bool) -> None:
    """Send queued reports now, without waiting for the agent's next attempt."""
    request: dict[str, object] = {"do": "outbox.flush", "timeout_s": timeout_s}
    try:
        result = ask(state_dir_of(locate_agent(state_dir)), request, timeout_s=timeout_s + 5)
    except AgentNotRunning:
        result = _flush(load(global_options().config, {"state_dir": state_dir}), timeout_s)
    if as_json:
        print_json(result)
    else:
        click.echo(f"The outbox is empty: {result['flushed']} reports sent.")


@command.command(short_help="Print queued reports as JSON.")
@state_dir_option
@flag_option("--json", "The output is always JSON.", "_", hidden=True)
def export(state_dir: str | None, _: bool) -> None:
    """Print every queued report as one JSON object per line. The reports stay in the outbox."""
    for report in _listing(state_dir_of(locate_agent(state_dir)), _EVERY)["reports"]:
        click.echo(json.dumps(report, separators=(",", ":")))


def _listing(state_dir: Path, limit: int) -> dict[str, Any]:
    try:
        return ask(state_dir, {"do": "outbox.list", "limit": limit}, timeout_s=_READ_S)
    except AgentNotRunning:
        with read_outbox(state_dir) as outbox:
            return listing(outbox, limit)


def _flush(settings: Settings, timeout_s: float) -> dict[str, Any]:
    """Send the reports of an agent that does not run, under its lock."""
    if not (settings.state_dir / DB_NAME).exists():
        raise OutboxError(
            f"no outbox in {settings.state_dir}",
            hint="Name the state directory of the agent with --state-dir.",
        )
    # The command boundary: a request to the daemon does not need the packages that send.
    from modemagent.agent.reload import sink_options
    from modemagent.report.delivery.courier import Courier
    from modemagent.report.delivery.sinks import open_sink

    sink = open_sink(sink_options(settings))
    with closing(
        Outbox(settings.state_dir, gateway_id=settings.gateway_id, log=NullLog())
    ) as outbox:
        before, _ = outbox.depth()
        courier = Courier(outbox, sink, log=NullLog())
        courier.start()
        uplink = courier.flush(timeout_s)
        courier.stop(0.5)
        waiting, dead_letters = outbox.depth()
    if uplink.reason or waiting:
        raise RegistryUnreachable(
            uplink.reason or f"{waiting} reports were not sent within {timeout_s:g} s",
            hint=uplink.hint,
        )
    return {"flushed": before, "waiting": waiting, "dead_letters": dead_letters}


def _row(report: dict[str, Any]) -> list[str]:
    port, modem = report.get("port") or {}, report.get("modem") or {}
    values = [report[key] for key in ("sequence", "observed_at", "reason")]
    return [*map(cell, (*values, port.get("path"), modem.get("imei")))]
