"""``modemagent outbox``: the reports that wait, with the daemon or without it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from modemagent.cli.agent import whose
from modemagent.cli.options import json_option
from modemagent.cli.render import plain, table
from modemagent.errors import AgentNotRunning, OutboxError, RegistryUnreachable

state_dir_option = click.option("--state-dir", metavar="DIR", help="The agent's state directory.")
limit_option = click.option(
    "--limit", type=click.IntRange(1, 1_000_000), default=1000, help="Show at most so many [1000]."
)


@click.group()
def command() -> None:
    """Reports that wait to be sent, and those the registry would not take."""


@command.command("list")
@state_dir_option
@limit_option
@json_option
@click.pass_context
def list_(context: click.Context, state_dir: str | None, limit: int, as_json: bool) -> None:
    """Show what waits, oldest first."""
    listed = _listing(whose(context, state_dir).state_dir, limit)
    if as_json:
        import json

        click.echo(json.dumps(listed))
        return
    for name in listed["quarantined"]:
        click.echo(f"A damaged outbox file was set aside: {plain(name)}", err=True)
    if listed["evicted"]:
        click.echo(f"{listed['evicted']} reports were dropped for want of room.", err=True)
    if not listed["waiting"] and not listed["dead_letters"]:
        click.echo("The outbox is empty: the registry has every report.")
        return
    rows = [["SEQUENCE", "OBSERVED AT", "REASON", "PORT", "IMEI", "STATE"]]
    rows += [_row(report, "waiting") for report in listed["reports"]]
    rows += [_row(refused["report"], refused["reason"]) for refused in listed["rejected_reports"]]
    click.echo(table(rows))
    more = listed["waiting"] - len(listed["reports"])
    if more > 0:
        click.echo(f"and {more} more: raise --limit to see them")


@command.command()
@state_dir_option
@click.option("--timeout", type=float, default=30.0, metavar="SECONDS", help="Give up then [30].")
@json_option
@click.pass_context
def flush(context: click.Context, state_dir: str | None, timeout: float, as_json: bool) -> None:
    """Send now what waits, whatever pause the agent is making."""
    from modemagent.control.client import ask

    request: dict[str, object] = {"do": "outbox.flush", "timeout_s": timeout}
    try:
        done: dict[str, Any] = ask(
            whose(context, state_dir).state_dir, request, timeout_s=timeout + 5
        )
    except AgentNotRunning:
        done = _flush_alone(_settings(context, state_dir), timeout)
    if as_json:
        import json

        click.echo(json.dumps(done))
    else:
        click.echo(f"The outbox is empty: {done['flushed']} sent.")


@command.command()
@state_dir_option
@click.option("--json", "_", is_flag=True, hidden=True, help="It always is.")
@click.pass_context
def export(context: click.Context, state_dir: str | None, _: bool) -> None:
    """Print every waiting report as one JSON object a line; nothing is taken out."""
    import json

    listed = _listing(whose(context, state_dir).state_dir, 1_000_000)
    for report in listed["reports"]:
        click.echo(json.dumps(report, separators=(",", ":")))


def _settings(context: click.Context, state_dir: str | None) -> Any:
    from modemagent.cli.run import chosen
    from modemagent.settings import load

    return load(chosen(context)[0], {"state_dir": state_dir})


def _listing(state_dir: Path, limit: int) -> dict[str, Any]:
    from modemagent.control.client import ask

    try:
        return ask(state_dir, {"do": "outbox.list", "limit": limit}, timeout_s=30)
    except AgentNotRunning:
        from modemagent.report.outbox.outbox import read_outbox
        from modemagent.report.status import listing

        with read_outbox(state_dir) as outbox:
            return listing(outbox, limit)


def _flush_alone(settings: Any, timeout_s: float) -> dict[str, Any]:
    """Send the reports of an agent that does not run, in its place and under its lock."""
    from modemagent.agent.reload import sink_options
    from modemagent.logs import NullLog
    from modemagent.report.delivery.courier import Courier
    from modemagent.report.delivery.sinks import open_sink
    from modemagent.report.outbox.outbox import Outbox
    from modemagent.report.outbox.state_dir import DB_NAME

    if not (settings.state_dir / DB_NAME).exists():
        raise OutboxError(
            f"there is no outbox in {settings.state_dir}",
            hint="Name the agent's directory with --state-dir.",
        )
    sink = open_sink(sink_options(settings))
    outbox = Outbox(settings.state_dir, gateway_id=settings.gateway_id, log=NullLog())
    try:
        before, _ = outbox.depth()
        courier = Courier(outbox, sink, log=NullLog())
        courier.start()
        uplink = courier.flush(timeout_s)
        courier.stop(0.5)
        waiting, set_aside = outbox.depth()
    finally:
        outbox.close()
    if uplink.reason or waiting:
        raise RegistryUnreachable(
            uplink.reason or f"{waiting} reports still wait after {timeout_s:g} s",
            hint=uplink.hint,
        )
    return {"flushed": before, "waiting": waiting, "dead_letters": set_aside}


def _row(report: dict[str, Any], state: str) -> list[str]:
    port, modem = report.get("port") or {}, report.get("modem") or {}
    cells = (
        report["sequence"],
        report["observed_at"],
        report["reason"],
        port.get("path") or "-",
        modem.get("imei") or "-",
        state,
    )
    return [plain(str(cell)) for cell in cells]
