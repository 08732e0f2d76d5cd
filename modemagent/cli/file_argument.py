"""FILE arguments of commands: the content of a file, or of stdin."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from modemagent.errors import UsageError

FILE_OR_STDIN = click.Path(dir_okay=False, path_type=Path, allow_dash=True)
file_argument = click.argument("file", metavar="FILE", type=FILE_OR_STDIN)


def content_of(file: Path) -> bytes:
    """Return the content of a file; ``-`` is stdin."""
    if str(file) == "-":
        return sys.stdin.buffer.read()
    try:
        return file.read_bytes()
    except OSError as error:
        raise UsageError(
            f"{file} cannot be read: {error.strerror}", hint="Check its name and permissions."
        ) from error
