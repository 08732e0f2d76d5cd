"""Options of the commands that read an order, and of those that use the station."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import click

from modemagent.cli.options import value_option
from modemagent.errors import UsageError
from modemagent.provisioning.bench_file import DEFAULT_BENCH_FILE, BenchSettings, read_bench
from modemagent.provisioning.columns import read_map
from modemagent.provisioning.order import BenchOrder, read_order_file
from modemagent.provisioning.session import settings_with_bays
from modemagent.settings import DEFAULT_STATE_DIR

F = TypeVar("F", bound=Callable[..., Any])
_FILE = click.Path(dir_okay=False, path_type=Path)


bench_option = value_option(
    "--bench", "FILE", f"Settings of the station; default: {DEFAULT_BENCH_FILE}.", type=_FILE
)


def order_options(command: F) -> F:
    """Add the order file, the map of its columns and the list of SIM cards."""
    for decorate in (
        click.argument("file", metavar="ORDER", type=_FILE),
        value_option("--columns", "FILE", "Map of columns, TOML.", type=_FILE),
        value_option("--sims", "FILE", "List of the SIM cards of the order.", type=_FILE),
    ):
        command = decorate(command)
    return command


def opened_order(file: Path, columns: Path | None, sims: Path | None) -> BenchOrder:
    """Return the order of the options, with what is wrong with it."""
    return read_order_file(file, read_map(columns) if columns is not None else None, sims)


def station_options(command: F) -> F:
    """Add the settings of the station; the command receives ``settings`` and ``state_dir``."""

    @wraps(command)
    def with_settings(
        bench: Path | None, bays: tuple[str, ...], state_dir: Path, **others: Any
    ) -> Any:
        settings = read_settings(bench)
        settings = settings_with_bays(settings, dict(map(_bay, bays)))
        return command(settings=settings, state_dir=state_dir, **others)

    decorated: Any = with_settings
    for decorate in (
        bench_option,
        value_option(
            "--bay", "NUMBER=PORT", "A bay: path, URL or USB socket; repeatable.", "bays",
            multiple=True,
        ),
        value_option(
            "--state-dir", "DIR", "State directory of the station.",
            type=click.Path(file_okay=False, path_type=Path), default=DEFAULT_STATE_DIR,
        ),
    ):  # fmt: skip
        decorated = decorate(decorated)
    result: F = decorated
    return result


def read_settings(bench: Path | None) -> BenchSettings:
    """Return the settings of the station; the defaults if no file is named and none exists."""
    if bench is None and not DEFAULT_BENCH_FILE.exists():
        return BenchSettings()
    return read_bench(bench or DEFAULT_BENCH_FILE)


@contextmanager
def writing(file: Path) -> Iterator[None]:
    """Report a file that cannot be written.

    :raises UsageError: an OSError was raised
    """
    try:
        yield
    except OSError as error:
        raise UsageError(
            f"cannot write {file}: {error.strerror}", hint="Give another file with --output."
        ) from error


def _bay(text: str) -> tuple[str, str]:
    number, has_port, port = text.partition("=")
    if not (number and has_port and port):
        raise UsageError(f"--bay {text!r} is not NUMBER=PORT", hint="Example: 01=/dev/ttyUSB2")
    if "://" not in port and Path(port).exists():
        port = str(Path(port).absolute())  # what is not a path is a USB socket
    return number, port
