"""The table of commands, and the one place where a call ends: exit status, one line, a remedy.

Start-up time is part of the interface: scripts call ``modemagent`` once a value. This module
imports click and nothing else that takes time; a command's module is imported when it is called.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import click

from modemagent import __version__
from modemagent.cli import stdio
from modemagent.cli.options import JSON_ASKED, Globals
from modemagent.cli.stdio import print_error
from modemagent.errors import ModemAgentError, UsageError

INTERRUPTED = 130
LOG_LEVELS = ("debug", "info", "warning", "error")


class CommandEntry(NamedTuple):
    """One command: the module and attribute that hold it, and its line in the overview."""

    module: str
    attribute: str
    summary: str


COMMANDS: Mapping[str, CommandEntry] = MappingProxyType(
    {
        "identify": CommandEntry(
            "modemagent.cli.identify", "command", "Read and validate modem and SIM identities."
        ),
        "list": CommandEntry(
            "modemagent.cli.list", "command", "Show ports by modem; sends not one byte."
        ),
        "at": CommandEntry(
            "modemagent.cli.at", "command", "Send reading AT lines, explain the answers."
        ),
        "record": CommandEntry(
            "modemagent.cli.record", "command", "Write a transcript of a real modem."
        ),
        "validate": CommandEntry(
            "modemagent.cli.validate", "command", "Check identity numbers without hardware."
        ),
        "diagnose": CommandEntry(
            "modemagent.cli.diagnose", "command", "What is wrong, what to do."
        ),
        "explain": CommandEntry(
            "modemagent.cli.explain", "command", "Say answers and errors in words."
        ),
        "run": CommandEntry(
            "modemagent.cli.run", "command", "The daemon: identify, watch, report."
        ),
        "watch": CommandEntry(
            "modemagent.cli.watch", "command", "Show what happens, as it happens."
        ),
        "status": CommandEntry(
            "modemagent.cli.status", "command", "Ask the running daemon how it is."
        ),
        "config": CommandEntry("modemagent.cli.config", "command", "Check and show the settings."),
        "outbox": CommandEntry("modemagent.cli.outbox", "command", "Reports that wait to be sent."),
        "registry": CommandEntry("modemagent.cli.registry", "command", "The central registry."),
        "simulate": CommandEntry("modemagent.cli.simulate", "command", "Play simulated modems."),
        "demo": CommandEntry(
            "modemagent.cli.demo", "command", "Everything on this machine, no hardware."
        ),
        "install": CommandEntry(
            "modemagent.cli.install", "install", "Put rules, unit, settings in place."
        ),
        "uninstall": CommandEntry("modemagent.cli.install", "uninstall", "Take them away again."),
        "completion": CommandEntry(
            "modemagent.cli.completion", "command", "Print the completion script of a shell."
        ),
    }
)

# Packages of optional parts, and the extra that brings them.
EXTRAS: Mapping[str, str] = MappingProxyType(
    {
        "fastapi": "registry",
        "msgspec": "registry",
        "sqlalchemy": "registry",
        "starlette": "registry",
        "uvicorn": "registry",
        "rich": "live",
    }
)


class MissingExtra(UsageError):
    """A command needs packages that an optional part of the installation brings."""

    code = "missing_extra"

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(
            f"this needs the package {package}",
            hint=f"Install it with: pip install 'modemagent[{extra}]'",
        )


class LazyGroup(click.Group):
    """A group whose help needs no command: names and summaries come from the table."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        from importlib import import_module

        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        command: click.Command = getattr(import_module(entry.module), entry.attribute)
        _name_variables(command, f"MODEMAGENT_{cmd_name.upper()}")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from difflib import get_close_matches

            near = get_close_matches(args[0], COMMANDS, n=1)
            hint = f"Did you mean {near[0]}?" if near else "See: modemagent --help"
            raise UsageError(f"there is no command {args[0]!r}", hint=hint)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.summary) for name, entry in COMMANDS.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[Any]:
        from click.shell_completion import CompletionItem

        names = [
            CompletionItem(name, help=entry.summary)
            for name, entry in COMMANDS.items()
            if name.startswith(incomplete)
        ]
        return names + click.Command.shell_complete(self, ctx, incomplete)


def _name_variables(command: click.Command, prefix: str) -> None:
    """Give each option the environment variable that its spelling promises.

    Click's own automatism names variables after Python parameters, so ``--json`` would be
    ``..._AS_JSON``.
    """
    for parameter in command.params:
        spelled = next((word for word in parameter.opts if word.startswith("--")), None)
        if isinstance(parameter, click.Option) and spelled and parameter.envvar is None:
            parameter.envvar = f"{prefix}_{spelled[2:].upper().replace('-', '_')}"
    if isinstance(command, click.Group):
        for name, child in command.commands.items():
            _name_variables(child, f"{prefix}_{name.upper().replace('-', '_')}")


EPILOG = """\b
Exit status: 0 done, 1 failed, 2 wrong usage, 3 checked and found wrong,
4 no modem, port or answer, 5 port busy, 6 registry refused or unreachable.
Every option can come from the environment: MODEMAGENT_<COMMAND>_<OPTION>."""


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
@click.option("--log-level", type=click.Choice(LOG_LEVELS), help="How much to say on stderr.")
@click.option("--no-color", is_flag=True, help="Plain text, also on a terminal.")
@click.pass_context
def cli(context: click.Context, config: str | None, log_level: str | None, no_color: bool) -> None:
    """Find out which cellular module and which SIM card is really in a box, and report it."""
    context.obj = Globals(config=config, log_level=log_level)
    if no_color or os.environ.get("NO_COLOR"):
        context.color = False
    elif os.environ.get("FORCE_COLOR"):
        context.color = True
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def run(argv: Sequence[str]) -> int:
    """Run one call of the command line and return its exit status.

    Every way a call can end is here: an expected failure is one line with its remedy on stderr,
    or with ``--json`` an ``error`` object on stdout; anything else is a fault of this program
    and says how to see more.
    """
    stdio.stand_in_for_closed()
    try:
        status = _called(argv)
        sys.stdout.flush()
    except BrokenPipeError:
        return stdio.reader_left()
    except OSError as error:
        return stdio.not_written(error)
    return status


def _called(argv: Sequence[str]) -> int:
    if "_MODEMAGENT_COMPLETE" in os.environ:
        cli.main(list(argv), prog_name="modemagent")
    meta: dict[str, Any] = {JSON_ASKED: "--json" in _before_dashes(argv)}
    try:
        with cli.make_context("modemagent", list(argv)) as context:
            meta = context.meta
            cli.invoke(context)
    except BrokenPipeError:
        raise
    except click.exceptions.Exit as ended:
        return ended.exit_code
    except (KeyboardInterrupt, click.Abort):
        print_error("")
        return INTERRUPTED
    except click.ClickException as refused:
        hint = getattr(getattr(refused, "ctx", None), "command_path", "modemagent")
        failure: ModemAgentError = UsageError(
            refused.format_message().rstrip("."), hint=f"See: {hint} --help"
        )
    except ModemAgentError as expected:
        if expected.__cause__ is not None and stdio.is_of_output(expected.__cause__):
            raise expected.__cause__ from None  # printed while a port was open
        failure = expected
    except ModuleNotFoundError as missing:
        package = (missing.name or "").partition(".")[0]
        if package not in EXTRAS:
            return _unexpected(missing, argv)
        failure = MissingExtra(package, EXTRAS[package])
    except Exception as fault:  # the outermost caller: nothing may show a traceback
        if stdio.is_of_output(fault):
            raise
        return _unexpected(fault, argv)
    else:
        return 0
    return _failed(failure, as_json=_json_asked(meta, argv))


def _before_dashes(argv: Sequence[str]) -> Sequence[str]:
    return argv[: argv.index("--")] if "--" in argv else argv


def _json_asked(meta: Mapping[str, Any], argv: Sequence[str]) -> bool:
    # The words are looked at too: a call that could not be parsed never got to its options.
    return bool(meta.get(JSON_ASKED)) or "--json" in _before_dashes(argv)


def _failed(failure: ModemAgentError, *, as_json: bool) -> int:
    from modemagent.cli.render import one_line

    if as_json:
        import json

        click.echo(json.dumps({"error": failure.to_json()}))
    else:
        print_error(one_line(failure))
    return failure.exit_status


def _unexpected(fault: BaseException, argv: Sequence[str]) -> int:
    from modemagent.cli.render import plain

    if "debug" in argv or os.environ.get("MODEMAGENT_LOG_LEVEL") == "debug":
        import traceback

        print_error("".join(traceback.format_exception(fault)).rstrip())
        return 1
    what = plain(f"{type(fault).__name__}: {fault}")
    print_error(
        f"modemagent: unexpected {what}. This is a fault of modemagent; "
        "run with --log-level debug to see where."
    )
    return 1
