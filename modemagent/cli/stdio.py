"""The three standard streams: closed, left by their reader, or on a full disk."""

from __future__ import annotations

import contextlib
import os
import sys

import click


def stand_in_for_closed() -> None:
    """Open /dev/null for each standard stream that the caller closed (``>&-``).

    Else Python has None in its place, and the next port to be opened gets its number.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115


def is_of_output(fault: BaseException) -> bool:
    """Tell what could not be printed from other faults: it comes from a print of the commands."""
    frame = fault.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    where = str(frame.tb_frame.f_globals.get("__name__", "")) if frame is not None else ""
    is_print = where.startswith(("click.", "modemagent.cli."))
    return is_print and isinstance(fault, OSError) and fault.filename is None


def reader_left() -> int:
    """Return the status when the reader (head, less) has what it wanted."""
    _drop_the_rest()
    return 0


def not_written(error: OSError) -> int:
    """Return the status when output can not be written, as to a full disk, and say so."""
    _drop_the_rest()
    print_error(f"modemagent: stdout can not be written: {error.strerror}.")
    return 1


def print_error(line: str) -> None:
    """Say a last line on stderr; where that can not be written, the status has to do."""
    with contextlib.suppress(OSError):
        click.echo(line, err=True)


def _drop_the_rest() -> None:
    # The interpreter flushes stdout once more when it ends, which would print a complaint: give
    # it a place where that succeeds.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
