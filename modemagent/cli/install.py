"""``modemagent install`` and ``modemagent uninstall``: the files of a gateway."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from modemagent.cli.options import json_option
from modemagent.cli.render import plain

if TYPE_CHECKING:
    from modemagent.installation.apply import SystemCommand
    from modemagent.installation.plan import Step
    from modemagent.installation.target_root import InstallError, TargetRoot

F = TypeVar("F", bound=Callable[..., Any])
_COLOURS = {"create": "green", "update": "yellow", "remove": "red", "keep": "cyan"}


def _common(function: F) -> F:
    for option in (
        click.option(
            "--root",
            type=click.Path(exists=True, file_okay=False),
            default="/",
            metavar="DIR",
            help="Work on the image in DIR instead of the running system.",
        ),
        click.option("--dry-run", is_flag=True, help="Show what would be done; change nothing."),
    ):
        function = option(function)
    return json_option(function)


@click.command("install")
@_common
@click.option(
    "--prefix",
    type=click.Choice(("/usr/local", "/usr")),
    default="/usr/local",
    show_default=True,
    help="Where rules and unit go; /usr is for packages and images.",
)
@click.option(
    "--executable",
    metavar="PATH",
    help="Program the service starts, as the image sees it; else the one that runs now.",
)
def install(root: str, dry_run: bool, as_json: bool, prefix: str, executable: str | None) -> None:
    """Put udev rules, systemd unit, user and settings in place.

    \b
    sudo modemagent install
    modemagent install --dry-run
    modemagent install --root ./image --prefix /usr --executable /usr/bin/modemagent

    May be called again at any time, as after an update. A file that somebody edited is never
    written over: the new version is put beside it as .new.
    """
    from pathlib import Path

    from modemagent import __version__
    from modemagent.installation import apply, manifest, plan
    from modemagent.installation.target_root import InstallError, TargetRoot

    tree = TargetRoot(Path(root))
    if not dry_run:
        apply.require_root(tree)
    before = manifest.read(tree)
    unit, program, notes = _unit(tree, executable, dry_run)
    steps, record = plan.install(tree, before, unit=unit, prefix=prefix, version=__version__)
    commands = apply.after_install(tree, steps, prefix)
    try:
        apply.check(tree, steps)
    except InstallError as refusal:
        if not dry_run:
            raise
        notes.append(_would_be_refused(refusal))
    if not dry_run:
        apply.apply(tree, steps, record)
        commands = apply.run(commands)
    left = plan.left(tree, steps)
    if left or not (before and before.links):
        left.append(
            "Start it: systemctl restart modemagent; then see: modemagent status"
            if tree.is_live
            else "Boot the image: the service starts by itself; then see: modemagent status"
        )
    _show(tree, steps, commands, dry_run, as_json, notes, left, executable=program)


@click.command("uninstall")
@_common
@click.option("--purge", is_flag=True, help="Remove settings, token and waiting reports as well.")
def uninstall(root: str, dry_run: bool, as_json: bool, purge: bool) -> None:
    """Take away what install wrote, and nothing else.

    \b
    sudo modemagent uninstall
    modemagent uninstall --dry-run --purge

    Files that somebody edited, the token and reports that wait stay unless --purge is given. The
    user modemagent stays: files may still be his.
    """
    from pathlib import Path

    from modemagent.installation import apply, manifest, plan
    from modemagent.installation.target_root import TargetRoot

    tree = TargetRoot(Path(root))
    if not dry_run:
        apply.require_root(tree)
    record = manifest.read(tree)
    if record is None:
        _show(tree, [], [], dry_run, as_json, ["modemagent is not installed here."], [])
        return
    steps = plan.uninstall(tree, record, purge=purge)
    before, after = apply.before_uninstall(tree, record), apply.after_uninstall(tree)
    if not dry_run:
        before = apply.run(before)
        apply.apply(tree, steps, plan.remainder(record, steps))
        apply.clear_folders(tree, record)
        after = apply.run(after)
    _show(tree, steps, after, dry_run, as_json, [], [], first=before)


def _unit(tree: TargetRoot, executable: str | None, dry_run: bool) -> tuple[str, str, list[str]]:
    """Return the text of the unit, the program in it, and what to know of that program."""
    from modemagent.installation import entry_point as program
    from modemagent.installation.layout import UNIT, shipped
    from modemagent.installation.target_root import InstallError

    text = shipped(UNIT)
    words = (executable,) if executable else program.running()
    if not words[0].startswith("/"):
        raise InstallError(f"{words[0]} is no absolute path", hint="Name the whole path.")
    homes: tuple[str, ...] = ()
    notes = []
    if tree.is_live:
        homes, vanishing = program.hidden(program.folders(words))
        try:
            program.check(words, vanishing)
        except InstallError as refusal:
            if not dry_run:
                raise
            notes = [_would_be_refused(refusal)]
        notes += [f"The service runs from {home}: leave it there." for home in homes]
    elif not tree.exists(words[0]):
        notes = [f"The service starts {words[0]}, which is not in the image yet (--executable)."]
    return program.unit(text, words, homes), " ".join(words), notes


def _would_be_refused(refusal: InstallError) -> str:
    return f"It would be refused: {refusal.message}. {refusal.hint}"


def _show(
    tree: TargetRoot,
    steps: Sequence[Step],
    commands: Sequence[SystemCommand],
    dry_run: bool,
    as_json: bool,
    notes: Sequence[str],
    left: Sequence[str],
    *,
    executable: str | None = None,
    first: Sequence[SystemCommand] = (),
) -> None:
    """Print it all; ``first`` are commands that ran before the steps, ``commands`` after them."""
    failed = [command for command in (*first, *commands) if command.failure]
    if as_json:
        import json

        document = {
            "schema": 1,
            "root": str(tree.root),
            "dry_run": dry_run,
            "executable": executable,
            "steps": [
                {"action": str(s.action), "path": s.path, "why": s.why, "diff": s.diff}
                for s in steps
            ],
            "commands": [
                {"words": c.words, "failure": c.failure or None} for c in (*first, *commands)
            ],
            "notes": notes,
            "left_to_do": left,
        }
        click.echo(json.dumps(document))
    else:
        for line in _lines(tree, first, steps, commands, dry_run, notes, left):
            click.echo(line)
    if failed:
        click.get_current_context().exit(1)


def _lines(
    tree: TargetRoot,
    first: Sequence[SystemCommand],
    steps: Sequence[Step],
    commands: Sequence[SystemCommand],
    dry_run: bool,
    notes: Sequence[str],
    left: Sequence[str],
) -> list[str]:
    where = "" if tree.is_live else f" in {plain(str(tree.root))}"
    lines = [f"Nothing is changed; this would be done{where}:"] if dry_run else []
    if not dry_run and where and steps:
        lines.append(f"Done{where}:")
    lines += map(_command_line, first)
    for step in steps:
        word = click.style(f"{step.action:<7}", fg=_COLOURS.get(step.action))
        lines.append(f"{word} {plain(step.path)}" + (f"  ({plain(step.why)})" if step.why else ""))
        lines += [f"        {plain(line)}" for line in step.diff.splitlines()]
    lines += map(_command_line, commands)
    lines += [plain(note) for note in notes]
    if left:
        lines += ["", "Left to do:"]
        lines += [f"{number}. {line}" for number, line in enumerate(left, 1)]
    return lines


def _command_line(command: SystemCommand) -> str:
    line = f"{'run':<7} {' '.join(command.words)}"
    return f"{line}  (failed: {plain(command.failure)})" if command.failure else line
