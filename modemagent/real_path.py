"""Paths of devices that may be removed at any moment."""

from __future__ import annotations

import os


def real_path(path: str | os.PathLike[str]) -> str:
    """Return the path with all links resolved, as :func:`os.path.realpath` does.

    Python 3.11 looks at a link and then reads it, and fails if the device was removed in between;
    the path is then returned as it is, like that of any other device that does not exist.

    >>> real_path("/nowhere/ttyUSB0")
    '/nowhere/ttyUSB0'
    """
    try:
        return os.path.realpath(path)
    except OSError:
        return os.path.abspath(path)
