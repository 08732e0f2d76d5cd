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
_DISK_ERRORS = (errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EIO)


class StateDirLock:
    """Exclusive lock on a state directory until it is closed or the process ends.

    The durability of the outbox does not survive two processes that write one SQLite file (an
    error in the write-ahead log before SQLite 3.51.3). The kernel's lock ends with the process,
    unlike a pid file.

    :raises OutboxError: the directory cannot be created or written, or another process has it
    """

    def __init__(self, state_dir: Path) -> None:
        hint = "Set --state-dir to a directory that this user may write to."
        try:
            state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            # identities are personal data: the rights of an existing directory are narrowed
            if state_dir.stat().st_mode & 0o077:
                with contextlib.suppress(OSError):
                    state_dir.chmod(0o700)
            self._fd = _open_lock(state_dir)
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


def _open_lock(state_dir: Path) -> int:
    """Open the lock file, or the directory itself if the disk does not take a new file."""
    try:
        return os.open(state_dir / _LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        if error.errno not in _DISK_ERRORS:
            raise
    try:
        return os.open(state_dir / _LOCK_FILE, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return os.open(state_dir, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


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
