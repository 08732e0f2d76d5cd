"""Options that several commands share, spelled once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

JSON_ASKED = "modemagent.json"


class Globals(NamedTuple):
    """What stands before the command's name; every command gets it from ``context.obj``.

    :param config: the settings file the user named, or None for the usual place
    :param log_level: ``debug`` ... ``error``, or None when the user named none
    """

    config: str | None
    log_level: str | None


def _remember(context: click.Context, _: click.Parameter, value: bool) -> bool:
    # Kept apart from the command's own parameters: an error that ends the command is printed
    # by the outermost caller, which must know the form the user asked for.
    context.meta[JSON_ASKED] = value
    return value


def json_option_of(prints: str) -> Callable[[F], F]:
    """Add ``--json`` to a command that does not always print one document, and say what it does."""
    return click.option(
        "--json",
        "as_json",
        is_flag=True,
        is_eager=True,
        callback=_remember,
        help=prints,
    )


def json_option(function: F) -> F:
    """Add ``--json``: one JSON document on stdout and nothing else there."""
    return json_option_of("Print one JSON document.")(function)


def root_option(function: F) -> F:
    """Add ``--root``: the tree that holds ``sys`` and ``dev``, for images and tests."""
    return click.option(
        "--root",
        type=click.Path(exists=True, file_okay=False),
        default="/",
        metavar="DIR",
        help="Look for ports in DIR/sys and DIR/dev.",
    )(function)


def state_dir_option(function: F) -> F:
    """Add ``--state-dir``: which agent is asked for ports that it holds."""
    return click.option(
        "--state-dir",
        metavar="DIR",
        help="State directory of the agent, if not that of the settings; asked for ports it holds.",
    )(function)


def timeout_option(default_s: float) -> Callable[[F], F]:
    """Add ``--timeout``: the deadline of the whole call, in seconds."""
    return click.option(
        "--timeout",
        "timeout_s",
        type=click.FloatRange(min=0.1, max=86400),
        default=default_s,
        show_default=True,
        metavar="S",
        help="Seconds for the whole call.",
    )


def baud_option(function: F) -> F:
    """Add ``--baud``: the speed of a UART; USB ports ignore it."""
    return click.option(
        "--baud",
        type=click.IntRange(min=50),
        default=115200,
        show_default=True,
        metavar="N",
        help="Speed of a UART.",
    )(function)
