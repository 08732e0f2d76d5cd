"""A page of text that is redrawn in place on a terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec

import click


def can_redraw() -> bool:
    """Return True if stdout is a terminal with cursor movement and rich is installed."""
    return sys.stdout.isatty() and not _is_dumb() and find_spec("rich") is not None


@contextmanager
def live_screen() -> Iterator[Callable[[str], None]]:
    """Return a function that redraws the screen: in place with rich, otherwise by clearing it.

    With rich, the page is on the alternate screen, which survives a change of the terminal's size;
    the last page is printed at the end.
    """
    if not can_redraw():
        yield _redrawer()
        return
    from rich.live import Live
    from rich.text import Text

    last = ""
    has_colours = click.get_current_context().color is not False

    def draw(page: str) -> None:
        nonlocal last
        last = page if has_colours else click.unstyle(page)
        live.update(Text.from_ansi(last), refresh=True)

    try:
        with Live(screen=True, auto_refresh=False) as live:
            yield draw
    finally:
        click.echo(last)


def _redrawer() -> Callable[[str], None]:
    """Return a function that prints a page if it differs from the one before."""
    last = ""

    def draw(page: str) -> None:
        nonlocal last
        if page == last:
            return
        last = page
        if not _is_dumb():
            click.clear()  # does nothing if stdout is not a terminal
        click.echo(page + "\n")
        sys.stdout.flush()

    return draw


def _is_dumb() -> bool:
    """Return True if the terminal does not move its cursor."""
    return os.environ.get("TERM", "").lower() in ("dumb", "unknown")
