"""Bar codes as patterns without a size: Code 128, GS1-128, QR.

:raises Unsuitable: by every function here, for a value that the symbology cannot hold
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

import segno
from barcode.codex import Code128, Gs1_128

from modemagent.labels import gs1

#: Code values of Code 128, the same in every code set.
CODE_C, CODE_B, FNC1, START_B, START_C = 99, 100, 102, 104, 105
#: Printable ASCII: control characters would need code set A, and no field has them.
_PRINTABLE: Final = re.compile("[ -~]+")
#: Error correction of QR: M restores 15 % of the symbol.
QR_LEVEL: Final = "M"


class Unsuitable(ValueError):
    """A value that a symbology cannot hold; the message is a clause without a subject."""


class LinearSymbol(NamedTuple):
    """A linear bar code.

    :param bars: ``1`` for a dark module and ``0`` for a light one, without quiet zones
    :param codes: the code values from the start character on, without check and stop character
    """

    bars: str
    codes: tuple[int, ...]


class MatrixSymbol(NamedTuple):
    """A square matrix: rows of ``1`` for dark and ``0`` for light modules, no quiet zone."""

    rows: tuple[str, ...]
    text: str


def code128(text: str) -> LinearSymbol:
    """Return a text of printable ASCII as Code 128; pairs of digits take one character.

    >>> code128("867698040000013").codes
    (105, 86, 76, 98, 4, 0, 0, 1, 100, 19)
    """
    if _PRINTABLE.fullmatch(text) is None:
        raise Unsuitable("Code 128 holds letters, digits and signs of ASCII only")
    return _linear(Code128, text)


def gs1_128(text: str) -> LinearSymbol:
    """Return element strings with their AIs in brackets as GS1-128.

    >>> gs1_128("(8002)867698040000013").codes[:4]
    (105, 102, 80, 2)
    """
    try:
        elements = gs1.bracketed(text)
    except gs1.Invalid as wrong:
        raise Unsuitable(str(wrong)) from None
    data = gs1.joined(elements)
    if len(data) > 48:  # general specifications, clause 5.4.1
        raise Unsuitable("GS1-128 holds at most 48 characters")
    return _linear(Gs1_128, data.replace(gs1.GS, Gs1_128.FNC1_CHAR))


def _linear(kind: type[Code128], text: str) -> LinearSymbol:
    # two objects, because each has a code set that changes while it encodes
    bars = "".join(kind(text).build())
    return LinearSymbol(bars, tuple(kind(text).encoded))


def qr(text: str) -> MatrixSymbol:
    """Return a text as the smallest QR code of error correction level M."""
    if not text:
        raise Unsuitable("a QR code needs at least one character")
    try:
        symbol = segno.make(text, error=QR_LEVEL, micro=False, boost_error=False)
    except segno.DataOverflowError:
        raise Unsuitable("a QR code of level M holds at most 5,596 digits or 2,331 bytes") from None
    return MatrixSymbol(tuple("".join(map(str, row)) for row in symbol.matrix), text)
