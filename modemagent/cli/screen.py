"""A page of text that is redrawn in place on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec

import click


def can_redraw() -> bool:
    """Return True if stdout is a terminal and rich, an optional package, is installed."""
    return sys.stdout.isatty() and find_spec("rich") is not None


@contextmanager
def live_screen() -> Iterator[Callable[[str], None]]:
    """Return a function that redraws the screen: in place with rich, otherwise by clearing it."""
    if not can_redraw():
        yield _redraw
        return
    from rich.live import Live
    from rich.text import Text

    with Live(auto_refresh=False, vertical_overflow="crop") as live:
        yield lambda page: live.update(Text.from_ansi(page, no_wrap=True), refresh=True)


def _redraw(page: str) -> None:
    click.clear()  # does nothing if stdout is not a terminal
    click.echo(page + "\n")
    sys.stdout.flush()
