"""The screen and the printer of a station, as its commands use them."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from modemagent.provisioning.screen.terminal import ScreenCompanion, companion

if TYPE_CHECKING:
    from modemagent.provisioning.printers import StationPrinter


def screen() -> ScreenCompanion | None:
    """Return the terminal screen, None if stdin and stdout are not a terminal."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()) or os.environ.get("TERM") == "dumb":
        return None
    has_colours = click.get_current_context().color is not False
    return companion(sys.stdout.fileno(), os.environ, has_colours=has_colours)


def opened_printer(address: str, dpi: int, template: str, folder: Path) -> StationPrinter:
    """Return a printer whose template has been checked.

    :param folder: for the pages of a sheet
    """
    from modemagent.provisioning.printers import open_printer

    printer = open_printer(address, dpi=dpi, folder=folder)
    printer.prepare(template)
    return printer
