"""Limits of a server process: open files, and memory that the C library keeps."""

from __future__ import annotations

import contextlib
import ctypes
import resource

#: Parameters of mallopt(3), malloc.h: size from which a buffer is mapped, and number of heaps.
_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8


def allow_many_files() -> None:
    """Raise the limit of open files, one per connection, to the highest that is allowed."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def return_large_buffers() -> None:
    """Make the C library return buffers from 256 KiB on to the system when they are freed.

    By default glibc keeps those of up to 32 MiB, in a heap for each thread: after some bodies of
    4 MiB the process took 72 MiB more, and takes 8 MiB more with these values.
    """
    with contextlib.suppress(OSError, AttributeError):  # not glibc
        library = ctypes.CDLL(None)
        library.mallopt(_M_MMAP_THRESHOLD, 256 * 1024)
        library.mallopt(_M_ARENA_MAX, 2)
