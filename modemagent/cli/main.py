"""The table of commands, and the single place where a call ends: exit status, one line, a hint.

Start-up time is part of the interface, because scripts call ``modemagent`` once per value: the
module of a command is imported when the command is called, and what only a failed call or the
completion of a shell needs is imported there.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from types import MappingProxyType
from typing import Any

import click

from modemagent import __version__
from modemagent.cli import stdio
from modemagent.cli.options import JSON_REQUESTED, Globals
from modemagent.cli.output import one_line, plain, print_json
from modemagent.cli.stdio import print_error
from modemagent.errors import ModemAgentError, SettingsError, UsageError
from modemagent.extras import install_command

INTERRUPTED = 130
LOG_LEVELS = ("debug", "info", "warning", "error")

#: Command and its summary. The command is ``command`` in the module of its name.
COMMANDS: Mapping[str, str] = MappingProxyType(
    {
        "identify": "Read and validate the identities of modems and SIM cards.",
        "list": "List ports grouped by modem, without opening them.",
        "at": "Send read-only AT commands and explain the responses.",
        "record": "Record a transcript of a real modem.",
        "validate": "Check identity numbers without hardware.",
        "diagnose": "Find out what is wrong with a modem and how to fix it.",
        "explain": "Explain AT responses and error codes.",
        "run": "Run the daemon: identify, watch, report.",
        "watch": "Show modem events as they occur.",
        "status": "Show the status of the running daemon.",
        "config": "Check and show the settings.",
        "outbox": "List, export or flush queued reports.",
        "registry": "Serve and query the central registry.",
        "provision": "Compare modules with an order, label and register them.",
        "simulate": "Run simulated modems.",
        "demo": "Run simulated modems, the daemon and the registry on this machine.",
        "install": "Install udev rules, systemd unit and settings.",
        "uninstall": "Remove the files that install has written.",
        "completion": "Print the completion script for a shell.",
    }
)

_OTHER_MODULE = {"uninstall": ("install", "uninstall")}

#: Package of an optional part, and the extra that installs it.
EXTRAS: Mapping[str, str] = MappingProxyType(
    {
        "fastapi": "registry",
        "msgspec": "registry",
        "sqlalchemy": "registry",
        "starlette": "registry",
        "uvicorn": "registry",
        "rich": "live",
        "PIL": "bench",
        "barcode": "bench",
        "segno": "bench",
    }
)


class MissingExtra(UsageError):
    """A command requires a package that is an optional part of the installation."""

    code = "missing_extra"

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(
            f"this command requires the package {package}",
            hint=f"Install it with: {install_command(extra)}",
        )


class LazyGroup(click.Group):
    """A group that shows its help without importing a command."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, attribute = _OTHER_MODULE.get(cmd_name, (cmd_name, "command"))
        command: click.Command = getattr(import_module(f"modemagent.cli.{module}"), attribute)
        _name_variables(command, f"MODEMAGENT_{cmd_name.upper()}")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from difflib import get_close_matches

            near = get_close_matches(args[0], COMMANDS, n=1)
            hint = f"Did you mean {near[0]}?" if near else "See: modemagent --help"
            raise UsageError(f"unknown command {args[0]!r}", hint=hint)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[Any]:
        from click.shell_completion import CompletionItem

        names = [
            CompletionItem(name, help=summary)
            for name, summary in COMMANDS.items()
            if name.startswith(incomplete)
        ]
        return names + click.Command.shell_complete(self, ctx, incomplete)


def _name_variables(command: click.Command, prefix: str) -> None:
    """Name the environment variable of each option after its spelling.

    Click derives the name from the Python parameter: for ``--json`` that would be ``..._AS_JSON``.
    """
    for parameter in command.params:
        spelled = next((word for word in parameter.opts if word.startswith("--")), None)
        if isinstance(parameter, click.Option) and spelled and parameter.envvar is None:
            parameter.envvar = f"{prefix}_{spelled[2:].upper().replace('-', '_')}"
    if isinstance(command, click.Group):
        for name, child in command.commands.items():
            _name_variables(child, f"{prefix}_{name.upper().replace('-', '_')}")


EPILOG = """\b
Exit status: 0 success, 1 failure, 2 wrong usage, 3 a check failed,
4 no modem, port or answer, 5 port busy, 6 registry refused or unreachable.
Every option can be set in the environment: MODEMAGENT_<COMMAND>_<OPTION>."""


@click.group(
    cls=LazyGroup,
    invoke_without_command=True,
    epilog=EPILOG,
    context_settings={
        "auto_envvar_prefix": "MODEMAGENT",
        "help_option_names": ["-h", "--help"],
        "max_content_width": 100,
    },
)
@click.version_option(__version__, "-V", "--version", message="modemagent %(version)s")
@click.option("--config", metavar="FILE", help="Settings file.")
@click.option(
    "--log-level", type=click.Choice(LOG_LEVELS), help="Log messages of this severity and above."
)
@click.option("--no-color", is_flag=True, help="Disable colours.")
@click.pass_context
def cli(context: click.Context, config: str | None, log_level: str | None, no_color: bool) -> None:
    """Identify cellular modems and their SIM cards, and report them to a registry."""
    is_checked = context.invoked_subcommand == "config"  # has a remedy of its own
    if config is not None and not is_checked and not os.path.exists(config):  # noqa: PTH110
        raise SettingsError(
            f"settings file {config} does not exist", hint="Name another file with --config."
        )
    context.obj = Globals(config, log_level)
    if no_color or os.environ.get("NO_COLOR"):
        context.color = False
    elif os.environ.get("FORCE_COLOR"):
        context.color = True
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def run(argv: Sequence[str]) -> int:
    """Run one call of the command line and return its exit status.

    An expected failure is one line with a hint on stderr, or with ``--json`` an ``error`` object on
    stdout. Any other exception is reported as an internal error.
    """
    stdio.open_closed_streams()
    try:
        status = _call(argv)
        sys.stdout.flush()
    except BrokenPipeError:
        return stdio.reader_closed()
    except OSError as error:
        return stdio.output_failed(error)
    return status


def _call(argv: Sequence[str]) -> int:
    if "_MODEMAGENT_COMPLETE" in os.environ:
        cli.main(list(argv), prog_name="modemagent")
    # Options are not parsed yet when a call is rejected early, so the words are searched too.
    words = argv[: argv.index("--")] if "--" in argv else argv
    meta: dict[str, Any] = {}
    try:
        with cli.make_context("modemagent", list(argv)) as context:
            meta = context.meta
            status: int = cli.invoke(context) or 0  # what the command returns
        return status
    except BrokenPipeError:
        raise
    except click.exceptions.Exit as exit_:
        return exit_.exit_code
    except (KeyboardInterrupt, click.Abort):
        print_error("")
        return INTERRUPTED
    except click.ClickException as error:
        if type(error).__name__ == "NoArgsIsHelpError":  # since click 8.2
            print_error(error.format_message())
            return error.exit_code
        command = getattr(getattr(error, "ctx", None), "command_path", "modemagent")
        # click lists choices one per line, and names the Python type of a number
        message = " ".join(error.format_message().split()).rstrip(".")
        message = message.replace("valid float range", "valid number")
        message = message.replace("valid integer range", "valid integer")
        failure: ModemAgentError = UsageError(message, hint=f"See: {command} --help")
    except ModemAgentError as expected:
        if expected.__cause__ is not None and stdio.is_output_error(expected.__cause__):
            raise expected.__cause__ from None  # from a print while a port was open
        failure = expected
    except ModuleNotFoundError as missing:
        package = (missing.name or "").partition(".")[0]
        if package not in EXTRAS:
            return _internal_error(missing, argv)
        failure = MissingExtra(package, EXTRAS[package])
    except Exception as error:  # the outermost caller: no traceback may be shown
        if stdio.is_output_error(error):
            raise
        return _internal_error(error, argv)
    if meta.get(JSON_REQUESTED) or "--json" in words:
        print_json({"error": failure.to_json()})
    else:
        print_error(one_line(failure))
    return failure.exit_status


def _internal_error(error: BaseException, argv: Sequence[str]) -> int:
    if "debug" in argv or os.environ.get("MODEMAGENT_LOG_LEVEL") == "debug":
        import traceback

        print_error("".join(traceback.format_exception(error)).rstrip())
        return 1
    what = plain(f"{type(error).__name__}: {error}")
    print_error(
        f"modemagent: internal error: {what}. Please report it; --log-level debug shows the "
        "traceback."
    )
    return 1
