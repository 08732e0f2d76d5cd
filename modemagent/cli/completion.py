"""``modemagent completion``: the completion script for a shell."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(context: click.Context, shell: str) -> None:
    """Print the script that completes modemagent's commands and options in SHELL.

    \b
    modemagent completion bash > /etc/bash_completion.d/modemagent
    modemagent completion fish > ~/.config/fish/completions/modemagent.fish
    """
    found = get_completion_class(shell)
    if found is None:  # the choice above repeats click's own list of shells
        raise click.UsageError(f"no completion for {shell}")
    root = context.find_root().command
    click.echo(found(root, {}, "modemagent", "_MODEMAGENT_COMPLETE").source())
