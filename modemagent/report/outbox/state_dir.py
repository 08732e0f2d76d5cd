"""The state directory: who may write in it, and one process at a time."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from pathlib import Path
from types import TracebackType

from modemagent.errors import OutboxError

_LOCK_FILE = "agent.lock"
_DISK = (errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EIO)


class StateDirLock:
    """Holds a state directory for this process until it is closed or the process ends.

    Two processes writing one SQLite file is the one thing the outbox's durability does not
    survive (a WAL bug before SQLite 3.51.3), hence a lock of the kernel's and not a pid file.

    :raises OutboxError: the directory can not be made or written, or somebody holds it
    """

    def __init__(self, state_dir: Path) -> None:
        self.state_dir = state_dir
        hint = "Name a directory this user may write with --state-dir."
        try:
            state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            # identities are personal: a directory that was made with other rights is narrowed
            if state_dir.stat().st_mode & 0o077:
                with contextlib.suppress(OSError):
                    state_dir.chmod(0o700)
            self._fd = _open_lock(state_dir)
        except OSError as refused:
            why = "it is a file" if isinstance(refused, FileExistsError) else refused.strerror
            raise OutboxError(
                f"the state directory {state_dir} can not be used: {why}", hint=hint
            ) from None
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as held:
            holder = ""
            with contextlib.suppress(OSError):
                holder = os.pread(self._fd, 32, 0).decode("ascii", "replace").strip()
            os.close(self._fd)
            if held.errno not in (errno.EAGAIN, errno.EACCES):
                raise OutboxError(
                    f"{state_dir} can not be locked: {held.strerror}", hint=hint
                ) from None
            raise OutboxError(
                f"{state_dir} is in use by process {holder or 'unknown'}",
                hint="Only one agent may run on a state directory: stop it, or name another.",
            ) from None
        with contextlib.suppress(OSError):  # the lock counts, not what is in it
            os.ftruncate(self._fd, 0)
            os.pwrite(self._fd, f"{os.getpid()}\n".encode(), 0)

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> StateDirLock:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _open_lock(state_dir: Path) -> int:
    """Open the lock file; where the disk takes no new file, what is there already is locked."""
    try:
        return os.open(state_dir / _LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        if error.errno not in _DISK:
            raise
    try:
        return os.open(state_dir / _LOCK_FILE, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return os.open(state_dir, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
