"""Bytes that cross a port as lines of text, for logs and for ``--trace``.

Bytes are joined to lines, so that a number that arrives in parts is masked as one number. Of data
without a line end only the size is shown. NUL, every second byte of UCS2, does not end a line and
is not shown. A line of digits only may be a part of a number and is masked; every other line still
has to be masked with :func:`modemagent.privacy.masking.mask_text`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from modemagent.channel.trace import Direction
from modemagent.identity.cleaning import is_decimal
from modemagent.privacy.masking import mask

_MAX_LINE: Final = 4096
_LINE_ENDS: Final = str.maketrans({"\r": "\n", "\0": None, "\x1a": "\n"})
#: Digits from which a line may be a part of an identifier.
_MIN_DIGITS: Final = 6

#: Port, direction, the line with non-printable characters escaped, and the monotonic time of its
#: first byte.
ShowLine = Callable[[str, Direction, str, float], None]


class WireLines:
    """A trace for any number of ports that passes on complete lines."""

    def __init__(self, show: ShowLine) -> None:
        self._show = show
        self._partial: dict[tuple[str, Direction], tuple[str, float]] = {}

    def __call__(self, port: str, direction: Direction, data: bytes) -> None:
        now = time.monotonic()
        partial, begun = self._partial.pop((port, direction), ("", now))
        text = partial + data.decode("latin-1").translate(_LINE_ENDS)
        *lines, rest = text.split("\n")
        for line in lines:
            if line:
                self._show(port, direction, _escaped(line), begun)
            begun = now
        if len(rest) > _MAX_LINE:
            self._show(port, direction, _size(rest), begun)
        elif rest:
            self._partial[port, direction] = rest, begun

    def flush(self) -> None:
        """Pass on what has arrived without a line end."""
        for (port, direction), (line, begun) in self._partial.items():
            self._show(port, direction, _escaped(line), begun)
        self._partial.clear()


def _escaped(line: str) -> str:
    """Return a line with non-printable characters escaped, as masking expects it."""
    if len(line) > _MAX_LINE:
        return _size(line)
    bare = line.strip("\"', ")
    if len(bare) >= _MIN_DIGITS and is_decimal(bare):
        return mask(bare)
    return line.encode("latin-1").decode("ascii", "backslashreplace")


def _size(line: str) -> str:
    return f"({len(line)} characters without a line end)"
