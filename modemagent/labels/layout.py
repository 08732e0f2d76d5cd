"""Layout of one label in printer dots: the single source of the raster and of ZPL.

Bars and squares are whole dots wide. They are as wide as their area allows up to the width that
was read best, and never narrower than the width that is read when the print is blurred: 0.25 mm
for bars and 0.33 mm for the squares of a QR code, which are two and three dots at 203 dpi.
``benchmarks/labels.py`` measures this.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final, NamedTuple

from modemagent.errors import LabelError
from modemagent.labels.fields import FIELDS, filled, pieces
from modemagent.labels.fonts import missing_glyphs, text_width
from modemagent.labels.symbols import (
    LinearSymbol,
    MatrixSymbol,
    Unsuitable,
    code128,
    gs1_128,
    qr,
)
from modemagent.labels.template import Element, Template

MM_PER_INCH: Final = 25.4
#: Resolutions of label printers and of sheets; 203 dpi are 8 dots per millimetre.
DPI: Final = (203, 300, 600)
#: Least and best width of a bar, least and best side of a square of a QR code, in millimetres.
BAR_WIDTHS: Final = (0.25, 0.375)
SQUARE_SIDES: Final = (0.33, 0.5)
#: Light modules on both sides of a symbol: ISO/IEC 15417 clause 4.2, ISO/IEC 18004 clause 9.1.
BAR_QUIET_ZONE: Final = 10
QR_QUIET_ZONE: Final = 4
#: Letters of fewer dots have no recognizable shape.
_LEAST_LETTER_DOTS: Final = 10


class PlacedText(NamedTuple):
    """A line of text: top left corner, height of the letters, and the area for its alignment."""

    x: int
    y: int
    height: int
    width: int
    text: str
    align: str


class PlacedBars(NamedTuple):
    """A linear bar code; ``x`` is where the first bar begins, ``module`` the width of one."""

    x: int
    y: int
    height: int
    module: int
    symbol: LinearSymbol

    @property
    def width(self) -> int:
        return self.module * len(self.symbol.bars)


class PlacedMatrix(NamedTuple):
    """A QR code; ``x`` and ``y`` are where its first square begins."""

    x: int
    y: int
    module: int
    symbol: MatrixSymbol

    @property
    def side(self) -> int:
        return self.module * len(self.symbol.rows)


class PlacedBox(NamedTuple):
    """A frame."""

    x: int
    y: int
    width: int
    height: int
    thickness: int


class LabelLayout(NamedTuple):
    """A label in dots."""

    width: int
    height: int
    dpi: int
    shapes: tuple[PlacedText | PlacedBars | PlacedMatrix | PlacedBox, ...]


def dots(millimetres: float, dpi: int) -> int:
    """Return a length in dots.

    >>> dots(50, 203), dots(0.375, 203)
    (400, 3)
    """
    return round(millimetres * dpi / MM_PER_INCH)


def module_dots(widths: tuple[float, float], dpi: int) -> range:
    """Return the possible widths of a module in dots.

    >>> [[*module_dots(BAR_WIDTHS, dpi)] for dpi in DPI]
    [[2, 3], [3, 4], [6, 7, 8, 9]]
    """
    least, best = (width * dpi / MM_PER_INCH for width in widths)
    # 203 dpi are 203.2: a width may be rounded down by a hundredth of a dot
    return range(max(2, math.ceil(least - 0.01)), round(best) + 1)


def check(template: Template, dpi: int) -> None:
    """Lay a template out with the longest usual values.

    :raises LabelError: something does not fit at this resolution
    """
    lay_out(template, FIELDS, dpi)


def lay_out(template: Template, values: Mapping[str, str], dpi: int) -> LabelLayout:
    """Return the layout of one label.

    :param values: texts by the names in :data:`modemagent.labels.fields.FIELDS`
    :raises LabelError: a value is missing, does not fit, or has characters that cannot be printed
    """
    if dpi not in DPI:
        raise LabelError(
            f"labels cannot be printed at {dpi} dpi",
            hint=f"Give one of {', '.join(map(str, DPI))}.",
        )
    shapes = []
    for element in template.elements:
        try:
            shape = _placed(element, filled(element.value, values), dpi)
        except KeyError as missing:
            raise LabelError(
                f"template {template.name} needs {missing.args[0]}, which has no value",
                hint=f"Give it, or write [...] around it in line {element.line} of the template.",
            ) from None
        except Unsuitable as wrong:
            raise LabelError(
                f"template {template.name}, line {element.line}: {wrong}",
                hint=f"Change {_values_of(element)}, or the element or size of the template.",
            ) from None
        if shape is not None:
            shapes.append(shape)
    size = (dots(template.width, dpi), dots(template.height, dpi))
    return LabelLayout(*size, dpi, tuple(shapes))


def _values_of(element: Element) -> str:
    names = dict.fromkeys(each.field for each in pieces(element.value) if each.field)
    return ", ".join(names) or "its value"


def _placed(
    element: Element, value: str, dpi: int
) -> PlacedText | PlacedBars | PlacedMatrix | PlacedBox | None:
    """Return an element in dots, None if no value remains for it."""
    x, y = dots(element.x, dpi), dots(element.y, dpi)
    width, height = dots(element.width, dpi), dots(element.height, dpi)
    if element.kind == "box":
        return PlacedBox(x, y, width, height, max(1, dots(element.thickness, dpi)))
    if not value:
        return None
    if element.kind == "text":
        return _text(element, value, x, y, width, dpi)
    if element.kind == "qr":
        matrix = qr(value)
        count = len(matrix.rows)
        module = _module(count + 2 * QR_QUIET_ZONE, width, SQUARE_SIDES, dpi, "QR code")
        inset = (width - module * count) // 2
        return PlacedMatrix(x + inset, y + inset, module, matrix)
    symbol = gs1_128(value) if element.kind == "gs1_128" else code128(value)
    count = len(symbol.bars)
    module = _module(count + 2 * BAR_QUIET_ZONE, width, BAR_WIDTHS, dpi, "bar code")
    return PlacedBars(x + (width - module * count) // 2, y, height, module, symbol)


def _module(count: int, width: int, widths: tuple[float, float], dpi: int, what: str) -> int:
    """Return the widest module of which ``count`` fit."""
    possible = module_dots(widths, dpi)
    if count * possible[0] > width:
        needed, there = (each * MM_PER_INCH / dpi for each in (count * possible[0], width))
        raise Unsuitable(
            f"the {what} needs {needed:.1f} mm with its quiet zones, its area has {there:.1f} mm"
        )
    return min(possible[-1], width // count)


def _text(element: Element, value: str, x: int, y: int, width: int, dpi: int) -> PlacedText:
    if missing := missing_glyphs(value):
        raise Unsuitable(f"the font has no character U+{ord(missing[0]):04X}")
    height = dots(element.height, dpi)
    least = dots(element.smallest, dpi) if element.smallest else height
    while text_width(value, height) > width and height > max(least, _LEAST_LETTER_DOTS):
        height -= 1
    if text_width(value, height) > width:
        needed, there = (each * MM_PER_INCH / dpi for each in (text_width(value, height), width))
        raise Unsuitable(
            f"the text of {len(value)} characters needs {needed:.1f} mm, "
            f"its area has {there:.1f} mm"
        )
    if height < _LEAST_LETTER_DOTS:
        raise Unsuitable(f"letters of {height} dots cannot be read, {_LEAST_LETTER_DOTS} can")
    return PlacedText(x, y, height, width, value, element.align)
