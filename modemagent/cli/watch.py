"""``modemagent watch``: events of modems as they occur."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import click

from modemagent.access.options import AccessOptions
from modemagent.access.target import resolve_target
from modemagent.access.watch import watch
from modemagent.cli.options import json_option_with, value_option
from modemagent.cli.output import plain, print_json
from modemagent.cli.port_options import access_options
from modemagent.explain import explain

#: Events as text; any other event is printed with its data.
_TEXTS = {
    "modem.first_seen": "modem found: IMEI {after}",
    "modem.swapped": "modem replaced: IMEI {before} -> {after}",
    "modem.removed": "modem removed: IMEI {before}",
    "sim.first_seen": "SIM found: {field} {after}",
    "sim.swapped": "SIM replaced: {field} {before} -> {after}",
    "sim.profile_switched": "profile of the SIM switched: {field} {before} -> {after}",
    "sim.imsi_switched": "IMSI of the SIM switched: {before} -> {after}",
    "sim.removed": "SIM removed: {field} {before}",
    "sim.inserted": "SIM inserted again: {field} {after}",
    "port.read": "read in {elapsed_s} s",
    "report.stored": "report {sequence} stored: {reason}",
    "report.delivered": "{count} reports delivered to the registry",
    "watch.missed": "{count} events lost: this reader is too slow",
}
#: States that precede a lasting one.
_TRANSIENT = ("opening", "identifying")


@click.command("watch")
@click.argument("ports", metavar="[PORT]...", nargs=-1)
@json_option_with("Print JSON, one object per line.")
@access_options
@value_option(
    "--poll-interval",
    "S",
    "Seconds between polls of a SIM; an agent uses its own settings.",
    type=click.FloatRange(0.1, 86400),
    default=10.0,
)
def command(
    ports: tuple[str, ...], as_json: bool, options: AccessOptions, poll_interval: float
) -> None:
    """Show events of modems until interrupted. Without PORT, show those of every modem.

    Events are SIM cards inserted, removed and replaced, modems added and removed, registration, and
    URCs. They come from the agent if it runs; ports that it does not watch are watched directly.
    """
    paths = [resolve_target(word, options.root).path for word in ports]

    def note(message: str) -> None:
        click.echo(f"modemagent: {message}", err=True)

    watch(paths, options, poll_interval, Screen(as_json=as_json).show, note)


class Screen:
    """Printer of events. An error that persists is printed once, however often it recurs."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._last: dict[str, tuple[object, object]] = {}

    def show(self, event: Mapping[str, Any]) -> None:
        """Print an event; a line of the modem with its meaning, if it is known."""
        data = event["data"]
        if event["event"] == "port.state" and not self._is_new(event["port"], data):
            return
        meaning = explain("", str(data["line"])) if event["event"] == "port.urc" else None
        if self._as_json:
            print_json({**event, "data": {**data, "explained": meaning}} if meaning else event)
        else:
            click.echo(plain(f"{event['at']}  {event['port'] or '-'}  {_text(event, meaning)}"))
        sys.stdout.flush()

    def _is_new(self, port: str, data: Mapping[str, Any]) -> bool:
        state, last = data["state"], self._last.get(port)
        if state in _TRANSIENT and last is not None and last[0] == "broken":
            return False  # the next attempt may fail for the same reason
        current = self._last[port] = state, data.get("message")
        return current != last


def _text(event: Mapping[str, Any], meaning: Mapping[str, Any] | None) -> str:
    name, data = event["event"], event["data"]
    if name == "port.urc":
        return f"{data['line']}    ({meaning['text']})" if meaning else str(data["line"])
    if name == "port.state":
        error = f": {data['message']}. {data.get('hint', '')}" if data.get("message") else ""
        return f"{data['state']}{error}".rstrip()
    if name == "sim.inserted" and data["after"] is None:
        state = "the module is locked" if data["state"] == "locked" else data["state"]
        return f"SIM inserted, cannot be read: {state}"
    if name == "watch.started":
        return f"watching {' '.join(data['ports']) or 'every modem'}"
    if name == "network.changed":
        return f"network: {_network(data['before'])} -> {_network(data['after'])}"
    return _TEXTS[name].format_map(data) if name in _TEXTS else f"{name} {data}"


def _network(network: Mapping[str, Any] | None) -> str:
    if not network:
        return "unknown"
    state = {True: "registered", False: "not registered"}.get(network["registered"], "unknown")
    plmn = f"{network['mcc']}-{network['mnc']}" if network["mcc"] else None
    return " ".join(filter(None, (state, network["operator"], plmn, network["rat"])))
