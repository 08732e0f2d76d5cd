"""The group ``provision``: an order file as its first argument runs the bench."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path

import click

from modemagent.cli.provision.check import check_command
from modemagent.cli.provision.codes import sheet_command
from modemagent.cli.provision.decisions import rework_command, waive_command
from modemagent.cli.provision.label import label_command
from modemagent.cli.provision.results import report_command, verify_command
from modemagent.cli.provision.run import run_command
from modemagent.cli.provision.simulate import simulate_command
from modemagent.cli.provision.station import bays_group, station_command
from modemagent.errors import UsageError


class OrderGroup(click.Group):
    """A group whose first argument is a command or an order file."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in self.commands:
            _refuse_unknown_command(args[0], list(self.commands))
            return "run", run_command, args
        return super().resolve_command(ctx, args)


def _refuse_unknown_command(word: str, commands: list[str]) -> None:
    """Refuse a word that is probably a mistyped command.

    :raises UsageError: it has no suffix, and no file has this name
    """
    path = Path(word)
    if word.startswith("-") or path.suffix or path.name != word or path.exists():
        return
    near = get_close_matches(word, commands, n=1)
    meant = f"Did you mean the command {near[0]}?" if near else f"Commands: {', '.join(commands)}."
    raise UsageError(
        f"no order file and no command is called {word!r}",
        hint=f"{meant} An order is a file, such as 4711.csv.",
    )


@click.group("provision", cls=OrderGroup, subcommand_metavar="ORDER | COMMAND [ARGS]...")
def command() -> None:
    """Compare modules with an order, label and register them.

    \b
    modemagent provision ORDER.csv            run the bench with an order
    modemagent provision run --help           its options
    modemagent provision simulate             try it without hardware

    A file that is named like a command is written as ./check.
    """


command.add_command(run_command)
command.add_command(check_command)
command.add_command(bays_group)
command.add_command(station_command)
command.add_command(waive_command)
command.add_command(rework_command)
command.add_command(report_command)
command.add_command(verify_command)
command.add_command(simulate_command)
command.add_command(label_command)
bays_group.add_command(sheet_command)
