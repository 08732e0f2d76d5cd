"""Doing what a plan says, and telling the running system of it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from modemagent.installation.layout import MANIFEST, SYSUSERS, TMPFILES, UNIT, UNIT_FILE
from modemagent.installation.manifest import Manifest
from modemagent.installation.plan import Action, Step
from modemagent.installation.target_root import InstallError, TargetRoot

_COMMAND_S = 90
_CHANGES = (Action.CREATE, Action.UPDATE, Action.REMOVE)


class SystemCommand(NamedTuple):
    """One program of the system and how it went.

    :param failure: what it said when it failed, "" when it went well or was not run
    """

    words: tuple[str, ...]
    failure: str = ""


def require_root(tree: TargetRoot) -> None:
    """See that this process may change the system.

    :raises InstallError: it is the running one, and this is not root
    """
    if tree.is_live and os.geteuid() != 0:
        raise InstallError(
            "only root can do this on the running system",
            hint="Use sudo, or look first with --dry-run, or build an image with --root DIR.",
        )


def check(tree: TargetRoot, steps: Iterable[Step]) -> None:
    """See that every file can be written, so that an installation does not end half-way.

    :raises InstallError: one can not be
    """
    for step in steps:
        if step.text is not None or step.link is not None:
            tree.check(step.path)
    tree.check(MANIFEST)


def apply(tree: TargetRoot, steps: Iterable[Step], record: Manifest | None) -> None:
    """Write and remove files; the record is kept, or removed with what it records.

    :raises InstallError: a file can not be written or removed
    """
    made: list[str] = []
    for step in steps:
        if step.action is Action.REMOVE:
            tree.remove(step.path)
        elif step.link is not None:
            made += tree.write_link(step.path, step.link)
        elif step.text is not None:
            made += tree.write(step.path, step.text, step.mode)
    if record is None:
        return
    record.folders += [folder for folder in made if folder not in record.folders]
    text = record.to_text()
    if tree.text(MANIFEST) != text:
        tree.write(MANIFEST, text, 0o644)


def clear_folders(tree: TargetRoot, record: Manifest) -> None:
    """Remove the directories that the installation made, as far as they are empty."""
    for folder in reversed(record.folders):
        tree.remove_if_empty(folder)


def after_install(tree: TargetRoot, steps: Iterable[Step], prefix: str) -> list[SystemCommand]:
    """Return the commands by which the running system learns of new files.

    Only ports of cellular modems are looked at again by udev; no other device notices.
    """
    if not tree.is_live or not any(step.action in _CHANGES for step in steps):
        return []
    commands = []
    if _systemd_runs():
        for tool, words in (
            ("systemd-sysusers", (SYSUSERS,)),
            ("systemd-tmpfiles", ("--create", TMPFILES)),
        ):
            if shutil.which(tool):
                commands.append(
                    SystemCommand((tool, *(word.format(prefix=prefix) for word in words)))
                )
        # before udev, which may start the service
        commands.append(SystemCommand(("systemctl", "daemon-reload")))
    commands += _udev_again()
    if _systemd_runs():
        commands.append(SystemCommand(("systemctl", "try-restart", UNIT)))
    return commands


def before_uninstall(tree: TargetRoot, record: Manifest) -> list[SystemCommand]:
    """Return the commands that stop the service while its unit is still there."""
    unit = UNIT_FILE.format(prefix=record.prefix)
    if not tree.is_live or not _systemd_runs() or not tree.exists(unit):
        return []
    return [SystemCommand(("systemctl", "disable", "--now", UNIT))]


def after_uninstall(tree: TargetRoot) -> list[SystemCommand]:
    """Return the commands by which the running system learns that the files are gone."""
    if not tree.is_live:
        return []
    reload = [SystemCommand(("systemctl", "daemon-reload"))] if _systemd_runs() else []
    return reload + _udev_again()


def run(commands: Iterable[SystemCommand]) -> list[SystemCommand]:
    """Run the commands in order; one that fails does not keep the next from running."""
    return [SystemCommand(command.words, _failure(command.words)) for command in commands]


def _failure(words: tuple[str, ...]) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - tools of the system, from the table above
            words, capture_output=True, text=True, timeout=_COMMAND_S
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if done.returncode == 0:
        return ""
    return done.stderr.strip().rpartition("\n")[2] or f"exit status {done.returncode}"


def _systemd_runs() -> bool:
    # the test of sd_booted(3)
    return Path("/run/systemd/system").is_dir() and shutil.which("systemctl") is not None


def _udev_again() -> list[SystemCommand]:
    if not Path("/run/udev/control").exists() or shutil.which("udevadm") is None:
        return []
    from modemagent.discovery.sysfs import scan

    names = [Path(port.path).name for port in scan() if port.cellular]
    ports = [f"/sys/class/{'wwan' if name.startswith('wwan') else 'tty'}/{name}" for name in names]
    commands = [SystemCommand(("udevadm", "control", "--reload"))]
    if ports:
        commands.append(SystemCommand(("udevadm", "trigger", "--action=change", *ports)))
    return commands
