"""Sheets of labels for office printers: rows of :data:`SHEETS`, and the pages that they fill."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import Final, NamedTuple

from PIL import Image

from modemagent.errors import LabelError
from modemagent.labels.layout import dots
from modemagent.labels.raster import WHITE
from modemagent.labels.template import Template


class LabelSheet(NamedTuple):
    """A sheet of equal labels; lengths in millimetres.

    :param left: from the edge of the page to the first label; ``top`` likewise
    :param step_x: from the left edge of a label to that of the next one; ``step_y`` likewise
    """

    page: tuple[float, float]
    columns: int
    rows: int
    label: tuple[float, float]
    left: float
    top: float
    step_x: float
    step_y: float

    @property
    def places(self) -> int:
        return self.columns * self.rows


A4: Final = (210.0, 297.0)
#: By name. The first has the size of L7159 and its many equivalents, the second that of 3474.
SHEETS: Final = {
    "A4-3x8": LabelSheet(A4, 3, 8, (63.5, 33.9), 7.2, 12.9, 66.0, 33.9),
    "A4-3x8-full": LabelSheet(A4, 3, 8, (70.0, 37.0), 0.0, 0.5, 70.0, 37.0),
}


def sheet(name: str) -> LabelSheet:
    """Return a sheet by its name.

    :raises LabelError: unknown name
    """
    if name not in SHEETS:
        near = get_close_matches(name, SHEETS, n=1)
        hint = f"Did you mean {near[0]}? " if near else ""
        raise LabelError(
            f"unknown label sheet {name!r}", hint=f"{hint}Sheets: {', '.join(SHEETS)}."
        )
    return SHEETS[name]


def check_fit(template: Template, name: str) -> None:
    """Check that the labels of a template fit on a sheet.

    :raises LabelError: they are larger than the labels of the sheet
    """
    width, height = sheet(name).label
    if template.width > width or template.height > height:
        raise LabelError(
            f"template {template.name} is {template.width:g} x {template.height:g} mm, the labels "
            f"of sheet {name} are {width:g} x {height:g} mm",
            hint="Choose a smaller template or another sheet.",
        )


def pages(
    labels: Sequence[Image.Image], which: LabelSheet, dpi: int, *, used: int = 0
) -> Iterator[Image.Image]:
    """Yield pages with the labels in the middle of their places, row by row.

    :param used: places of the first page that are already empty
    """
    cells = [None] * used + list(labels)
    for start in range(0, len(cells), which.places):
        page = Image.new("1", (dots(which.page[0], dpi), dots(which.page[1], dpi)), WHITE)
        for n, label in enumerate(cells[start : start + which.places]):
            if label is None:
                continue
            row, column = divmod(n, which.columns)
            left = which.left + column * which.step_x + which.label[0] / 2
            top = which.top + row * which.step_y + which.label[1] / 2
            page.paste(
                label, (dots(left, dpi) - label.width // 2, dots(top, dpi) - label.height // 2)
            )
        yield page
