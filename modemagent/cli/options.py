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


def json_option(function: F) -> F:
    """Add ``--json``: one JSON document on stdout and nothing else there."""
    return click.option(
        "--json",
        "as_json",
        is_flag=True,
        is_eager=True,
        callback=_remember,
        help="Print one JSON document.",
    )(function)
