"""``--trace``: what crosses the ports of a command, one line of text each.

A line is the time since the start of the command in seconds, ``>`` (sent) or ``<`` (received), and
the bytes as text. A line with the port precedes the first one and each one of another port.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from modemagent.access.options import RouteTrace
from modemagent.channel.trace import Direction
from modemagent.channel.wire_lines import WireLines
from modemagent.cli.output import plain
from modemagent.privacy.masking import mask_text

_MARKS: dict[Direction, str] = {"sent": ">", "received": "<"}


class WireTrace(RouteTrace):
    """A trace that writes lines of text.

    :param write: called with each line; it must not raise
    :param full_ids: show the bytes as they arrive, with line ends and without masking
    """

    def __init__(self, write: Callable[[str], None], *, full_ids: bool = False) -> None:
        self._write = write
        self._full_ids = full_ids
        self._started = time.monotonic()
        self._lines = WireLines(self._masked)
        self._last_port: str | None = None

    def __call__(self, port: str, direction: Direction, data: bytes) -> None:
        if self._full_ids:
            shown = data.decode("latin-1").encode("unicode_escape").decode("ascii")
            self._print(port, direction, shown, time.monotonic())
        else:
            self._lines(port, direction, data)

    def note_route(self, port: str, text: str) -> None:
        """Note how a port is reached, or why its bytes are not in this trace."""
        self._write(f"trace of {plain(port)}: {text}")

    def close(self) -> None:
        """Write what has arrived without a line end."""
        self._lines.flush()

    def _masked(self, port: str, direction: Direction, line: str, at: float) -> None:
        self._print(port, direction, plain(mask_text(line)), at)

    def _print(self, port: str, direction: Direction, text: str, at: float) -> None:
        if port != self._last_port:
            self._last_port = port
            self._write(f"trace of {plain(port)}:")
        self._write(f"{at - self._started:9.3f} {_MARKS[direction]} {text}")


class BothTraces(RouteTrace):
    """A trace that passes on to two: the one on the screen, and the one of a bundle."""

    def __init__(self, first: RouteTrace, second: RouteTrace) -> None:
        self._traces = (first, second)

    def __call__(self, port: str, direction: Direction, data: bytes) -> None:
        for trace in self._traces:
            trace(port, direction, data)

    def note_route(self, port: str, text: str) -> None:
        """Note how a port is reached, or why its bytes are not in this trace."""
        for trace in self._traces:
            trace.note_route(port, text)
