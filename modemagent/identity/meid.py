"""MEID: the equipment number of CDMA devices (3GPP2 S.R0048, X.S0008).

Fourteen hexadecimal digits, or eighteen decimal ones, with or without a check digit. Eight
hexadecimal digits are an ESN: not unique, never a key.

>>> check("0xAF0123450ABCDEC").normalized
'AF0123450ABCDE'
>>> check("293608736500703710").normalized
'AF0123450ABCDE'
>>> check("99000012345678").codes
('meid.imei_form',)
>>> check("80ABCDEF").codes
('meid.length',)
>>> format(parse("AF0123450ABCDE"))
'AF-012345-0ABCDE'
"""

from __future__ import annotations

from modemagent.identity import luhn
from modemagent.identity.check import CheckResult, accepted, refused
from modemagent.identity.cleaning import clean, is_decimal, is_filler, is_hexadecimal
from modemagent.identity.problems import Problem

_MOST_MAKER = 0xFFFFFFFF
_MOST_SERIAL = 0xFFFFFF


class Meid(str):
    """A normalized MEID: 14 upper-case hexadecimal digits."""

    __slots__ = ()

    @property
    def region(self) -> str:
        return self[:2]

    @property
    def manufacturer(self) -> str:
        return self[2:8]

    @property
    def serial(self) -> str:
        return self[8:14]


def _from_decimal(digits: str) -> str | None:
    """Turn 10 and 8 decimal digits into 8 and 6 hexadecimal ones; None out of range."""
    maker, serial = int(digits[:10]), int(digits[10:18])
    if maker > _MOST_MAKER or serial > _MOST_SERIAL:
        return None
    return f"{maker:08X}{serial:06X}"


def check(text: str) -> CheckResult:
    """Judge what a module answered to a question for its MEID."""
    digits = clean(text)
    if digits is not None:
        digits = digits.removeprefix("0X")
    if not digits:
        return refused("meid", text, "missing")
    if len(digits) == 16 and digits.startswith("00") and is_hexadecimal(digits):
        digits = digits[2:]  # padded to eight bytes
    if is_filler(digits):
        return refused("meid", text, "placeholder")
    if not is_hexadecimal(digits):
        return refused("meid", text, "charset")
    if len(digits) in (14, 15):
        form, meid = "hexadecimal", digits[:14]
        base = 10 if is_decimal(meid) else 16
        if len(digits) == 15 and digits[14] != luhn.check_digit(meid, base=base):
            return refused("meid", text, "check_digit")
    elif len(digits) in (18, 19):
        if not is_decimal(digits):
            return refused("meid", text, "charset")
        form = "decimal"
        converted = _from_decimal(digits)
        if converted is None:
            return refused("meid", text, "range")
        meid = converted
        if len(digits) == 19 and not luhn.fits(digits):
            return refused("meid", text, "check_digit")
    else:
        return refused("meid", text, "length", digits=len(digits))
    codes = []
    if is_decimal(meid):
        codes.append("meid.imei_form")
    elif meid[:2] < "A0":
        codes.append("meid.region_code")
    details: dict[str, object] = {
        "region": meid[:2],
        "manufacturer": meid[2:8],
        "serial": meid[8:],
        "form": form,
    }
    return accepted("meid", text, meid, codes, details)


def parse(text: str) -> Meid:
    """Return the MEID in a text.

    :raises IdentityError: there is none that identifies anything
    """
    return Meid(check(text).key())


def problems(text: str) -> tuple[Problem, ...]:
    """Return what the rules find about a text."""
    return check(text).problems()


def format(value: Meid) -> str:
    """Return the number in its groups: region, manufacturer, serial."""
    return f"{value[:2]}-{value[2:8]}-{value[8:]}"
