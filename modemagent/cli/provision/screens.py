"""Screens of the bench: the terminal and the browser, as the options choose them."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from modemagent.cli.options import value_option
from modemagent.errors import SettingsError
from modemagent.provisioning.bench_file import BenchSettings
from modemagent.provisioning.browser.listener import open_screen, screen_url
from modemagent.provisioning.browser.server import BrowserScreen
from modemagent.provisioning.runtime import Bench
from modemagent.provisioning.screen import terminal
from modemagent.provisioning.session import Companion

F = TypeVar("F", bound=Callable[..., Any])


def screen_options(command: F) -> F:
    """Add the address of the browser screen, and its token."""
    for decorate in (
        value_option(
            "--screen-token-file", "FILE",
            "What a browser has to know; required unless --screen is loopback.",
            type=click.Path(dir_okay=False, path_type=Path),
        ),
        value_option(
            "--screen", "HOST:PORT", "Show the bays in browsers, for example at 127.0.0.1:8471."
        ),
    ):  # fmt: skip
        command = decorate(command)
    return command


def with_screen(
    settings: BenchSettings, screen: str | None, token_file: Path | None
) -> BenchSettings:
    """Return settings with what the options state about the browser screen."""
    if screen is not None:
        settings = settings._replace(screen=screen)
    if token_file is not None:
        settings = settings._replace(screen_token_file=str(token_file))
    return settings


def terminal_companions(*, is_wanted: bool) -> tuple[Companion, ...]:
    """Return the screen on the terminal if it is wanted and stdin and stdout are one."""
    is_terminal = sys.stdin.isatty() and sys.stdout.isatty()
    if not is_wanted or not is_terminal or os.environ.get("TERM", "") in ("", "dumb"):
        return ()
    has_colours = click.get_current_context().color is not False
    return (terminal.companion(sys.stdout.fileno(), os.environ, has_colours=has_colours),)


def browser_companions(settings: BenchSettings) -> tuple[Companion, ...]:
    """Return the browser screen, which listens already, if the settings have one.

    :raises SettingsError: its address or token cannot be used
    """
    if not settings.screen:
        return ()
    token = _token(settings.screen_token_file)
    listener = open_screen(settings.screen, token)
    click.echo(f"screen: {screen_url(listener)}", err=True)

    def start(bench: Bench, stop: asyncio.Event) -> Awaitable[None]:
        return BrowserScreen(bench, listener, token).run(stop)

    return (start,)


def _token(file: str) -> str:
    if not file:
        return ""
    try:
        return Path(file).read_text("utf-8").strip()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise SettingsError(
            f"the token of the screen, {file}, cannot be read: {reason}", hint="Check the path."
        ) from error
