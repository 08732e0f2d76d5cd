"""The live screen of ``watch``: each modem with its signal over time, and the last events."""

from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from math import inf
from typing import Any, NamedTuple

import click

from modemagent.cli.output import heading, paragraph, plain, screen_height, screen_width
from modemagent.cli.watch_text import event_text, urc_meaning
from modemagent.explain.signal_levels import LEVELS, STRENGTHS
from modemagent.modem.link_poll import LinkReading

_EVENTS_SHOWN = 8
_READINGS_SHOWN = 60
#: Columns before the values of a modem.
_INDENT = 16
_BARS = "▁▂▃▄▅▆▇█"
#: Smallest range of the graph in dB: the noise of an antenna at rest must not fill its height.
_MIN_RANGE_DB = 10
_COLOURS = dict(zip(LEVELS, ("green", "yellow", "red", "red"), strict=True))


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
        self._history: defaultdict[tuple[str, str], deque[float]] = defaultdict(
            lambda: deque(maxlen=_READINGS_SHOWN)
        )
        self._events: deque[tuple[str, str]] = deque(maxlen=_EVENTS_SHOWN)

    def show(self, event: Mapping[str, Any]) -> None:
        """Add an event."""
        text = f"{event['port'] or '-'}  {event_text(event, urc_meaning(event))}"
        self._events.append((f"  {event['at'][11:19]}  ", plain(text)))
        self._redraw()

    def note(self, message: str) -> None:
        """Add a message about the watch itself."""
        self._events.append(("  ", plain(message)))
        self._redraw()

    def show_link(self, entry: Mapping[str, Any], reading: LinkReading) -> None:
        """Replace the reading of a port."""
        port = entry["port"]
        self._ports[port] = _Port(entry, reading)
        if (strength := _strength(reading)) is not None:
            name, value = strength
            self._history[port, name].append(value)
        self._redraw()

    def _redraw(self) -> None:
        lines: list[str] = []
        for port in self._ports.values():
            lines += ["\n".join(self._port_lines(port)), ""]
        ends = ["", "Ctrl-C ends."]
        events = _latest(self._events, screen_height(), [*lines, "events", *ends])
        self._draw("\n".join([*lines, heading("events"), *events, *ends]))

    def _port_lines(self, port: _Port) -> Iterator[str]:
        entry, reading = port
        modem = entry.get("modem") or {}
        name = " ".join(filter(None, (modem.get("manufacturer"), modem.get("model"))))
        yield heading(plain(entry["port"]))
        if name:
            yield _row("modem", name)
        if modem.get("imei"):
            yield _row("IMEI", modem["imei"])
        if entry["state"] != "watching":
            message = f": {entry['message']}" if entry.get("message") else ""
            yield _row("state", entry["state"] + message)
        sim = next((each for each in entry.get("sims") or () if each["active"]), None)
        if sim is not None:
            yield _row("SIM", sim["state"].replace("_", " "))
            if sim.get("iccid"):
                yield _row("ICCID", sim["iccid"])
        if reading.registration is not None:
            yield _row("registration", reading.registration["text"])
        if reading.signal is not None:
            level = reading.signal.get("fields", {}).get("level")
            text = reading.signal["text"].removeprefix("signal ")
            yield _row("signal", text, colour=_COLOURS.get(level))
        if (strength := _strength(reading)) is not None:
            history = self._history[entry["port"], strength[0]]
            shown = list(history)[-(screen_width() or _READINGS_SHOWN) + _INDENT :]
            yield f"{'':{_INDENT}}{sparkline(shown)}"
            best, worst = max(history), min(history)
            yield _row("", f"now {strength[1]:g}, best {best:g}, worst {worst:g} dBm")


def _row(label: str, text: str, *, colour: str | None = None) -> str:
    """Return a value of a modem after its label, wrapped to the width of the screen."""
    prefix = f"  {label:{_INDENT - 2}}"
    return prefix + click.style(paragraph(prefix, plain(text))[_INDENT:], colour)


def _latest(events: Sequence[tuple[str, str]], height: int | None, others: list[str]) -> list[str]:
    """Return the latest events that fit on the screen below the other lines, at least one."""
    shown: list[str] = []
    left = inf if height is None else height - sum(map(_height, others))
    for prefix, text in reversed(events):
        lines = paragraph(prefix, text)
        left -= _height(lines)
        if shown and left < 0:
            break
        shown.insert(0, lines)
    return shown


def _height(lines: str) -> int:
    """Return the rows that lines take up; a word that is wider than the screen is continued."""
    width = screen_width()
    if width is None:
        return lines.count("\n") + 1
    return sum(max(1, -(-len(click.unstyle(line)) // width)) for line in lines.split("\n"))


def _strength(reading: LinkReading) -> tuple[str, float] | None:
    fields = (reading.signal or {}).get("fields", {})
    values = ((name, fields.get(f"{name}_dbm")) for name in STRENGTHS)
    return next(((name, value) for name, value in values if value is not None), None)


def sparkline(values: Sequence[float]) -> str:
    """Return values as a row of bars, from the lowest value to the highest.

    >>> sparkline([-110, -100, -90])
    '▁▄█'
    """
    lowest = min(values)
    spread = max(max(values) - lowest, _MIN_RANGE_DB)
    return "".join(_BARS[int((value - lowest) / spread * (len(_BARS) - 1))] for value in values)
