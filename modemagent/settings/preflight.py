"""Settings held against this machine: files that are not there, places that are no directories.

What is found may be put right without a change of the settings, so it does not end the daemon at
its start: reports wait on disk. ``modemagent config check`` and a reload refuse it.
"""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from modemagent.settings.table import Settings
from modemagent.settings.toml_file import Mistake

#: Keys of files that are read.
FILES: Final = ("token_file", "ca_file", "client_cert_file", "client_key_file")


def check_machine(settings: Settings) -> tuple[Mistake, ...]:
    """Return what this machine lacks of what the settings name; the lines are not known here."""
    found = []
    for key in FILES:
        file: Path | None = getattr(settings, key)
        if file is not None and (why := _unread(file)):
            remedy = "Put the file there, or check who may read it."
            found.append(Mistake(key, 0, f"{key}: {file} can not be read: {why}", remedy))
    if (obstacle := _obstacle(settings.state_dir)) is not None:
        said = f"state_dir: {obstacle} is no directory"
        found.append(Mistake("state_dir", 0, said, "Name a directory; it is made if need be."))
    if settings.registry and settings.registry.lower().startswith("file:"):
        found += _unwritten(Path(unquote(urlsplit(settings.registry).path)))
    return tuple(found)


def _unread(file: Path) -> str:
    try:
        with file.open("rb"):
            return ""
    except OSError as error:
        return error.strerror or str(error)


def _obstacle(folder: Path) -> Path | None:
    """Return what is in the way of a directory that is made when it is not there."""
    for place in (folder, *folder.parents):
        if (kind := _kind(place)) is not None:
            return None if kind in (stat.S_IFDIR, 0) else place
    return None


def _unwritten(file: Path) -> list[Mistake]:
    if _kind(file) == stat.S_IFDIR:
        said = f"registry: {file} is a directory"
        return [Mistake("registry", 0, said, "Name a file in it, as file:///srv/out.jsonl.")]
    if _kind(file.parent) not in (stat.S_IFDIR, 0):
        said = f"registry: there is no directory {file.parent}"
        return [Mistake("registry", 0, said, f"Make it: mkdir -p {file.parent}")]
    return []


def _kind(place: Path) -> int | None:
    """Return the kind of a file as ``stat`` has it, None when it is not there, 0 for no answer."""
    try:
        return stat.S_IFMT(place.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError:
        return 0  # it lies where this user may not look
