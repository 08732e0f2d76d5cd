"""A page of character cells, and the bytes that turn one page into the next.

Text that is drawn comes from modules, orders and labels. It cannot leave the area that it was
given: it is cut to its width, and every character is one that terminals draw in exactly one cell.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from typing import Final, NamedTuple

#: Synchronized update (DEC private mode 2026): the terminal shows a frame only when it is complete.
BEGIN_FRAME: Final = "\x1b[?2026h"
END_FRAME: Final = "\x1b[?2026l"
#: Latin, Greek and Cyrillic letters; beyond are letters of no or double width.
_LAST_SINGLE_WIDTH: Final = 0x52F
_MARKS: Final = ("Mn", "Me", "Cf", "Cc", "Zl", "Zp")
#: Unchanged cells between two changes that are written again, because a move takes more bytes.
_GAP: Final = 6


class Cell(NamedTuple):
    """A character and the parameters of its SGR sequence, such as ``1;38;5;15``."""

    sign: str = " "
    style: str = ""


@lru_cache(maxsize=4096)
def plain(text: str) -> str:
    """Return a text in which each character takes one cell.

    >>> plain("EG25\\x1b[2J-G \\u202e\\u4e2d")
    'EG25?[2J-G ??'
    """
    return "".join(sign if _is_single(sign) else "?" for sign in text)


def _is_single(sign: str) -> bool:
    if " " <= sign <= "~":
        return True
    return ord(sign) <= _LAST_SINGLE_WIDTH and unicodedata.category(sign) not in _MARKS


def cut(text: str, width: int) -> str:
    """Return a text of at most ``width`` cells; three points end one that was longer.

    >>> cut("no interfaces", 8), cut("no", 8), cut("none", 2)
    ('no in...', 'no', 'no')
    """
    text = plain(text)
    if len(text) <= width:
        return text
    return text[: max(0, width)] if width < 6 else text[: width - 3].rstrip() + "..."


def wrapped(text: str, width: int) -> list[str]:
    """Return the lines of a text; a word that is too long is broken.

    >>> wrapped("take both out", 9), wrapped("abcdefgh", 4)
    (['take both', 'out'], ['abcd', 'efgh'])
    """
    lines = [""]
    for word in plain(text).split():
        while len(word) > width:
            if lines[-1]:
                lines.append("")
            lines[-1], word = word[:width], word[width:]
            lines.append("")
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}".strip()
    return [line for line in lines if line] or [""]


class Canvas:
    """A page of cells."""

    def __init__(self, width: int, height: int, style: str = "") -> None:
        self.width = width
        self.height = height
        self._rows = [[Cell(" ", style)] * width for _ in range(height)]

    def put(self, x: int, y: int, text: str, style: str = "", width: int | None = None) -> None:
        """Draw a text, cut to ``width`` or to the end of the line."""
        if not 0 <= y < self.height or not 0 <= x < self.width:
            return
        room = self.width - x if width is None else min(width, self.width - x)
        for n, sign in enumerate(cut(text, room)):
            self._rows[y][x + n] = Cell(sign, style)

    def put_right(self, end: int, y: int, text: str, style: str = "") -> None:
        """Draw a text that ends before column ``end``."""
        text = plain(text)
        self.put(max(0, end - len(text)), y, text, style)

    def fill(self, x: int, y: int, width: int, height: int, style: str) -> None:
        """Colour an area, which becomes empty."""
        for row in self._rows[max(0, y) : y + height]:
            for column in range(max(0, x), min(x + width, self.width)):
                row[column] = Cell(" ", style)

    def lines(self) -> list[str]:
        """Return the text of the page."""
        return ["".join(cell.sign for cell in row) for row in self._rows]

    def style_at(self, x: int, y: int) -> str:
        return self._rows[y][x].style

    def update_from(self, before: Canvas | None) -> str:
        """Return what a terminal has to receive to show this page; "" if it shows it already.

        :param before: the page that it shows; None if that is not known
        """
        is_whole = before is None or (before.width, before.height) != (self.width, self.height)
        parts = []
        for y, row in enumerate(self._rows):
            old = None if is_whole or before is None else before._rows[y]
            for start, end in _changes(old, row):
                parts.append(f"\x1b[{y + 1};{start + 1}H{_written(row[start:end])}")
        if not parts:
            return ""
        clear = "\x1b[0m\x1b[2J" if is_whole else ""
        return f"{BEGIN_FRAME}{clear}{''.join(parts)}\x1b[0m{END_FRAME}"


def _changes(old: list[Cell] | None, new: list[Cell]) -> Iterable[tuple[int, int]]:
    """Yield start and end of each part of a line that changes."""
    if old is None:
        if any(cell != Cell() for cell in new):
            yield 0, len(new)
        return
    start = end = -1
    for n, cell in enumerate(new):
        if cell == old[n]:
            continue
        if start >= 0 and n - end > _GAP:
            yield start, end
            start = n
        elif start < 0:
            start = n
        end = n + 1
    if start >= 0:
        yield start, end


def _written(cells: list[Cell]) -> str:
    parts, style = [], None
    for cell in cells:
        if cell.style != style:
            style = cell.style
            parts.append(f"\x1b[0;{style}m" if style else "\x1b[0m")
        parts.append(cell.sign)
    return "".join(parts)
