"""``modemagent completion``: the completion script of a shell."""

from __future__ import annotations

import click


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(context: click.Context, shell: str) -> None:
    """Print the script that completes modemagent's words in SHELL.

    \b
    modemagent completion bash > /etc/bash_completion.d/modemagent
    modemagent completion fish > ~/.config/fish/completions/modemagent.fish
    """
    from click.shell_completion import get_completion_class

    found = get_completion_class(shell)
    if found is None:  # click's own list of shells, which the choice above repeats
        raise click.UsageError(f"no completion for {shell}")
    root = context.find_root().command
    click.echo(found(root, {}, "modemagent", "_MODEMAGENT_COMPLETE").source())
