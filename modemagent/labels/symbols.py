"""Bar codes as patterns without a size: Code 128, GS1-128, QR.

:raises Unsuitable: by every function here, for a value that the symbology cannot hold
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

import segno
from barcode.charsets.code128 import CODES, STOP

from modemagent.identity.cleaning import is_decimal
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
    return _linear(text)


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
    return _linear(gs1.GS + data)


def _linear(text: str) -> LinearSymbol:
    """Return the shortest symbol of a text, in which GS is FNC1.

    python-barcode has an encoder as well, but it loses a 99 at the beginning, with which the IMEIs
    of dual-mode devices begin: its code value is that of a change of the code set.
    """
    codes = _shortest(text)
    total = codes[0] + sum(n * code for n, code in enumerate(codes[1:], 1))
    bars = "".join(CODES[code] for code in (*codes, total % 103)) + STOP + "11"
    return LinearSymbol(bars, codes)


def _shortest(text: str) -> tuple[int, ...]:
    """Return the fewest code values for a text, by code sets B and C."""
    in_b: list[tuple[int, ...]] = [(), ()]  # for the rest of the text from each position on
    in_c: list[tuple[int, ...]] = [(), ()]
    for at in range(len(text) - 1, -1, -1):
        code = FNC1 if text[at] == gs1.GS else ord(text[at]) - 32
        stay_b = (code, *in_b[0])
        stay_c: tuple[int, ...] | None = None
        if code == FNC1:
            stay_c = (FNC1, *in_c[0])
        elif is_decimal(text[at : at + 2]) and at + 1 < len(text):
            stay_c = (int(text[at : at + 2]), *in_c[1])
        to_b = (CODE_B, *stay_b)
        best_c = to_b if stay_c is None or len(to_b) < len(stay_c) else stay_c
        best_b = stay_b if len(stay_b) <= len(best_c) + 1 else (CODE_C, *best_c)
        in_b, in_c = [best_b, in_b[0]], [best_c, in_c[0]]
    return min((START_C, *in_c[0]), (START_B, *in_b[0]), key=len)


def qr(text: str) -> MatrixSymbol:
    """Return a text as the smallest QR code of error correction level M."""
    if not text:
        raise Unsuitable("a QR code needs at least one character")
    try:
        symbol = segno.make(text, error=QR_LEVEL, micro=False, boost_error=False)
    except segno.DataOverflowError:
        raise Unsuitable("a QR code of level M holds at most 5,596 digits or 2,331 bytes") from None
    return MatrixSymbol(tuple("".join(map(str, row)) for row in symbol.matrix), text)
