"""QR codes for pages, as the path of an SVG image."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby


@dataclass(frozen=True, slots=True)
class QrPath:
    """A QR code as the path of an SVG image.

    :param size: modules on each side, with the border
    :param path: of the dark modules
    """

    size: int
    path: str


def qr_path(text: str) -> QrPath:
    """Return a text as a QR code of error correction level M."""
    import segno

    rows = [list(row) for row in segno.make(text, error="m", micro=False).matrix_iter(border=4)]
    parts = []
    for y, row in enumerate(rows):
        x = 0
        for is_dark, run in groupby(row):
            width = len(list(run))
            if is_dark:
                parts.append(f"M{x} {y}h{width}v1h-{width}z")
            x += width
    return QrPath(len(rows), "".join(parts))
