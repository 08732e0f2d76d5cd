"""Output for people and machines: escaping, one-line errors, colours, tables, JSON."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from itertools import zip_longest

import click

from modemagent.errors import ModemAgentError

#: Narrower terminals get lines for this width.
_NARROWEST = 40
COLOURS = {"ok": "green", "warning": "yellow", "error": "red"}


def plain(text: str) -> str:
    """Return text with everything that could control a terminal written as an escape.

    Data from a modem is untrusted: control characters, ANSI sequences, characters that change the
    writing direction and lone surrogates become ``\\x1b`` and the like.

    >>> plain("EG25\\x1b[2J")
    'EG25\\\\x1b[2J'
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode("ascii")
        for letter in text
    )


def print_json(document: object) -> None:
    """Print a JSON document on one line of stdout.

    The encoder takes 1.5 ms to import, and most calls print text.
    """
    import json

    click.echo(json.dumps(document))


def one_line(failure: ModemAgentError) -> str:
    """Return an expected failure as the one line that ends a command."""
    line = f"modemagent: {plain(failure.message).rstrip('.')}"
    line += "" if line.endswith("?") else "."
    return f"{line} {plain(failure.hint)}" if failure.hint else line


def heading(text: str) -> str:
    """Return a title: bold on a terminal, unchanged elsewhere."""
    return click.style(text, bold=True)


def verdict_word(verdict: str) -> str:
    """Return a verdict in its colour."""
    return click.style(verdict, fg=COLOURS.get(verdict), bold=True)


def cell(value: object) -> str:
    """Return a value for a table: a dash for None, yes or no for a flag."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return plain(str(value))


def screen_width() -> int | None:
    """Return the columns of the terminal; None for any other output, whose lines are not wrapped.

    Programs that read a pipe find a message in one line.
    """
    size = _terminal_size()
    return None if size is None else max(_NARROWEST, size[0] or 80)


def screen_height() -> int | None:
    """Return the lines of the terminal; None for any other output, or if they are unknown."""
    size = _terminal_size()
    return None if size is None else size[1] or None


def _terminal_size() -> tuple[int, int] | None:
    """Return columns and lines, None without a terminal; 0 if one of them is unknown."""
    if not sys.stdout.isatty():
        return None
    # as shutil does, which would load all compression modules
    given = [os.environ.get(name, "") for name in ("COLUMNS", "LINES")]
    columns, lines = (int(each) if each.isdecimal() else 0 for each in given)
    if not (columns and lines):
        size = os.get_terminal_size(sys.stdout.fileno())
        columns, lines = columns or size.columns, lines or size.lines
    return columns, lines


def paragraph(prefix: str, text: str) -> str:
    """Return a text after a prefix, wrapped at words; further lines are indented as the first.

    :param prefix: may be styled; the text may not
    """
    width = screen_width()
    indent = len(click.unstyle(prefix))
    if width is None or indent + len(text) <= width or click.unstyle(text) != text:
        return (prefix + text).rstrip()
    return prefix + f"\n{'':{indent}}".join(_wrapped(text, width - indent))


def table(rows: Sequence[Sequence[str]], *, indent: int = 0) -> str:
    """Return rows as aligned columns, two spaces apart; cells may be styled.

    Cells that are not styled are wrapped at words if the table is wider than the screen.
    """
    widths = [max(map(_length, column)) for column in zip(*rows, strict=True)]
    limit = screen_width()
    if limit is not None:
        _shrink(widths, rows, limit - indent)
    lines = []
    for row in rows:
        columns = [
            [cell] if _length(cell) <= width else _wrapped(cell, width)
            for cell, width in zip(row, widths, strict=True)
        ]
        for cells in zip_longest(*columns, fillvalue=""):
            padded = [
                text + " " * (w - _length(text)) for text, w in zip(cells, widths, strict=True)
            ]
            lines.append((" " * indent + "  ".join(padded)).rstrip())
    return "\n".join(lines)


def _shrink(widths: list[int], rows: Sequence[Sequence[str]], limit: int) -> None:
    """Narrow the widest columns that can be wrapped until the table fits, if it can."""
    least = [
        max(max(map(len, click.unstyle(cell).split()), default=0) for cell in column)
        for column in zip(*rows, strict=True)
    ]
    while sum(widths) + 2 * (len(widths) - 1) > limit:
        wide = [at for at in range(len(widths)) if widths[at] > least[at]]
        if not wide:
            return
        widths[max(wide, key=lambda at: widths[at])] -= 1


def _wrapped(text: str, width: int) -> list[str]:
    """Return the words of a text as lines; a longer word is a line of its own."""
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}".lstrip()
    return lines


def _padded(text: str, width: int) -> str:
    return text + " " * (width - _length(text))


def _length(text: str) -> int:
    return len(click.unstyle(text))
