"""Standard streams that are closed, lose their reader, or lead to a full disk."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import IO

import click


def open_closed_streams() -> None:
    """Open /dev/null for each standard stream that the caller closed (``>&-``).

    Python sets such a stream to None, and the next port that is opened would get its number.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115


def read_lines(source: IO[bytes], limit: int) -> Iterator[tuple[str, bool]]:
    """Yield each line, and True if it is longer than ``limit`` bytes; its rest is skipped."""
    while line := source.readline(limit):
        read = line
        while len(read) == limit and not read.endswith(b"\n"):
            read = source.readline(limit)
        yield line.decode("utf-8", "surrogateescape"), read is not line


def is_output_error(error: BaseException) -> bool:
    """Return True if an error comes from printing the output of a command."""
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    module = str(frame.tb_frame.f_globals.get("__name__", "")) if frame is not None else ""
    is_print = module.startswith(("click.", "modemagent.cli."))
    return is_print and isinstance(error, OSError) and error.filename is None


def reader_closed() -> int:
    """Return the exit status after the reader (head, less) has closed the pipe."""
    _discard_output()
    return 0


def output_failed(error: OSError) -> int:
    """Report that stdout cannot be written, for example to a full disk; return the exit status."""
    _discard_output()
    print_error(f"modemagent: stdout cannot be written: {error.strerror}.")
    return 1


def print_error(line: str) -> None:
    """Print a last line on stderr; if that fails, only the exit status remains."""
    with contextlib.suppress(OSError):
        click.echo(line, err=True)


def _discard_output() -> None:
    # The interpreter flushes stdout once more when it ends and would print an error message.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
