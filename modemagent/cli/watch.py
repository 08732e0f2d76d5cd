"""``modemagent watch``: events of modems as they occur."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import click

from modemagent.access.options import AccessOptions
from modemagent.access.target import resolve_target
from modemagent.access.watch import LinkWatch, watch
from modemagent.cli.options import flag_option, json_option_with, value_option
from modemagent.cli.output import plain, print_json
from modemagent.cli.port_options import access_options
from modemagent.cli.screen import can_redraw, live_screen
from modemagent.cli.watch_csv import CsvRows
from modemagent.cli.watch_live import LivePage
from modemagent.cli.watch_text import event_text, urc_meaning
from modemagent.errors import UsageError

#: States that precede a lasting one.
_TRANSIENT = ("opening", "identifying")


@click.command("watch")
@click.argument("ports", metavar="[PORT]...", nargs=-1)
@json_option_with("Print JSON, one object per line.")
@access_options
@value_option(
    "--poll-interval",
    "S",
    "Seconds between polls of a SIM; the agent uses its own settings.",
    type=click.FloatRange(0.1, 86400),
    default=10.0,
)
@value_option(
    "--signal-interval",
    "S",
    "Seconds between signal readings, on the live screen and with --csv.",
    type=click.FloatRange(0.1, 86400),
    default=2.0,
)
@flag_option("--csv", "Print events and signal as CSV with a header line.", "as_csv")
def command(
    ports: tuple[str, ...],
    as_json: bool,
    options: AccessOptions,
    poll_interval: float,
    signal_interval: float,
    as_csv: bool,
) -> None:
    """Show modem events until interrupted. Without PORT, show the events of every modem.

    Events are: SIM cards inserted, removed and replaced, modems added and removed, changes of the
    registration, and URCs. They come from the agent if the agent is running; ports that the agent
    does not watch are watched directly.

    On a terminal, a live screen shows each modem with its SIM, its registration and a graph of its
    signal, for example while you aim an antenna. The live screen requires the extra live. In a
    pipe, each event is one line.
    """
    if as_csv and as_json:
        raise UsageError("--csv and --json exclude each other", hint="Omit one of them.")
    paths = [resolve_target(word, options).path for word in ports]

    def note(message: str) -> None:
        click.echo(f"modemagent: {message}", err=True)

    if as_csv:
        rows = CsvRows(sys.stdout)
        link = LinkWatch(signal_interval, rows.show_link)
        watch(paths, options, poll_interval, rows.show, note, link)
    elif not as_json and can_redraw():
        with live_screen() as draw:
            live = LivePage(draw)
            link = LinkWatch(signal_interval, live.show_link)
            watch(paths, options, poll_interval, live.show, live.note, link)
    else:
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
        meaning = urc_meaning(event)
        if self._as_json:
            print_json({**event, "data": {**data, "explained": meaning}} if meaning else event)
        else:
            text = event_text(event, meaning)
            click.echo(plain(f"{event['at']}  {event['port'] or '-'}  {text}"))
        sys.stdout.flush()

    def _is_new(self, port: str, data: Mapping[str, Any]) -> bool:
        state, last = data["state"], self._last.get(port)
        if state in _TRANSIENT and last is not None and last[0] == "broken":
            return False  # the next attempt may fail for the same reason
        current = self._last[port] = state, data.get("message")
        return current != last
