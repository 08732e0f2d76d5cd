"""The Luhn check digit in any base (ISO/IEC 7812 annex B).

>>> check_digit("49015420323751")
'8'
>>> fits("490154203237518")
True
>>> check_digit("AF0123450ABCDE", base=16)
'C'
"""

from __future__ import annotations

_DIGITS = "0123456789ABCDEF"


def _total(digits: str, base: int, *, doubled: int) -> int:
    """Sum the digits; every second one, from position ``doubled`` on the right, is doubled."""
    total = 0
    for position, digit in enumerate(reversed(digits)):
        value = _DIGITS.index(digit)
        if position % 2 == doubled:
            value *= 2
            value = value // base + value % base
        total += value
    return total


def check_digit(digits: str, *, base: int = 10) -> str:
    """Return the digit that completes ``digits`` to a number that fits.

    :param digits: upper-case digits of the base, without the check digit
    :raises ValueError: a character that is no digit
    """
    return _DIGITS[-_total(digits, base, doubled=0) % base]


def fits(digits: str, *, base: int = 10) -> bool:
    """Say whether the last digit is the check digit of the ones before it."""
    return _total(digits, base, doubled=1) % base == 0
