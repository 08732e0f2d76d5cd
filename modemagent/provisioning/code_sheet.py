"""Pages of codes to print once and scan: bays, commands, and the check of the scanners."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from modemagent.labels import raster
from modemagent.labels.layout import lay_out
from modemagent.labels.sheets import A4, LabelSheet, pages
from modemagent.labels.template import Element, Template
from modemagent.provisioning.scans.keyboard import CHECK_GS1_TEXT, CHECK_TEXTS

DPI: Final = 300
_COMMANDS: Final = (
    ("print again", "MA-PRINT"),
    ("test again", "MA-RETEST"),
    ("release", "MA-OK"),
)
_TWO_COLUMNS: Final = LabelSheet(A4, 2, 8, (90.0, 33.0), 12.0, 14.0, 96.0, 34.0)
_ONE_COLUMN: Final = LabelSheet(A4, 1, 8, (186.0, 33.0), 12.0, 14.0, 186.0, 34.0)


class PrintedCode(NamedTuple):
    """A code with its title; GS1-128 if its text begins with a bracket."""

    title: str
    text: str


def codes_pdf(bays: Sequence[str]) -> bytes:
    """Return a PDF file with the codes of bays and commands, and the check sheet as last page.

    :raises LabelError: the number of a bay does not fit on its code
    """
    bay_codes = [PrintedCode(f"bay {bay}", f"MA-BAY-{bay}") for bay in bays]
    commands = [PrintedCode(title, text) for title, text in _COMMANDS]
    check = [
        PrintedCode(f"check {n}: scan all {len(CHECK_TEXTS) + 1}", text)
        for n, text in enumerate((*CHECK_TEXTS, CHECK_GS1_TEXT), 1)
    ]
    drawn = [
        page
        for codes, sheet in (([*bay_codes, *commands], _TWO_COLUMNS), (check, _ONE_COLUMN))
        for page in pages([_drawn(code, sheet) for code in codes], sheet, DPI)
    ]
    return raster.pdf(drawn, DPI)


def _drawn(code: PrintedCode, sheet: LabelSheet) -> raster.Raster:
    width, height = sheet.label
    kind = "gs1_128" if code.text.startswith("(") else "code128"
    elements = (
        Element("text", 4.0, 1.0, width - 8, 9.0, _literal(code.title), 4.0, "center"),
        Element(kind, 0.0, 11.0, width, 14.0, _literal(code.text)),
        Element("text", 4.0, 26.0, width - 8, 4.0, _literal(code.text), 2.0, "center"),
    )
    return raster.draw(lay_out(Template("codes", width, height, 0.0, elements), {}, DPI))


def _literal(text: str) -> str:
    """Return a template text without fields."""
    return "".join(sign * 2 if sign in "[]{}" else sign for sign in text)
