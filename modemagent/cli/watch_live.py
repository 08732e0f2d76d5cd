"""The live screen of ``watch``: each modem with its signal over time, and the last events."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import click

from modemagent.cli.output import heading, plain
from modemagent.cli.watch_text import event_text, urc_meaning
from modemagent.modem.link_poll import LinkReading

_EVENTS_SHOWN = 8
_READINGS_SHOWN = 60
_BARS = "▁▂▃▄▅▆▇█"
#: Least range of the course in dB: the noise of a still antenna must not fill the height.
_LEAST_RANGE_DB = 10
_COLOURS = {"good": "green", "fair": "yellow", "weak": "red", "unusable": "red"}
#: Fields of a signal for its course, the best measure first.
_STRENGTH = ("ss_rsrp_dbm", "rsrp_dbm", "rscp_dbm", "rxlev_dbm", "rssi_dbm")


class _Port(NamedTuple):
    entry: Mapping[str, Any]
    reading: LinkReading


class LivePage:
    """The page, drawn again at each event and reading.

    :param draw: shows a page of text
    """

    def __init__(self, draw: Callable[[str], None]) -> None:
        self._draw = draw
        self._ports: dict[str, _Port] = {}
        self._course: defaultdict[tuple[str, str], deque[float]] = defaultdict(
            lambda: deque(maxlen=_READINGS_SHOWN)
        )
        self._events: deque[str] = deque(maxlen=_EVENTS_SHOWN)

    def show(self, event: Mapping[str, Any]) -> None:
        """Add an event."""
        text = f"{event['at'][11:19]}  {event['port'] or '-'}  "
        self._events.append(plain(text + event_text(event, urc_meaning(event))))
        self._redraw()

    def show_link(self, entry: Mapping[str, Any], reading: LinkReading) -> None:
        """Replace the reading of a port."""
        port = entry["port"]
        self._ports[port] = _Port(entry, reading)
        if (strength := _strength(reading)) is not None:
            name, value = strength
            self._course[port, name].append(value)
        self._redraw()

    def _redraw(self) -> None:
        lines: list[str] = []
        for port in self._ports.values():
            lines += [*self._port_lines(port), ""]
        lines += [heading("events"), *(f"  {event}" for event in self._events), "", "Ctrl-C ends."]
        self._draw("\n".join(lines))

    def _port_lines(self, port: _Port) -> Iterator[str]:
        entry, reading = port
        modem = entry.get("modem") or {}
        name = " ".join(filter(None, (modem.get("manufacturer"), modem.get("model"))))
        imei = f"IMEI {modem['imei']}" if modem.get("imei") else ""
        yield "  ".join(filter(None, (heading(plain(entry["port"])), plain(name), plain(imei))))
        if entry["state"] != "watching":
            message = f": {entry['message']}" if entry.get("message") else ""
            yield f"  state         {plain(entry['state'] + message)}"
        sim = next((each for each in entry.get("sims") or () if each["active"]), None)
        if sim is not None:
            number = f", ICCID {sim['iccid']}" if sim.get("iccid") else ""
            yield f"  SIM           {plain(sim['state'].replace('_', ' ') + number)}"
        if reading.registration is not None:
            yield f"  registration  {plain(reading.registration['text'])}"
        if reading.signal is not None:
            level = reading.signal.get("fields", {}).get("level")
            text = plain(reading.signal["text"].removeprefix("signal "))
            yield f"  signal        {click.style(text, _COLOURS.get(level))}"
        if (strength := _strength(reading)) is not None:
            course = self._course[entry["port"], strength[0]]
            yield f"                {sparkline(course)}"
            best, worst = max(course), min(course)
            yield f"                now {strength[1]:g}, best {best:g}, worst {worst:g} dBm"


def _strength(reading: LinkReading) -> tuple[str, float] | None:
    fields = (reading.signal or {}).get("fields", {})
    return next(((name, fields[name]) for name in _STRENGTH if name in fields), None)


def sparkline(values: Sequence[float]) -> str:
    """Return values as a row of bars, from the lowest value to the highest.

    >>> sparkline([-110, -100, -90])
    '▁▄█'
    """
    lowest = min(values)
    spread = max(max(values) - lowest, _LEAST_RANGE_DB)
    return "".join(_BARS[int((value - lowest) / spread * (len(_BARS) - 1))] for value in values)
