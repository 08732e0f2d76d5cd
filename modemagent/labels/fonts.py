"""The font of the raster: DejaVu Sans Mono, which python-barcode brings along.

Its letters have equal widths, and zero and O, one and l differ. It has Latin, Greek and Cyrillic
letters.
"""

from __future__ import annotations

import math
from functools import cache
from importlib.resources import as_file, files
from typing import Final

from PIL import ImageFont

#: A code point that no font has: its glyph is the one for missing characters.
_UNASSIGNED: Final = "\uffff"


@cache
def font(height: int) -> ImageFont.FreeTypeFont:
    """Return the font whose letters, ascender to descender, are ``height`` dots high."""
    with as_file(files("barcode") / "fonts" / "DejaVuSansMono.ttf") as path:
        size = height
        while True:
            found = ImageFont.truetype(str(path), size)
            if sum(found.getmetrics()) <= height or size <= 1:
                return found
            size -= 1


def text_width(text: str, height: int) -> int:
    """Return the width of a line in dots."""
    return math.ceil(len(text) * _advance(height))


@cache
def _advance(height: int) -> float:
    return font(height).getlength("0")


def missing_glyphs(text: str) -> list[str]:
    """Return the characters of a text that the font does not have; control characters are."""
    return [sign for sign in dict.fromkeys(text) if not _has(sign)]


@cache
def _has(sign: str) -> bool:
    if not sign.isprintable():
        return False
    probe = font(20)
    missing = probe.getmask(_UNASSIGNED)
    mask = probe.getmask(sign)
    return sign == " " or mask.size != missing.size or bytes(mask) != bytes(missing)
