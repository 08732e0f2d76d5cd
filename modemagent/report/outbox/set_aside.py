"""Damaged outbox files that were moved out of the way, and what can not be moved."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from modemagent.report.outbox.schema import BESIDE, DB_NAME

#: A flash that fails again and again must not fill itself with what it spoiled.
SET_ASIDE_MOST = 4
_FILES = ("", *BESIDE)


def set_aside_files(state_dir: Path) -> list[str]:
    """Return the names of the damaged outbox files in a state directory, oldest first."""
    found = state_dir.glob(f"{DB_NAME}.damaged-*")
    return sorted(file.name for file in found if not file.name.endswith(BESIDE))


def forget_oldest(state_dir: Path) -> list[str]:
    """Remove the oldest files set aside beyond :data:`SET_ASIDE_MOST`; return their names."""
    gone = set_aside_files(state_dir)[:-SET_ASIDE_MOST]
    for name in gone:
        for suffix in _FILES:
            # something that is no file is left where it is
            with contextlib.suppress(OSError):
                (state_dir / f"{name}{suffix}").unlink()
    return gone


def obstructed(path: Path) -> bool:
    """Tell whether something that is no readable file stands in an outbox file's place.

    Where nothing can be moved out of the way it is the disk that is in the way, not the file.
    """
    if not os.access(path.parent, os.W_OK):
        return False
    for suffix in _FILES:
        file = Path(f"{path}{suffix}")
        if file.exists() and not (file.is_file() and os.access(file, os.R_OK | os.W_OK)):
            return True
    return False
