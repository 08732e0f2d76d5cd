"""Wire trace in the log: every line that crosses a port, at level debug.

Bytes are joined to lines before they are logged, so that a number that arrives in parts is masked
as one number. Of data without a line end only the size is logged. NUL, every second byte of UCS2,
does not end a line and is not shown. A line of digits only may be a part of a number and is masked.
"""

from __future__ import annotations

from typing import Final

from modemagent.channel.trace import Direction
from modemagent.identity.cleaning import is_decimal
from modemagent.logs import Log
from modemagent.privacy.masking import mask

_MAX_LINE: Final = 4096
_LINE_ENDS: Final = str.maketrans({"\r": "\n", "\0": None, "\x1a": "\n"})
#: Digits from which a line may be a part of an identifier.
_MIN_DIGITS: Final = 6


class WireLog:
    """A trace for any number of ports."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._partial: dict[tuple[str, Direction], str] = {}

    def __call__(self, port: str, direction: Direction, data: bytes) -> None:
        partial = self._partial.pop((port, direction), "")
        text = partial + data.decode("latin-1").translate(_LINE_ENDS)
        *lines, rest = text.split("\n")
        for line in lines:
            if line:
                self._log.debug("wire", port=port, direction=direction, line=_masked(line))
        if len(rest) > _MAX_LINE:
            self._log.debug("wire", port=port, direction=direction, bytes_without_end=len(rest))
        elif rest:
            self._partial[port, direction] = rest


def _masked(line: str) -> str:
    """Return a line with non-printable characters escaped, as masking expects it."""
    if len(line) > _MAX_LINE:
        return f"({len(line)} characters)"
    bare = line.strip("\"', ")
    if len(bare) >= _MIN_DIGITS and is_decimal(bare):
        return mask(bare)
    return line.encode("latin-1").decode("ascii", "backslashreplace")
