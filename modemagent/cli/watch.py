"""``modemagent watch``: what happens at the modems, as it happens."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modemagent.cli.agent import whose
from modemagent.cli.options import baud_option, json_option, root_option, state_dir_option
from modemagent.cli.render import plain
from modemagent.errors import AgentDenied, AgentNotRunning, PortNotFound

if TYPE_CHECKING:
    from modemagent.agent.events import Event

#: Events in words; those that are missing say what their data says.
_WORDS = {
    "modem.first_seen": "a modem: IMEI {after}",
    "modem.swapped": "another modem: IMEI {before} -> {after}",
    "modem.removed": "the modem is gone: IMEI {before}",
    "sim.first_seen": "a card: {field} {after}",
    "sim.swapped": "another card: {field} {before} -> {after}",
    "sim.profile_switched": "another profile on the same card: {field} {before} -> {after}",
    "sim.imsi_switched": "another IMSI on the same card: {before} -> {after}",
    "sim.removed": "the card is gone: {field} {before}",
    "port.read": "read in {elapsed_s} s",
    "report.stored": "report {sequence} stored: {reason}",
    "report.delivered": "{count} delivered to the registry",
    "watch.missed": "{count} events were lost: this reader is too slow",
}


@click.command("watch")
@click.argument("ports", metavar="[PORT]...", nargs=-1)
@json_option
@baud_option
@root_option
@state_dir_option
@click.option(
    "--poll-interval",
    type=click.FloatRange(0.1, 86400),
    default=10.0,
    show_default=True,
    metavar="S",
    help="Between looks at a card; an agent goes by its own settings.",
)
@click.pass_context
def command(
    context: click.Context,
    ports: tuple[str, ...],
    as_json: bool,
    baud: int,
    root: str,
    state_dir: str | None,
    poll_interval: float,
) -> None:
    """Show what happens at the modems until interrupted. No PORT: at every modem.

    Cards out, in and swapped, modems that go and come, registration, what a modem says unasked.
    An agent that runs is asked; ports that it does not watch are watched by this command itself.
    With --json one object a line.
    """
    from modemagent.cli.ports import named

    paths = tuple(named(word, root).path for word in ports)
    if not _from_agent(context, paths, state_dir, as_json=as_json):
        _by_itself(paths, baud, poll_interval, as_json=as_json)


def _from_agent(
    context: click.Context, paths: tuple[str, ...], state_dir: str | None, *, as_json: bool
) -> bool:
    """Show the agent's events until it ends; False when there is none for these ports."""
    from modemagent.agent.caller import AgentSaysNo, Call

    try:
        call = Call(whose(context, state_dir).state_dir)
    except AgentNotRunning:
        return False
    except AgentDenied as denied:
        if not paths:
            raise
        click.echo(f"modemagent: {denied.message}. Watching by itself.", err=True)
        return False
    with call:
        try:
            started = call.ask({"do": "watch", "ports": list(paths)})
        except AgentSaysNo as error:
            if error.reason == PortNotFound.reason:
                return False
            raise
        _show(started, as_json=as_json)
        for event in call.events():
            _show(event, as_json=as_json)
    raise AgentNotRunning("the agent has ended", hint="Start it with: modemagent run")


def _by_itself(paths: tuple[str, ...], baud: int, poll_interval: float, *, as_json: bool) -> None:
    import asyncio

    from modemagent.agent.events import Events
    from modemagent.agent.onlooker import look_on
    from modemagent.settings import Settings

    settings = Settings(
        state_dir=Path("/nonexistent"),
        port=paths,
        discovery=not paths,
        baud=baud,
        poll_interval=poll_interval,
    )
    events = Events()

    async def watch() -> None:
        looking = asyncio.ensure_future(look_on(settings, events))
        failed: list[Exception] = []

        def show(event: Event) -> None:
            try:
                _show(event.to_json(), as_json=as_json)
            except Exception as error:  # noqa: BLE001 - raised again where it ends the command
                failed.append(error)
                looking.cancel()

        events.listen(show)
        events.tell("watch.started", ports=list(paths))
        try:
            await looking
        except asyncio.CancelledError:
            if not failed:
                raise
            raise failed[0] from None

    asyncio.run(watch())


def _show(event: Mapping[str, Any], *, as_json: bool) -> None:
    """Print one event at once; a line of the modem with its meaning, where that is known."""
    import json
    import sys

    data = event["data"]
    meaning = _meaning(str(data["line"])) if event["event"] == "port.urc" else None
    if as_json:
        shown = {**event, "data": {**data, "explained": meaning}} if meaning else event
        click.echo(json.dumps(shown))
    else:
        click.echo(plain(f"{event['at']}  {event['port'] or '-'}  {_said(event, meaning)}"))
    sys.stdout.flush()


def _said(event: Mapping[str, Any], meaning: Mapping[str, Any] | None) -> str:
    name, data = event["event"], event["data"]
    if name == "port.urc":
        return f"{data['line']}    ({meaning['text']})" if meaning else str(data["line"])
    if name == "port.state":
        why = f": {data['message']}. {data.get('hint', '')}" if data.get("message") else ""
        return f"{data['state']}{why}".rstrip()
    if name == "watch.started":
        return f"watching {' '.join(data['ports']) or 'every modem that comes'}"
    if name == "network.changed":
        return f"network: {_network(data['before'])} -> {_network(data['after'])}"
    if name in _WORDS:
        return _WORDS[name].format_map(data)
    return f"{name} {data}"


def _network(network: Mapping[str, Any] | None) -> str:
    if not network:
        return "unknown"
    state = {True: "registered", False: "not registered"}.get(network["registered"], "unknown")
    plmn = f"{network['mcc']}-{network['mnc']}" if network["mcc"] else None
    return " ".join(filter(None, (state, network["operator"], plmn, network["rat"])))


def _meaning(line: str) -> Mapping[str, Any] | None:
    from modemagent.at.words import explain

    return explain("", line)
