"""Numbers in pieces: as a list, across two lines, or as character codes.

The signs between the pieces of a list also separate the numbers of every AT response. Pieces are
joined only with further evidence that they are one number: single digits, codes of digits only,
a line break, or a check digit that fits.

>>> join_fragments("[8, 6, 7, 6, 9, 8, 0, 4, 0, 0, 0, 0, 0, 1, 3]", len)
'[15]'
>>> join_fragments("867698,04,000001,3", str)
'867698040000013'
>>> join_fragments("+CESQ: 99,99,255,255,20,45", len)
'+CESQ: 99,99,255,255,20,45'
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Final

from modemagent.identity.checkdigits import luhn_fits, mod97_fits
from modemagent.identity.numbering import reporting_body

# Between two digits: any sign of a list, a line end, NUL of UCS2; each as the character itself and
# escaped as in Python, JSON and URLs.
_BETWEEN: Final = (
    r"(?:[-/._:,;|+'\"()\[\] \t\r\n\0\u00a0\u2000-\u200b\u2010-\u2015\u202f\u2212\ufeff]"
    r"|\\(?:[rnt]|x0[09AD]|u000[09AD])|%2[0C])"
)
#: As in :mod:`modemagent.privacy.masking`, which masks digits with only these between them.
_SEPARATOR: Final = r"[-/._:\u2010-\u2015\u2212\u200b\ufeff \t\u00a0\u2000-\u200a\u202f]{1,2}"
_LINE_END: Final = r"(?:[\r\n]|\\(?:[rn]|x0[AD]))+"
_PIECE: Final = r"(?:0x)?+[0-9]++(?!\*)"  # a masked number has asterisks in the middle
_SHORTEST: Final = 14
_LONGEST: Final = 32
# Most pieces of one number, unless all have one width; a row of measurements has neither.
_FEW: Final = 5
#: Character codes of the digits, as decimal and as hexadecimal numbers.
_CODES: Final = (
    {str(ord(digit)): digit for digit in "0123456789"},
    {f"{prefix}{ord(digit):x}": digit for digit in "0123456789" for prefix in ("", "0x", "0X")},
)
_NUL_CODES: Final = frozenset(("0", "00", "0x0", "0x00", "0X00"))

#: First and last piece of one number, and its digits.
Span = tuple[int, int, str]


@cache
def _patterns() -> tuple[re.Pattern[str], ...]:
    """Return the patterns of a row of pieces, the gap between two, a separator and a line end.

    Compiled at the first use: most commands mask nothing.
    """
    first = rf"(?<![0-9*])(?:\\(?:x0[09AD]|u000[09AD])|%2[0C])?+{_PIECE}"
    return (
        re.compile(rf"{first}(?:{_BETWEEN}{{1,8}}+{_PIECE})++", re.IGNORECASE),
        re.compile(rf"({_BETWEEN}+)", re.IGNORECASE),
        re.compile(_SEPARATOR),
        re.compile(_LINE_END, re.IGNORECASE),
    )


def join_fragments(text: str, shown: Callable[[str], object]) -> str:
    """Return the text with each number in pieces replaced by one text.

    :param shown: returns the replacement for the digits of a number
    """
    rows, between, separator, line_end = _patterns()

    def replaced(found: re.Match[str]) -> str:
        parts = between.split(found.group())
        pieces, gaps = parts[::2], parts[1::2]
        if sum(map(len, pieces)) < _SHORTEST:
            return found.group()
        _exclude_separated(pieces, [separator.fullmatch(gap) is not None for gap in gaps])
        broken = [line_end.fullmatch(gap) is not None for gap in gaps]
        taken = 0
        for first, last, digits in sorted(
            (*_one_by_one(pieces, gaps), *_coded(pieces), *_broken(pieces, broken),
             *_checked(pieces)),
            key=lambda span: (span[0], -span[1]),
        ):  # fmt: skip
            if first < taken:
                continue
            parts[2 * first : 2 * last + 1] = [str(shown(digits)), *[""] * (2 * (last - first))]
            taken = last + 1
        return "".join(parts)

    # numbers that overlap are joined one after the other
    out = rows.sub(replaced, text)
    return out if out == text else join_fragments(out, shown)


def _exclude_separated(pieces: list[str], joined: Sequence[bool]) -> None:
    """Overwrite the pieces of a number with separators, which is masked as a whole later."""
    begun = 0
    for at in range(1, len(pieces) + 1):
        if at < len(pieces) and joined[at - 1]:
            continue
        if at - begun > 1 and sum(map(len, pieces[begun:at])) >= _SHORTEST:
            pieces[begun:at] = ["**"] * (at - begun)
        begun = at


def _one_by_one(pieces: Sequence[str], gaps: Sequence[str]) -> Iterator[Span]:
    """Yield numbers given as single digits.

    Ranges such as ``(0-2),(0-4)`` are supported values, and indicators (``+CIND``, 3GPP TS 27.007
    clause 8.9) are from 0 to 5.
    """
    begun = 0
    for at in range(len(pieces) + 1):
        single = at < len(pieces) and len(pieces[at]) == 1
        if single and (at == begun or not {"(", ")"} & set(gaps[at - 1])):
            continue
        digits = "".join(pieces[begun:at])
        if len(digits) >= _SHORTEST and max(digits) > "5":
            yield begun, at - 1, digits
        begun = at if single else at + 1


def _coded(pieces: Sequence[str]) -> Iterator[Span]:
    """Yield numbers given as character codes of digits, in UCS2 with NUL between them."""
    for codes in _CODES:
        begun, digits = 0, ""
        for at in range(len(pieces) + 1):
            piece = pieces[at] if at < len(pieces) else ""
            if piece in codes:
                digits += codes[piece]
            elif piece not in _NUL_CODES:
                if len(digits) >= _SHORTEST:
                    yield begun, at - 1, digits
                begun, digits = at + 1, ""


def _broken(pieces: Sequence[str], broken: Sequence[bool]) -> Iterator[Span]:
    """Yield numbers that continue in the next line."""
    for at, is_broken in enumerate(broken):
        digits = pieces[at] + pieces[at + 1]
        if is_broken and _SHORTEST <= len(digits) <= 20 and digits.isdecimal():
            yield at, at + 1, digits


def _checked(pieces: Sequence[str]) -> Iterator[Span]:
    """Yield pieces that together are an IMEI, an ICCID or an EID."""
    for first in range(len(pieces) - 1):
        lead = (pieces[first] + pieces[first + 1])[:2]
        if not pieces[first] or (lead != "89" and reporting_body(lead) is None):
            continue
        digits, same = pieces[first], True
        longest: Span | None = None
        for last in range(first + 1, len(pieces)):
            same = same and len(pieces[last - 1]) == len(pieces[first])
            digits += pieces[last]
            few_or_same = last - first < _FEW or (same and len(pieces[last]) <= len(pieces[first]))
            if len(digits) > _LONGEST or not few_or_same or not digits.isdecimal():
                break
            if _is_number(digits):
                longest = first, last, digits
        if longest:
            yield longest


def _is_number(digits: str) -> bool:
    if len(digits) == 15:
        return luhn_fits(digits)
    if not digits.startswith("89"):
        return False
    return len(digits) in (18, 19, 20) or (len(digits) == _LONGEST and mod97_fits(digits))
