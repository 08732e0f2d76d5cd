"""The wire trace in the log: every line that crosses a port, at level debug.

Lines are put together before they are logged, so that a number which came in pieces is masked as
one number. What never ends as a line is not shown, only counted. NUL, every second byte of UCS2,
ends no line and is not shown; a line of nothing but digits may be one half of a number.
"""

from __future__ import annotations

from typing import Final

from modemagent.channel.trace import Direction
from modemagent.identity.cleaning import is_decimal
from modemagent.logs import Log
from modemagent.privacy.masking import mask

_LONGEST: Final = 4096
_ENDS: Final = str.maketrans({"\r": "\n", "\0": None, "\x1a": "\n"})
_HALF: Final = 6


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
    bare = line.strip("\"', ")
    if len(bare) >= _HALF and is_decimal(bare):
        return mask(bare)
    return line.encode("latin-1").decode("ascii", "backslashreplace")
