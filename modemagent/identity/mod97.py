"""The two check digits of an EID (ISO/IEC 7064 MOD 97-10).

>>> check_digits("890490321234512345123456789012")
'35'
>>> fits("89049032123451234512345678901235")
True
"""

from __future__ import annotations


def check_digits(digits: str) -> str:
    """Return the two digits that make ``digits`` followed by them 1 modulo 97."""
    return f"{98 - int(digits + '00') % 97:02d}"


def fits(digits: str) -> bool:
    """Say whether the whole number, check digits included, is 1 modulo 97."""
    return int(digits) % 97 == 1
