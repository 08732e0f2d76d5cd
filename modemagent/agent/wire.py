"""The wire trace in the log: every line that crosses a port, at level debug.

Lines are put together before they are logged, so that a number which came in pieces is masked as
one number. What never ends as a line is not shown, only counted.
"""

from __future__ import annotations

from typing import Final

from modemagent.channel.record import Direction
from modemagent.logs import Log

_LONGEST: Final = 4096
_ENDS: Final = str.maketrans({"\r": "\n", "\0": "\n", "\x1a": "\n"})


class WireLog:
    """A trace of any number of ports."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._begun: dict[tuple[str, Direction], str] = {}

    def __call__(self, port: str, direction: Direction, data: bytes) -> None:
        begun = self._begun.pop((port, direction), "")
        text = begun + data.decode("latin-1").translate(_ENDS)
        *lines, rest = text.split("\n")
        for line in lines:
            if line:
                self._log.debug("wire", port=port, direction=direction, line=_shown(line))
        if len(rest) > _LONGEST:
            self._log.debug("wire", port=port, direction=direction, bytes_without_end=len(rest))
        elif rest:
            self._begun[port, direction] = rest


def _shown(line: str) -> str:
    """Return a line with what is no printable ASCII written out, as the masking expects it."""
    if len(line) > _LONGEST:
        return f"({len(line)} characters)"
    return line.encode("latin-1").decode("ascii", "backslashreplace")
