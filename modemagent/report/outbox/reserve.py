"""Reserved space on the disk, released when the disk is full.

A full disk stops even deletions in a write-ahead log. So the state directory holds two files
without content: one is released to store more reports, the other only to remove delivered ones.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Literal

#: What a reserve is released for: storing a report, or acknowledging reports.
ReserveUse = Literal["put", "acknowledge"]

RESERVE_BYTES = 256 * 1024
_MIN_BYTES = 16 * 1024
# On a small disk the reserves must not be what fills it.
_SHARE_OF_FREE = 4


class Reserves:
    """The reserve files of one state directory."""

    def __init__(self, state_dir: Path) -> None:
        self._state_dir = state_dir
        # the reserve for removing comes first: it is the way out of a full disk
        self._files: dict[ReserveUse, Path] = {
            "acknowledge": state_dir / "reserve-settle",
            "put": state_dir / "reserve-put",
        }

    def release(self, use: ReserveUse) -> bool:
        """Delete one reserve; return False if it did not exist."""
        try:
            self._files[use].unlink()
        except OSError:
            return False
        return True

    @property
    def complete(self) -> bool:
        return all(file.exists() for file in self._files.values())

    def allocate(self) -> None:
        """Create the missing reserves if there is room."""
        for file in self._files.values():
            with contextlib.suppress(OSError):
                if not file.exists():
                    self._create(file)

    def _create(self, file: Path) -> None:
        disk = os.statvfs(self._state_dir)
        size = min(RESERVE_BYTES, disk.f_bavail * disk.f_frsize // _SHARE_OF_FREE)
        if size < _MIN_BYTES:
            return
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, size)
        except OSError:
            file.unlink()
            raise
        finally:
            os.close(descriptor)
