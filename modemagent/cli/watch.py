"""``modemagent watch``: what happens at the modems, as it happens."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modemagent.cli.agent import busy_with_hint, whose
from modemagent.cli.options import baud_option, json_option_of, root_option, state_dir_option
from modemagent.cli.render import plain
from modemagent.errors import AgentDenied, AgentNotRunning, ModemAgentError, PortBusy, PortNotFound

if TYPE_CHECKING:
    from modemagent.watching.events import ModemEvent

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
    "sim.inserted": "the card is back: {field} {after}",
    "port.read": "read in {elapsed_s} s",
    "report.stored": "report {sequence} stored: {reason}",
    "report.delivered": "{count} delivered to the registry",
    "watch.missed": "{count} events were lost: this reader is too slow",
}
#: States on the way to one that stays.
_TRYING = ("opening", "identifying")
_NOT_THERE = {
    "state": "absent",
    "reason": "not_found",
    "message": "the port is not there",
    "hint": "Waiting for it; modemagent list shows the ports there are",
}


@click.command("watch")
@click.argument("ports", metavar="[PORT]...", nargs=-1)
@json_option_of("Print JSON, one object a line.")
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
    from modemagent.cli.ports import resolve_target

    paths = tuple(resolve_target(word, root).path for word in ports)
    no_agent = _from_agent(context, paths, state_dir, as_json=as_json)
    _by_itself(paths, baud, poll_interval, no_agent, as_json=as_json)


def _from_agent(
    context: click.Context, paths: tuple[str, ...], state_dir: str | None, *, as_json: bool
) -> ModemAgentError:
    """Show the agent's events until it ends; return why there is none for these ports."""
    from modemagent.control.client import AgentError, ControlClient

    try:
        call = ControlClient(whose(context, state_dir).state_dir)
    except AgentNotRunning as away:
        return away
    except AgentDenied as denied:
        if not paths:
            raise
        click.echo(f"modemagent: {denied.message}. Watching by itself.", err=True)
        return denied
    with call:
        try:
            started = call.ask({"do": "watch", "ports": list(paths)})
        except AgentError as error:
            if error.reason == PortNotFound.reason:
                return error
            raise
        show = Screen(as_json=as_json).show
        show(started)
        for event in call.events():
            show(event)
    raise AgentNotRunning("the agent has ended", hint="Start it with: modemagent run")


def _by_itself(
    paths: tuple[str, ...],
    baud: int,
    poll_interval: float,
    no_agent: ModemAgentError,
    *,
    as_json: bool,
) -> None:
    import asyncio

    from modemagent.report.message import PortPlace
    from modemagent.settings import Settings
    from modemagent.watching.events import EventBus
    from modemagent.watching.places import is_there
    from modemagent.watching.supervisor import watch_only

    settings = Settings(
        state_dir=Path("/nonexistent"),
        port=paths,
        discovery=not paths,
        baud=baud,
        poll_interval=poll_interval,
    )
    events = EventBus()
    screen = Screen(as_json=as_json)

    async def watch() -> None:
        looking = asyncio.ensure_future(watch_only(settings, events))
        failed: list[Exception] = []

        def show(event: ModemEvent) -> None:
            try:
                screen.show(_with_remedy(event, no_agent))
            except Exception as error:  # noqa: BLE001 - raised again where it ends the command
                failed.append(error)
                looking.cancel()

        events.subscribe(show)
        events.emit("watch.started", ports=list(paths))
        for path in paths:
            if not is_there(path):
                events.emit("port.state", PortPlace(path=path), **_NOT_THERE)
        try:
            await looking
        except asyncio.CancelledError:
            if not failed:
                raise
            raise failed[0] from None

    asyncio.run(watch())


def _with_remedy(event: ModemEvent, no_agent: ModemAgentError) -> dict[str, Any]:
    """Return an event; of a port that is held, with the remedy that fits who holds it."""
    shown, data = event.to_json(), event.data
    if data.get("reason") == PortBusy.reason and isinstance(data.get("holder"), dict):
        holder: Any = data["holder"]
        busy = PortBusy(
            str(data["message"]),
            port=str(event.port),
            holder_pid=holder["pid"],
            holder_name=holder["name"],
            hint=str(data["hint"]),
        )
        shown["data"] = {**data, "hint": busy_with_hint(busy, no_agent).hint}
    return shown


class Screen:
    """Prints each event at once, and a trouble that stays once: a port is tried again for ever."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._told: dict[str, tuple[object, object]] = {}

    def show(self, event: Mapping[str, Any]) -> None:
        """Print an event; a line of the modem with its meaning, where that is known."""
        import json
        import sys

        data = event["data"]
        if event["event"] == "port.state" and not self._is_news(event["port"], data):
            return
        meaning = _meaning(str(data["line"])) if event["event"] == "port.urc" else None
        if self._as_json:
            shown = {**event, "data": {**data, "explained": meaning}} if meaning else event
            click.echo(json.dumps(shown))
        else:
            click.echo(plain(f"{event['at']}  {event['port'] or '-'}  {_said(event, meaning)}"))
        sys.stdout.flush()

    def _is_news(self, port: str, data: Mapping[str, Any]) -> bool:
        state, told = data["state"], self._told.get(port)
        if state in _TRYING and told is not None and told[0] == "broken":
            return False  # and it may break again for the same reason
        now = self._told[port] = state, data.get("message")
        return now != told


def _said(event: Mapping[str, Any], meaning: Mapping[str, Any] | None) -> str:
    name, data = event["event"], event["data"]
    if name == "port.urc":
        return f"{data['line']}    ({meaning['text']})" if meaning else str(data["line"])
    if name == "port.state":
        why = f": {data['message']}. {data.get('hint', '')}" if data.get("message") else ""
        return f"{data['state']}{why}".rstrip()
    if name == "sim.inserted" and data["after"] is None:
        state = "the module is locked" if data["state"] == "locked" else data["state"]
        return f"a card is in and can not be read: {state}"
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
    from modemagent.explain import explain

    return explain("", line)
