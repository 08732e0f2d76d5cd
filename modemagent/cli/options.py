"""Options that several commands share. Light: the entry point imports this module."""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import click

from modemagent.at import AUTO_BAUD
from modemagent.errors import IdentityError

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


def global_options() -> Globals:
    """Return the options before the command; the defaults if a command is called on its own."""
    given = click.get_current_context().obj
    return given if isinstance(given, Globals) else Globals()


class ListingGroup(click.Group):
    """A group that lists what there is if no subcommand is named.

    :param listing: the subcommand that lists
    """

    def __init__(self, *args: Any, listing: str = "list", **more: Any) -> None:
        more.setdefault("subcommand_metavar", "[COMMAND] [ARGS]...")
        more.setdefault("epilog", f'Without a command, the same as "{listing}".')
        super().__init__(*args, **more)
        self._listing = listing

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        names = self.get_help_option_names(ctx)
        if not args or (args[0].startswith("-") and args[0] not in names):
            args = [self._listing, *args]
        return super().parse_args(ctx, args)


def flag_option(name: str, help_text: str, *parameter: str, **attributes: Any) -> Callable[[F], F]:
    """Add an option without a value.

    :param parameter: name of the Python parameter, if it differs from the option
    """
    return click.option(name, *parameter, is_flag=True, help=help_text, **attributes)


def value_option(
    name: str, metavar: str | None, help_text: str, *parameter: str, **attributes: Any
) -> Callable[[F], F]:
    """Add an option with a value; the help shows the default, if one is given.

    :param parameter: name of the Python parameter, if it differs from the option
    """
    attributes.setdefault("show_default", "default" in attributes)
    return click.option(name, *parameter, metavar=metavar, help=help_text, **attributes)


def _note_json(context: click.Context, _: click.Parameter, value: bool) -> bool:
    # An error is printed by the outermost caller, which has no access to the command's parameters.
    context.meta[JSON_REQUESTED] = value
    return value


def json_option_with(help_text: str) -> Callable[[F], F]:
    """Add ``--json`` to a command that does not always print one document."""
    return flag_option("--json", help_text, "as_json", is_eager=True, callback=_note_json)


json_option = json_option_with("Print one JSON document.")


def root_option(help_text: str) -> Callable[[F], F]:
    """Add ``--root``: a directory that replaces ``/``, for images and tests."""
    folder = click.Path(exists=True, file_okay=False)
    return value_option("--root", "DIR", help_text, type=folder, default="/", show_default=False)


scan_root_option = root_option("Look for ports in DIR/sys and DIR/dev.")

state_dir_option = value_option(
    "--state-dir", "DIR", "State directory of the agent; default: from the settings."
)


class _SpeedOrAuto(click.IntRange):
    """A speed, or ``auto``, which stays a word."""

    name = "speed"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return value if value == AUTO_BAUD else super().convert(value, param, ctx)


#: Type of ``--baud``.
SPEED = _SpeedOrAuto(min=50)


def timeout_option(default_s: float, help_text: str, most_s: float = 86400) -> Callable[[F], F]:
    """Add ``--timeout`` in seconds."""
    seconds = click.FloatRange(min=0.1, max=most_s)
    return value_option("--timeout", "S", help_text, "timeout_s", type=seconds, default=default_s)


FOUND_WRONG = IdentityError.exit_status
"""Exit status of a command that checked something and found it wrong."""

WHOLE_COMMAND = "Time limit for the whole command, in seconds."

EID_BY_APDU = "Read the EID from the SIM itself if the modem has no command for it."
