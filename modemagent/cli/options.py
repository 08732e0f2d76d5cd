"""Options that several commands share. Light: the entry point imports this module."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

JSON_REQUESTED = "modemagent.json"
"""Key of the context's metadata that is true if ``--json`` was given."""


class Globals(NamedTuple):
    """Options before the name of the command, available as ``context.obj``.

    :param config: settings file, or None for the default
    :param log_level: ``debug`` ... ``error``, or None for the default
    """

    config: str | None = None
    log_level: str | None = None


def global_options(context: click.Context) -> Globals:
    """Return the options before the command; the defaults if a command is called on its own."""
    return context.obj if isinstance(context.obj, Globals) else Globals()


def settings_file(context: click.Context) -> Path | None:
    """Return the file of the global option ``--config``, or None."""
    config = global_options(context).config
    return Path(config) if config else None


def _note_json(context: click.Context, _: click.Parameter, value: bool) -> bool:
    # An error is printed by the outermost caller, which has no access to the command's parameters.
    context.meta[JSON_REQUESTED] = value
    return value


def json_option_with(help_text: str) -> Callable[[F], F]:
    """Add ``--json`` to a command that does not always print one document."""
    return click.option(
        "--json", "as_json", is_flag=True, is_eager=True, callback=_note_json, help=help_text
    )


json_option = json_option_with("Print one JSON document.")


def root_option(help_text: str) -> Callable[[F], F]:
    """Add ``--root``: a directory that replaces ``/``, for images and tests."""
    return click.option(
        "--root",
        type=click.Path(exists=True, file_okay=False),
        default="/",
        metavar="DIR",
        help=help_text,
    )


scan_root_option = root_option("Look for ports in DIR/sys and DIR/dev.")

state_dir_option = click.option(
    "--state-dir", metavar="DIR", help="State directory of the agent; default: from the settings."
)


def timeout_option(default_s: float, help_text: str, most_s: float = 86400) -> Callable[[F], F]:
    """Add ``--timeout`` in seconds."""
    return click.option(
        "--timeout",
        "timeout_s",
        type=click.FloatRange(min=0.1, max=most_s),
        default=default_s,
        show_default=True,
        metavar="S",
        help=help_text,
    )


WHOLE_COMMAND = "Seconds for the whole command."
