"""Layout to dots: one 1-bit image per label, and PNG and PDF of that image."""

from __future__ import annotations

import time
from collections.abc import Sequence
from io import BytesIO
from typing import Final

from PIL import Image, ImageDraw

from modemagent.labels.fonts import font, text_width
from modemagent.labels.layout import (
    LabelLayout,
    PlacedBars,
    PlacedBox,
    PlacedMatrix,
    PlacedText,
)

BLACK, WHITE = 0, 1
#: A 1-bit image.
Raster = Image.Image
#: Time in a PDF's header: the same label is the same file.
_TIMELESS: Final = time.gmtime(0)


def draw(layout: LabelLayout) -> Raster:
    """Return a label as a 1-bit image, one pixel per dot."""
    image = Image.new("1", (layout.width, layout.height), WHITE)
    pen = ImageDraw.Draw(image)
    pen.fontmode = "1"
    for shape in layout.shapes:
        match shape:
            case PlacedText():
                _draw_text(pen, shape)
            case PlacedBars():
                _draw_bars(pen, shape)
            case PlacedMatrix():
                _draw_matrix(image, shape)
            case PlacedBox(x, y, width, height, thickness):
                area = (x, y, x + width - 1, y + height - 1)
                pen.rectangle(area, outline=BLACK, width=thickness)
    return image


def _draw_text(pen: ImageDraw.ImageDraw, shape: PlacedText) -> None:
    room = shape.width - text_width(shape.text, shape.height)
    indent = {"left": 0, "center": room // 2, "right": room}[shape.align]
    pen.text((shape.x + indent, shape.y), shape.text, fill=BLACK, font=font(shape.height))


def _draw_bars(pen: ImageDraw.ImageDraw, shape: PlacedBars) -> None:
    for n, bar in enumerate(shape.symbol.bars):
        if bar == "1":
            left = shape.x + n * shape.module
            area = (left, shape.y, left + shape.module - 1, shape.y + shape.height - 1)
            pen.rectangle(area, fill=BLACK)


def _draw_matrix(image: Raster, shape: PlacedMatrix) -> None:
    count = len(shape.symbol.rows)
    squares = Image.new("1", (count, count), WHITE)
    squares.putdata([BLACK if each == "1" else WHITE for row in shape.symbol.rows for each in row])
    grown = squares.resize((shape.side, shape.side), Image.Resampling.NEAREST)
    image.paste(grown, (shape.x, shape.y))


def png(image: Raster, dpi: int) -> bytes:
    """Return an image as a PNG file that contains its resolution."""
    file = BytesIO()
    image.save(file, "PNG", dpi=(dpi, dpi))
    return file.getvalue()


def pdf(pages: Sequence[Raster], dpi: int) -> bytes:
    """Return images as the pages of a PDF file, in their real size."""
    file = BytesIO()
    pages[0].save(
        file,
        "PDF",
        save_all=True,
        append_images=pages[1:],
        resolution=dpi,
        producer="modemagent",
        creationDate=_TIMELESS,
        modDate=_TIMELESS,
    )
    return file.getvalue()
