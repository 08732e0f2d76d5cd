"""A page of character cells, and the bytes that turn one page into the next.

Text that is drawn comes from modules, orders and labels. It cannot leave the area that it was
given: it is cut to its width, and every character is one that terminals draw in exactly one cell.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

#: Synchronized update (DEC private mode 2026): the terminal shows a frame only when it is complete.
BEGIN_FRAME: Final = "\x1b[?2026h"
END_FRAME: Final = "\x1b[?2026l"
#: Latin, Greek and Cyrillic letters; beyond are letters of no or double width.
_LAST_SINGLE_WIDTH: Final = 0x52F
_MARKS: Final = ("Mn", "Me", "Cf", "Cc", "Zl", "Zp")
#: Unchanged cells between two changes that are written again, because a move takes more bytes.
_GAP: Final = 6


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
    """A page of cells: a character each, and the parameters of an SGR sequence."""

    def __init__(self, width: int, height: int, style: str = "") -> None:
        self.width = width
        self.height = height
        self._signs = [[" "] * width for _ in range(height)]
        self._styles = [[style] * width for _ in range(height)]

    def put(self, x: int, y: int, text: str, style: str = "", width: int | None = None) -> None:
        """Draw a text, cut to ``width`` or to the end of the line."""
        if not 0 <= y < self.height or not 0 <= x < self.width:
            return
        text = cut(text, self.width - x if width is None else min(width, self.width - x))
        end = x + len(text)
        self._signs[y][x:end] = text
        self._styles[y][x:end] = [style] * len(text)

    def put_right(self, end: int, y: int, text: str, style: str = "") -> None:
        """Draw a text that ends before column ``end``."""
        text = plain(text)
        self.put(max(0, end - len(text)), y, text, style)

    def fill(self, x: int, y: int, width: int, height: int, style: str) -> None:
        """Colour an area, which becomes empty."""
        end = min(x + width, self.width)
        for row in range(y, min(y + height, self.height)):
            self._signs[row][x:end] = " " * (end - x)
            self._styles[row][x:end] = [style] * (end - x)

    def lines(self) -> list[str]:
        """Return the text of the page."""
        return ["".join(row) for row in self._signs]

    def update_from(self, before: Canvas | None) -> str:
        """Return what a terminal has to receive to show this page; "" if it shows it already.

        :param before: the page that it shows; None if that is not known
        """
        parts = []
        if before is None or (before.width, before.height) != (self.width, self.height):
            parts.append("\x1b[0m\x1b[2J")
            before = Canvas(self.width, self.height)
        for y, (signs, styles) in enumerate(zip(self._signs, self._styles, strict=True)):
            old_signs, old_styles = before._signs[y], before._styles[y]
            if signs == old_signs and styles == old_styles:
                continue
            changed = [
                n
                for n in range(self.width)
                if signs[n] != old_signs[n] or styles[n] != old_styles[n]
            ]
            for start, end in _joined(changed):
                place = f"\x1b[{y + 1};{start + 1}H"
                parts.append(place + _written(signs[start:end], styles[start:end]))
        return f"{BEGIN_FRAME}{''.join(parts)}\x1b[0m{END_FRAME}" if parts else ""


def _joined(columns: list[int]) -> Iterator[tuple[int, int]]:
    """Yield start and end of the parts of a line that are written.

    >>> list(_joined([1, 2, 4, 30]))
    [(1, 5), (30, 31)]
    """
    start = end = columns[0]
    for column in columns:
        if column - end > _GAP:
            yield start, end
            start = column
        end = column + 1
    yield start, end


def _written(signs: list[str], styles: list[str]) -> str:
    parts, start = [], 0
    for n in range(1, len(signs) + 1):
        if n == len(signs) or styles[n] != styles[start]:
            style = styles[start]
            parts.append(f"\x1b[0;{style}m" if style else "\x1b[0m")
            parts += signs[start:n]
            start = n
    return "".join(parts)
