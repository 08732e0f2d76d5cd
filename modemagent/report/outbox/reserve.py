"""Room kept in hand on the disk.

A full disk stops even the deletes of a write-ahead log, so two files of nothing lie beside the
outbox: one is given up for what must still be stored, and one, apart, only for the taking out.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

RESERVE_BYTES = 256 * 1024
_LEAST_BYTES = 16 * 1024
# on a small disk the reserves must not be what fills it
_SHARE_OF_FREE = 4


class Reserves:
    """The reserve files of one state directory, by what they are for: ``put`` and ``settle``."""

    def __init__(self, state_dir: Path) -> None:
        self._state_dir = state_dir
        # the one for taking out is made first: it is the way out of a full disk
        self._files = {use: state_dir / f"reserve-{use}" for use in ("settle", "put")}

    def release(self, use: str) -> bool:
        """Give one up; tell whether there was one."""
        try:
            self._files[use].unlink()
        except OSError:
            return False
        return True

    @property
    def complete(self) -> bool:
        return all(file.exists() for file in self._files.values())

    def allocate(self) -> None:
        """Make what is missing, as far as there is room."""
        for file in self._files.values():
            with contextlib.suppress(OSError):
                if not file.exists():
                    self._make(file)

    def _make(self, file: Path) -> None:
        disk = os.statvfs(self._state_dir)
        size = min(RESERVE_BYTES, disk.f_bavail * disk.f_frsize // _SHARE_OF_FREE)
        if size < _LEAST_BYTES:
            return
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, size)
        except OSError:
            file.unlink()
            raise
        finally:
            os.close(descriptor)
