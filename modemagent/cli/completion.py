"""``modemagent completion``: the completion script for a shell."""

from __future__ import annotations

import click
from click.shell_completion import BashComplete, FishComplete, ZshComplete

_SHELLS = {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}


@click.command("completion")
@click.argument("shell", type=click.Choice(list(_SHELLS)))
def command(shell: str) -> None:
    """Print the script that completes modemagent's commands and options in SHELL.

    \b
    modemagent completion bash > /etc/bash_completion.d/modemagent
    modemagent completion fish > ~/.config/fish/completions/modemagent.fish
    """
    root = click.get_current_context().find_root().command
    click.echo(_SHELLS[shell](root, {}, "modemagent", "_MODEMAGENT_COMPLETE").source())
