"""Preflight check of settings against this machine: unreadable files, missing directories.

These mistakes can be corrected without a change of the settings, so they do not stop the daemon at
its start: reports wait on disk. ``modemagent config check`` and a reload reject them.
"""

from __future__ import annotations

import os
import pwd
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from modemagent.settings.addresses import is_unencrypted
from modemagent.settings.table import (
    DEFAULT_FILE,
    DEFAULT_STATE_DIR,
    SERVICE_TOKEN,
    SERVICE_USER,
    Settings,
)
from modemagent.settings.toml_file import Mistake

#: Keys that name files to read.
FILES: Final = ("token_file", "ca_file", "client_cert_file", "client_key_file")
_SECRETS: Final = ("token_file", "client_key_file")
_ROOT: Final = 0
_OTHERS_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH


def check_machine(settings: Settings) -> tuple[Mistake, ...]:
    """Return what this machine lacks for these settings, as mistakes without a line number."""
    found = []
    for key in FILES:
        file: Path | None = getattr(settings, key)
        if file is not None and (reason := _read_error(file)):
            remedy = "Create the file, or check its permissions."
            found.append(Mistake(key, 0, f"{key}: cannot read {file}: {reason}", remedy))
    if (file := _file_in_path(settings.state_dir)) is not None:
        message = f"state_dir: {file} is not a directory"
        found.append(
            Mistake("state_dir", 0, message, "Name a directory. It is created if it is missing.")
        )
    if settings.registry and settings.registry.lower().startswith("file:"):
        found += _unwritable(Path(unquote(urlsplit(settings.registry).path)))
    return tuple(found)


def exposed_files(settings: Settings, file: Path) -> tuple[Mistake, ...]:
    """Return the files that other users may change, and secrets that they may read.

    Each is a warning only: group and owner may be intended. A file may belong to root, to this user
    and to the user of the agent.

    :param file: the settings file
    """
    agent = _agent_user(settings)
    found = []
    for key, path, reader in _used_files(settings, file, agent):
        try:
            status = path.stat()
        except OSError:
            continue  # reported when it is read
        is_secret = key in _SECRETS
        if status.st_uid not in (_ROOT, os.geteuid(), agent):
            reason, correct = "belongs to another user", ""
        elif status.st_mode & _OTHERS_WRITE:
            reason, correct = "can be changed by other users", f"chmod go-w {path}"
        elif is_secret and status.st_mode & stat.S_IROTH:
            reason, correct = "can be read by every user", ""
        else:
            continue
        if is_secret:
            correct = f"chmod 600 {path}"
        if status.st_uid != reader and (is_secret or not correct):
            correct = " && ".join(filter(None, (f"chown {_name_of(reader)} {path}", correct)))
        found.append(Mistake(key, 0, f"{key or 'settings'}: {path} {reason}", f"Run: {correct}"))
    return tuple(found)


def _used_files(settings: Settings, file: Path, agent: int) -> Iterator[tuple[str, Path, int]]:
    """Yield key and path of each file, and the user who has to own it to read it as a secret.

    :param agent: the user of the agent
    """
    yield "", file, _ROOT
    for key in FILES:
        path: Path | None = getattr(settings, key)
        if path is not None:
            yield key, path, agent if key in _SECRETS else _ROOT
    if file == DEFAULT_FILE and settings.token_file != SERVICE_TOKEN:
        yield "token_file", SERVICE_TOKEN, _ROOT


def _agent_user(settings: Settings) -> int:
    """Return the user that runs the agent: the owner of its state, else the user of the service.

    Before the first start of an agent outside the service, this is the user of this process.
    """
    try:
        return settings.state_dir.stat().st_uid
    except OSError:
        pass  # missing, or below the directory of dynamic users, which only root may enter
    if settings.state_dir == DEFAULT_STATE_DIR:
        try:
            return pwd.getpwnam(SERVICE_USER).pw_uid
        except KeyError:
            pass
    return os.geteuid()


def _name_of(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return str(user)


def unencrypted_registry(settings: Settings) -> tuple[Mistake, ...]:
    """Return a warning if reports are sent to another machine without encryption."""
    if not is_unencrypted(settings.registry or ""):
        return ()
    message = f"registry: the token and identifiers are sent unencrypted to {settings.registry}"
    return (Mistake("registry", 0, message, "Use an address with https://."),)


def _read_error(file: Path) -> str:
    try:
        with file.open("rb"):
            return ""
    except OSError as error:
        return error.strerror or str(error)


def _file_in_path(folder: Path) -> Path | None:
    """Return the file that prevents the creation of a directory, None if there is no such file."""
    for path in (folder, *folder.parents):
        if (kind := _kind(path)) is not None:
            return None if kind in (stat.S_IFDIR, 0) else path
    return None


def _unwritable(file: Path) -> list[Mistake]:
    if _kind(file) == stat.S_IFDIR:
        message = f"registry: {file} is a directory"
        return [
            Mistake("registry", 0, message, "Name a file in it, such as file:///srv/out.jsonl.")
        ]
    if _kind(file.parent) not in (stat.S_IFDIR, 0):
        message = f"registry: directory {file.parent} does not exist"
        return [Mistake("registry", 0, message, f"Create it with: mkdir -p {file.parent}")]
    return []


def _kind(path: Path) -> int | None:
    """Return the type of a file as in ``st_mode``, None if it is missing, 0 if it is unknown."""
    try:
        return stat.S_IFMT(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError:
        return 0  # in a directory this user cannot search
