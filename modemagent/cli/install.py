"""``modemagent install`` and ``modemagent uninstall``: the files of a gateway."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import click

from modemagent import __version__
from modemagent.cli.options import F, flag_option, json_option, root_option, value_option
from modemagent.cli.output import plain, print_json
from modemagent.installation import apply, entry_point, manifest, ownership, plan
from modemagent.installation.apply import SystemCommand
from modemagent.installation.layout import PREFIXES, UNIT, shipped
from modemagent.installation.plan import Step
from modemagent.installation.target_root import InstallError, TargetRoot

_COLOURS = {"create": "green", "update": "yellow", "remove": "red", "keep": "cyan"}


class Outcome(NamedTuple):
    """Everything that was done, or would be done with ``--dry-run``.

    :param first: system commands before the steps
    :param commands: system commands after the steps
    :param to_do: what is left to the user
    """

    steps: Sequence[Step] = ()
    first: Sequence[SystemCommand] = ()
    commands: Sequence[SystemCommand] = ()
    notes: Sequence[str] = ()
    to_do: Sequence[str] = ()
    executable: str | None = None


def _common_options(function: F) -> F:
    dry_run = flag_option("--dry-run", "Show what would change.")
    root = root_option("Change the image in DIR instead of this system.")
    return json_option(dry_run(root(function)))


@click.command("install")
@_common_options
@value_option(
    "--prefix",
    None,
    "Destination of rules and unit; use /usr in packages and images.",
    type=click.Choice(PREFIXES),
    default=PREFIXES[0],
)
@value_option(
    "--executable",
    "PATH",
    "Program that the service runs, as a path inside the image; default: this program.",
)
@flag_option("--force", "Install even if users other than root can change the program.")
def command(
    root: str, dry_run: bool, as_json: bool, prefix: str, executable: str | None, force: bool
) -> int:
    """Install udev rules, systemd unit, user and settings.

    \b
    sudo modemagent install
    modemagent install --dry-run
    modemagent install --root ./image --prefix /usr --executable /usr/bin/modemagent

    Running it again is safe, for example after an update. An edited file is never overwritten: the
    new version is stored beside it as .new. Only root may have permission to change the program
    that the service runs.
    """
    tree = TargetRoot(Path(root))
    if not dry_run:
        apply.require_root(tree)
    before = manifest.read(tree)
    unit, program, notes = _unit(tree, executable, dry_run=dry_run, force=force)
    steps, record = plan.install(tree, before, unit=unit, prefix=prefix, version=__version__)
    try:
        apply.check(tree, steps)
    except InstallError as refusal:
        notes.append(_refusal(refusal, dry_run))
    if not dry_run:
        apply.apply(tree, steps, record)
    commands = apply.run(apply.after_install(tree, steps, prefix), dry_run=dry_run)
    to_do = plan.manual_steps(tree, steps)
    if to_do or not (before and before.links):
        to_do.append(
            "Start the service: systemctl restart modemagent; then see: modemagent status"
            if tree.is_live
            else "Boot the image, which starts the service; then see: modemagent status"
        )
    outcome = Outcome(steps, (), commands, notes, to_do, program)
    return _print(tree, outcome, dry_run=dry_run, as_json=as_json)


@click.command("uninstall")
@_common_options
@flag_option("--purge", "Also remove settings, token and queued reports.")
def uninstall(root: str, dry_run: bool, as_json: bool, purge: bool) -> int:
    """Remove the files that install has written.

    \b
    sudo modemagent uninstall
    modemagent uninstall --dry-run --purge

    Without --purge, edited files, the token and queued reports are kept. The user modemagent is
    always kept, because files may still belong to it.
    """
    tree = TargetRoot(Path(root))
    if not dry_run:
        apply.require_root(tree)
    record = manifest.read(tree)
    outcome = Outcome(notes=["modemagent is not installed here."])
    if record is not None:
        steps = plan.uninstall(tree, record, purge=purge)
        before = apply.run(apply.before_uninstall(tree, record), dry_run=dry_run)
        if not dry_run:
            apply.apply(tree, steps, plan.remainder(record, steps))
            apply.clear_folders(tree, record)
        after = apply.run(apply.after_uninstall(tree), dry_run=dry_run)
        outcome = Outcome(steps, before, after)
    return _print(tree, outcome, dry_run=dry_run, as_json=as_json)


def _unit(
    tree: TargetRoot, executable: str | None, *, dry_run: bool, force: bool
) -> tuple[str, str, list[str]]:
    """Return the text of the unit, the program in it, and notes about that program."""
    words = (executable,) if executable else entry_point.running()
    if not words[0].startswith("/"):
        raise InstallError(
            f"{words[0]} is not an absolute path", hint="Pass the full path with --executable."
        )
    homes: tuple[str, ...] = ()
    notes = []
    if tree.is_live:
        homes, vanishing = entry_point.hidden(entry_point.folders(words))
        try:
            entry_point.check(words, vanishing)
        except InstallError as refusal:
            notes.append(_refusal(refusal, dry_run))
        try:
            ownership.check_ownership(ownership.code_paths(words))
        except InstallError as refusal:
            warning = f"Warning: {refusal.message}."
            notes.append(warning if force else _refusal(refusal, dry_run))
        notes += [f"The service runs from {home}: do not remove that directory." for home in homes]
    elif not tree.exists(words[0]):
        notes = [f"The service starts {words[0]}, which is not in the image (--executable)."]
    return entry_point.unit(shipped(UNIT), words, homes), " ".join(words), notes


def _refusal(refusal: InstallError, dry_run: bool) -> str:
    """Return a note about an error that would end the installation; otherwise raise it."""
    if not dry_run:
        raise refusal
    return f"The installation would fail: {refusal.message}. {refusal.hint}"


def _print(tree: TargetRoot, outcome: Outcome, *, dry_run: bool, as_json: bool) -> int:
    commands = (*outcome.first, *outcome.commands)
    if as_json:
        print_json(
            {
                "schema": 1,
                "root": str(tree.root),
                "dry_run": dry_run,
                "executable": outcome.executable,
                "steps": [
                    {"action": str(s.action), "path": s.path, "why": s.reason, "diff": s.diff}
                    for s in outcome.steps
                ],
                "commands": [{"words": c.words, "failure": c.failure or None} for c in commands],
                "notes": outcome.notes,
                "left_to_do": outcome.to_do,
            }
        )
    else:
        click.echo("\n".join(_lines(tree, outcome, dry_run=dry_run)))
    return 1 if any(command.failure for command in commands) else 0


def _lines(tree: TargetRoot, outcome: Outcome, *, dry_run: bool) -> Iterator[str]:
    image = "" if tree.is_live else f" in {plain(str(tree.root))}"
    if dry_run:
        yield f"Dry run, nothing is changed{image}:"
    elif image and outcome.steps:
        yield f"Changed{image}:"
    yield from map(_command_line, outcome.first)
    for step in outcome.steps:
        action = click.style(f"{step.action:<7}", fg=_COLOURS.get(step.action))
        yield f"{action} {plain(step.path)}" + (f"  ({plain(step.reason)})" if step.reason else "")
        for line in step.diff.splitlines():
            yield f"        {plain(line)}"
    yield from map(_command_line, outcome.commands)
    yield from map(plain, outcome.notes)
    if outcome.to_do:
        yield "\nNext steps:"
        for number, line in enumerate(outcome.to_do, 1):
            yield f"{number}. {line}"


def _command_line(command: SystemCommand) -> str:
    line = f"{'run':<7} {' '.join(command.words)}"
    return f"{line}  (failed: {plain(command.failure)})" if command.failure else line
