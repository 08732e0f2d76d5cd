"""Execution of a plan: files, and the commands that make the running system load them."""

import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from modemagent.discovery.sysfs import scan
from modemagent.installation.layout import MANIFEST, SYSUSERS, TMPFILES, UNIT, UNIT_FILE
from modemagent.installation.manifest import Manifest
from modemagent.installation.plan import Action, Step
from modemagent.installation.target_root import InstallError, TargetRoot

_COMMAND_TIMEOUT_S = 90
Words = tuple[str, ...]
_CHANGES = (Action.CREATE, Action.UPDATE, Action.REMOVE)


class SystemCommand(NamedTuple):
    """One command of the system and its result.

    :param failure: its error message, "" if it succeeded or was not run
    """

    words: Words
    failure: str = ""


def require_root(target: TargetRoot) -> None:
    """Check that this process may change the system.

    :raises InstallError: the target is the running system, and this user is not root
    """
    if target.is_live and os.geteuid() != 0:
        raise InstallError(
            "only root can change the running system",
            hint="Use sudo, preview the changes with --dry-run, or build an image with --root DIR.",
        )


def check(target: TargetRoot, steps: Iterable[Step]) -> None:
    """Check that every file can be written, so that an installation does not stop half-way.

    :raises InstallError: a file cannot be written
    """
    for step in steps:
        if step.text is not None or step.link is not None:
            target.check(step.path)
    target.check(MANIFEST)


def apply(target: TargetRoot, steps: Iterable[Step], record: Manifest | None) -> None:
    """Write and remove files, and write the manifest if there is one.

    :raises InstallError: a file cannot be written or removed
    """
    made: list[str] = []
    for step in steps:
        if step.action is Action.REMOVE:
            target.remove(step.path)
        elif step.link is not None:
            made += target.write_link(step.path, step.link)
        elif step.text is not None:
            made += target.write(step.path, step.text, step.mode)
    if record is None:
        return
    record.folders = tuple(dict.fromkeys((*record.folders, *made)))
    text = record.to_text()
    if target.text(MANIFEST) != text:
        target.write(MANIFEST, text, 0o644)


def clear_folders(target: TargetRoot, record: Manifest) -> None:
    """Remove the directories made by the installation if they are empty."""
    for folder in reversed(record.folders):
        target.remove_if_empty(folder)


def after_install(target: TargetRoot, steps: Iterable[Step], prefix: str) -> list[Words]:
    """Return the commands that make the running system load new files.

    udev processes only ports of cellular modems again; other devices are not affected.
    """
    if not target.is_live or not any(step.action in _CHANGES for step in steps):
        return []
    if not _systemd_runs():
        return _udev_commands()
    commands: list[Words] = [
        ("systemd-sysusers", SYSUSERS.format(prefix=prefix)),
        ("systemd-tmpfiles", "--create", TMPFILES.format(prefix=prefix)),
        ("systemctl", "daemon-reload"),  # before udev, which may start the service
        *_udev_commands(),
        ("systemctl", "try-restart", UNIT),
    ]
    return [words for words in commands if shutil.which(words[0])]


def before_uninstall(target: TargetRoot, record: Manifest) -> list[Words]:
    """Return the commands that stop the service before its unit is removed."""
    unit = UNIT_FILE.format(prefix=record.prefix)
    if not target.is_live or not _systemd_runs() or not target.exists(unit):
        return []
    return [("systemctl", "disable", "--now", UNIT)]


def after_uninstall(target: TargetRoot) -> list[Words]:
    """Return the commands that make the running system forget the removed files."""
    if not target.is_live:
        return []
    reload: list[Words] = [("systemctl", "daemon-reload")] if _systemd_runs() else []
    return reload + _udev_commands()


def run(commands: Iterable[Words], *, dry_run: bool) -> list[SystemCommand]:
    """Run all commands in order, also after one that fails."""
    return [SystemCommand(words, "" if dry_run else _failure(words)) for words in commands]


def _failure(words: Words) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - tools of the system, from this module
            words, capture_output=True, text=True, timeout=_COMMAND_TIMEOUT_S
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if done.returncode == 0:
        return ""
    return done.stderr.strip().rpartition("\n")[2] or f"exit status {done.returncode}"


def _systemd_runs() -> bool:
    # the test of sd_booted(3)
    return Path("/run/systemd/system").is_dir() and shutil.which("systemctl") is not None


def _udev_commands() -> list[Words]:
    if not Path("/run/udev/control").exists() or shutil.which("udevadm") is None:
        return []
    names = [Path(port.path).name for port in scan() if port.cellular]
    ports = [f"/sys/class/{'wwan' if name.startswith('wwan') else 'tty'}/{name}" for name in names]
    trigger: list[Words] = [("udevadm", "trigger", "--action=change", *ports)] if ports else []
    return [("udevadm", "control", "--reload"), *trigger]
