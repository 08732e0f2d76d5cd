"""State directory of the agent: the names of its files, and a lock for one process at a time."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from pathlib import Path

from modemagent.errors import OutboxError

DB_NAME = "outbox.db"
#: Files beside the database: SQLite's log and its index, and the high-water mark.
COMPANIONS = ("-wal", "-shm", "-mark")
_LOCK_FILE = "agent.lock"
_ROOT = 0
_OTHERS_WRITE = 0o022
_OTHERS_READ = 0o055
_DISK_ERRORS = (errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EIO)


class StateDirLock:
    """Exclusive lock on a state directory until it is closed or the process ends.

    The durability of the outbox does not survive two processes that write one SQLite file (an
    error in the write-ahead log before SQLite 3.51.3). The kernel's lock ends with the process,
    unlike a pid file.

    :raises OutboxError: the directory cannot be created or written, other users may change it, or
        another process has it
    """

    def __init__(self, state_dir: Path) -> None:
        hint = "Set --state-dir to a directory that this user may write to."
        try:
            directory = _open_directory(state_dir)
            try:
                self._fd = _open_lock(directory)
            finally:
                os.close(directory)
        except OSError as error:
            reason = "it is a file" if isinstance(error, FileExistsError) else error.strerror
            raise OutboxError(
                f"cannot use the state directory {state_dir}: {reason}", hint=hint
            ) from None
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = ""
            with contextlib.suppress(OSError):
                holder = os.pread(self._fd, 32, 0).decode("ascii", "replace").strip()
            os.close(self._fd)
            if error.errno not in (errno.EAGAIN, errno.EACCES):
                raise OutboxError(f"cannot lock {state_dir}: {error.strerror}", hint=hint) from None
            raise OutboxError(
                f"{state_dir} is in use by process {holder or 'unknown'}",
                hint="Only one agent may use a state directory: stop it, or choose another one.",
            ) from None
        with contextlib.suppress(OSError):  # the pid is for messages; the lock does not need it
            os.ftruncate(self._fd, 0)
            os.pwrite(self._fd, f"{os.getpid()}\n".encode(), 0)

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def _open_directory(state_dir: Path) -> int:
    """Open a state directory, created if it is missing, that no other user controls.

    :raises OutboxError: another user may change it, or a link leads to it or out of it
    """
    if _is_link_of_systemd(state_dir):
        state_dir = state_dir.parent / state_dir.readlink()
    if state_dir.is_symlink():
        raise OutboxError(
            f"the state directory {state_dir} is a symbolic link",
            hint="Set --state-dir to the directory itself.",
        )
    state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    directory = os.open(state_dir, flags)
    try:
        _check_directory(state_dir, directory)
    except BaseException:
        os.close(directory)
        raise
    return directory


def _is_link_of_systemd(state_dir: Path) -> bool:
    """Return True for the link that systemd makes for a service with ``DynamicUser``."""
    try:
        target = str(state_dir.readlink())
    except OSError:
        return False
    return target == f"private/{state_dir.name}" and state_dir.lstat().st_uid == _ROOT


def _check_directory(state_dir: Path, directory: int) -> None:
    status = os.fstat(directory)
    if status.st_uid not in (_ROOT, os.geteuid()):
        raise OutboxError(
            f"the state directory {state_dir} belongs to another user (uid {status.st_uid})",
            hint="Run the agent as that user, or set --state-dir to a directory of this user.",
        )
    if status.st_mode & _OTHERS_WRITE:
        raise OutboxError(
            f"other users may write to the state directory {state_dir}",
            hint=f"Remove files that are not yours, then run: chmod 700 {state_dir}",
        )
    with os.scandir(directory) as entries:
        if links := sorted(entry.name for entry in entries if entry.is_symlink()):
            raise OutboxError(
                f"{state_dir / links[0]} is a symbolic link",
                hint="Remove the link. To use another disk, set --state-dir to a directory there.",
            )
    # identities are personal data: the rights of an existing directory are narrowed
    if status.st_mode & _OTHERS_READ:
        with contextlib.suppress(OSError):
            os.fchmod(directory, 0o700)


def _open_lock(directory: int) -> int:
    """Open the lock file, or the directory itself if the disk does not take a new file."""
    flags = os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        return os.open(_LOCK_FILE, os.O_RDWR | os.O_CREAT | flags, 0o600, dir_fd=directory)
    except OSError as error:
        if error.errno not in _DISK_ERRORS:
            raise
    try:
        return os.open(_LOCK_FILE, os.O_RDONLY | flags, dir_fd=directory)
    except FileNotFoundError:
        return os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=directory)


def quarantined_files(state_dir: Path) -> list[str]:
    """Return the names of the quarantined databases, oldest first."""
    found = state_dir.glob(f"{DB_NAME}.damaged-*")
    return sorted(file.name for file in found if not file.name.endswith(COMPANIONS))


def sync_directory(directory: Path) -> None:
    """Write the entries of a directory to disk.

    :raises OSError: it failed, on a file system that can
    """
    try:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except PermissionError:
        return  # a directory that may be written but not read
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)
