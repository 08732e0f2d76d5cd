"""Synthetic numbers with the issuer, form and kind of check digit of an original.

Each function makes one candidate from the original, the number of characters to keep, the text
for these characters, and a counter. :mod:`modemagent.privacy.pseudonyms` chooses the first
candidate for which the identity rules give the same codes as for the original.

>>> lookalike("imsi", "262018273645091", 1)
'262010000000001'
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from modemagent.identity.checkdigits import luhn_digit, luhn_fits, mod97_digits
from modemagent.identity.numbering import split_imsi


def lookalike(kind: str, value: str, number: int, *, front: str | None = None) -> str:
    """Return a candidate for a number.

    :param front: start of the candidate, instead of the issuer's digits of the original
    """
    if front is None:
        front = value[: kept(kind, value)]
    return _SHAPED.get(kind, _plain)(value, len(front), front, number)


def kept(kind: str, value: str) -> int:
    """Return how many leading characters identify the issuer or model, not the single item."""
    match kind:
        case "imsi":
            plmn = split_imsi(value)
            width = 3 + len(plmn.mnc) if plmn.certain else 6
            return max(0, min(width, len(value) - 2))
        case "serial_number":
            return min(4, len(value) // 3)
        case "iccid":
            return 7  # ITU-T E.118: 89, country and issuer
        case "esn":
            return 2
        case "phone_number" | "number":
            return min(3, len(value) // 3)
        case _:
            return 8  # TAC; region and manufacturer of a MEID; issuer of an EID


def _filled(shape: str, number: int, *, letters: bool = False) -> str:
    """Return a text with its digits replaced by a right-aligned number; other characters stay.

    :param letters: replace letters too
    """
    out = []
    for char in reversed(shape):
        zero, base = ("0", 10) if char.isdigit() else ("A" if char.isupper() else "a", 26)
        if char.isdigit() or (letters and char.isalpha()):
            number, digit = divmod(number, base)
            char = chr(ord(zero) + digit)
        out.append(char)
    return "".join(reversed(out))


def _plain(value: str, kept: int, front: str, number: int) -> str:
    return front + _filled(value[kept:], number)


def _serial(value: str, kept: int, front: str, number: int) -> str:
    return front + _filled(value[kept:], number, letters=True)


def _imei(value: str, kept: int, front: str, number: int) -> str:
    serial = value[8:14]
    if len(set(serial)) == 1:
        return front + str(number % 10) * 6
    counted = ("123456", "012345", "654321")
    if serial in counted:
        return front + counted[number % 3]
    return front + f"{number:06d}"


def _hexadecimal(value: str, kept: int, front: str, number: int) -> str:
    if value.isdigit():
        return front + f"{number:0{len(value) - kept}d}"
    return front + f"{number:0{len(value) - kept}X}"


def _iccid(value: str, kept: int, front: str, number: int) -> str:
    """Return a candidate whose check digit fits if the original's does."""
    if not value.isdigit():
        return front + _filled(value[kept:], number)
    whole = len(value) - 1
    if len(value) == 20 and not luhn_fits(value) and luhn_fits(value[:19]):
        whole = 18
    if kept > whole:  # only the digits after the check digit are new
        return front + value[kept:]
    body = front + _filled(value[kept:whole], number)
    right = int(luhn_digit(value[:whole]))
    off = int(value[whole]) - right
    return body + str((int(luhn_digit(body)) + off) % 10) + value[whole + 1 :]


def _eid(value: str, kept: int, front: str, number: int) -> str:
    body = front + _filled(value[kept:30], number)
    off = int(value[30:]) - int(mod97_digits(value[:30]))
    return body + f"{(int(mod97_digits(body)) + off) % 100:02d}"


_SHAPED: Mapping[str, Callable[[str, int, str, int], str]] = {
    "imei": _imei,
    "iccid": _iccid,
    "eid": _eid,
    "serial_number": _serial,
    "meid": _hexadecimal,
    "esn": _hexadecimal,
}


def checked_like(shown: str, fourteen: str) -> str:
    """Return the IMEI of 14 digits with a 15th digit as in ``shown``: right, zero or wrong."""
    right, new = luhn_digit(shown[:14]), luhn_digit(fourteen)
    if shown[14] == "0" != right:
        return fourteen + "0"
    return fourteen + str((int(new) + int(shown[14]) - int(right)) % 10)
