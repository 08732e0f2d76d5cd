"""Check digits: Luhn in any base (ISO/IEC 7812 annex B), and MOD 97-10 (ISO/IEC 7064).

IMEI, MEID and ICCID end in a Luhn digit, an EID in two digits of MOD 97-10.

>>> luhn_digit("49015420323751"), luhn_digit("AF0123450ABCDE", base=16)
('8', 'C')
>>> luhn_fits("490154203237518")
True
>>> mod97_digits("890490321234512345123456789012")
'35'
>>> mod97_fits("89049032123451234512345678901235")
True
"""

from __future__ import annotations

_DIGITS = "0123456789ABCDEF"
_TWICE = bytes.maketrans(b"0123456789", b"0246813579")  # the sum of the digits of twice a digit


def _luhn_sum(digits: str, base: int, *, doubled: int) -> int:
    """Return the Luhn sum; every second digit from position ``doubled`` on the right is doubled."""
    if base == 10 and digits.isascii() and digits.isdecimal():
        codes = digits.encode()
        plain, twice = (codes[::-2], codes[-2::-2]) if doubled else (codes[-2::-2], codes[::-2])
        return sum(plain) + sum(twice.translate(_TWICE)) - len(codes) * ord("0")
    total = 0
    for position, digit in enumerate(reversed(digits)):
        value = _DIGITS.index(digit)
        if position % 2 == doubled:
            value *= 2
            value = value // base + value % base
        total += value
    return total


def luhn_digit(digits: str, *, base: int = 10) -> str:
    """Return the check digit of a number.

    :param digits: upper-case digits of the base, without the check digit
    :raises ValueError: a character is not a digit
    """
    return _DIGITS[-_luhn_sum(digits, base, doubled=0) % base]


def luhn_fits(digits: str, *, base: int = 10) -> bool:
    """Return True if the last digit is the check digit of the ones before it."""
    return _luhn_sum(digits, base, doubled=1) % base == 0


def mod97_digits(digits: str) -> str:
    """Return the two check digits that make the whole number 1 modulo 97."""
    return f"{98 - int(digits + '00') % 97:02d}"


def mod97_fits(digits: str) -> bool:
    """Return True if the whole number, check digits included, is 1 modulo 97."""
    return int(digits) % 97 == 1
