"""One outbox file put in another's place, so that a crash at any moment leaves one to go on with.

The new file is complete on the disk, under a name of its own, before the first rename; both names
bear one stamp. So at a start there are three cases: the old file is still there, then the new one
may be incomplete and goes; the old one has been moved away under the stamp, then the new one is
complete and takes its place; or there is none.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from pathlib import Path

from modemagent.report.outbox.schema import BESIDE

_NEW = ".saved-"
_OLD = ".damaged-"


def name_for_new(path: Path) -> Path:
    """Return a free name for the file that is to take this one's place."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    return path.with_name(f"{path.name}{_NEW}{stamp}-{secrets.token_hex(2)}")


def put_in_place(new: Path, path: Path) -> Path:
    """Move the old file and those beside it away, and the new one there; return where the old is.

    :raises OSError: the directory can not be written; :func:`pending` tells how far it came
    """
    aside = _old_name(new, path)
    _sync(path.parent)
    # the file goes first: without its log it would look like an older outbox, and be used
    for suffix in ("", *BESIDE):
        with contextlib.suppress(FileNotFoundError):
            Path(f"{path}{suffix}").rename(f"{aside}{suffix}")
            _sync(path.parent)
    new.rename(path)
    _sync(path.parent)
    return aside


def pending(path: Path) -> Path | None:
    """Return the complete new file of a swap that was not brought to its end."""
    if os.path.lexists(path):
        return None
    for new in _new_files(path):
        aside = _old_name(new, path)
        if any(os.path.lexists(f"{aside}{suffix}") for suffix in ("", *BESIDE)):
            return new
    return None


def settle(path: Path) -> None:
    """End what a crash interrupted: bring a swap to its end, or take back its beginning.

    :raises OSError: the directory can not be written
    """
    if (new := pending(path)) is not None:
        put_in_place(new, path)
    for left in _new_files(path):
        discard(left)


def discard(new: Path) -> None:
    """Remove a new file that will not be used."""
    for suffix in (*BESIDE, "-journal", ""):
        with contextlib.suppress(FileNotFoundError):
            Path(f"{new}{suffix}").unlink()


def _new_files(path: Path) -> list[Path]:
    found = path.parent.glob(f"{path.name}{_NEW}*")
    return sorted(file for file in found if not file.name.endswith((*BESIDE, "-journal")))


def _old_name(new: Path, path: Path) -> Path:
    return path.with_name(path.name + _OLD + new.name.removeprefix(path.name + _NEW))


def _sync(directory: Path) -> None:
    # where a directory can not be synced, the order of renames is the file system's own affair
    with contextlib.suppress(OSError):
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
