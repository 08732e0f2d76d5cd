"""Output for people and machines: escaping, one-line errors, colours, tables, JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence

import click

from modemagent.errors import ModemAgentError

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
    """Print a JSON document on one line of stdout."""
    click.echo(json.dumps(document))


def one_line(failure: ModemAgentError) -> str:
    """Return an expected failure as the one line that ends a command."""
    line = f"modemagent: {plain(failure.message).rstrip('.')}."
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


def table(rows: Sequence[Sequence[str]], *, indent: int = 0) -> str:
    """Return rows as aligned columns, two spaces apart; cells may be styled."""
    lengths = [[len(click.unstyle(text)) for text in row] for row in rows]
    widths = [max(column) for column in zip(*lengths, strict=True)]
    lines = []
    for row, used in zip(rows, lengths, strict=True):
        cells = [text + " " * (w - n) for text, w, n in zip(row, widths, used, strict=True)]
        lines.append((" " * indent + "  ".join(cells)).rstrip())
    return "\n".join(lines)
