"""Ownership of the program: only root may change the code that a gateway runs."""

from __future__ import annotations

import os
import pwd
import stat
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path

import modemagent
from modemagent.installation.target_root import InstallError

_ROOT = 0


def code_paths(words: tuple[str, ...]) -> tuple[Path, ...]:
    """Return the paths whose contents a command executes: program, interpreter, libraries."""
    libraries = [Path(sysconfig.get_path(name)) for name in ("stdlib", "purelib", "platlib")]
    package = Path(modemagent.__file__).parent
    return (Path(words[0]), Path(sys.executable), *libraries, package)


def check_ownership(paths: Iterable[Path]) -> None:
    """Check that only root may change these files and directories, and the way to them.

    :raises InstallError: another user may
    """
    places = dict.fromkeys(place for path in paths for place in _way_to(path))
    for place in places:
        if who := _others(place):
            raise InstallError(
                f"{who} may change {place}, and with it the program of the service",
                hint="Install modemagent as root into a directory of root: "
                "python3 -m venv /opt/modemagent && /opt/modemagent/bin/pip install modemagent. "
                "Or accept this with --force.",
            )


def _way_to(path: Path) -> Iterator[Path]:
    """Yield a path, every directory above it, and the same of each link on the way."""
    yield from _with_links(path)
    yield from _with_links(path.resolve())


def _with_links(path: Path) -> Iterator[Path]:
    for place in (path, *path.parents):
        yield place
        if place.is_symlink():
            yield from _with_links(Path(os.path.normpath(place.parent / place.readlink())))


def _others(place: Path) -> str:
    """Return who else may change a file or directory, "" if only root may."""
    try:
        status = place.lstat()
    except FileNotFoundError:
        return ""
    if status.st_uid != _ROOT:
        try:
            return f"the user {pwd.getpwuid(status.st_uid).pw_name}"
        except KeyError:
            return f"the user {status.st_uid}"
    if stat.S_ISLNK(status.st_mode):  # replaced only by those who may write to its directory
        return ""
    if status.st_mode & stat.S_IWOTH:
        return "every user"
    if status.st_mode & stat.S_IWGRP and status.st_gid != _ROOT:
        return f"the group {status.st_gid}"
    return ""
