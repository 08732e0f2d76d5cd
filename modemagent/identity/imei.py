"""IMEI: the equipment's number (3GPP TS 23.003 clause 6 and annex B).

TAC 8, serial 6, check or spare digit 1. The fourteen digits are the identity; the key always
carries the computed check digit, whatever the module sent in its place.

>>> check('+CGSN: "867698040000013"').normalized
'867698040000013'
>>> check("86769804000001").codes
('imei.no_check_digit',)
>>> check("867698040000014").codes
('imei.check_digit',)
>>> parse("86-769804-000001-3").tac
'86769804'
>>> format(parse("867698040000013"))
'86769804-000001-3'
"""

from __future__ import annotations

from modemagent.identity import luhn
from modemagent.identity.check import CheckResult, accepted, refused
from modemagent.identity.cleaning import clean, is_decimal, is_filler
from modemagent.identity.datafiles import listed, row
from modemagent.identity.numbering import reporting_body
from modemagent.identity.problems import Problem

_COUNTED_SERIALS = frozenset(("123456", "012345", "654321"))


class Imei(str):
    """A normalized IMEI: 14 digits and their check digit."""

    __slots__ = ()

    @property
    def tac(self) -> str:
        return self[:8]

    @property
    def serial(self) -> str:
        return self[8:14]

    @property
    def check_digit(self) -> str:
        return self[14]


def from_digits(fourteen: str) -> Imei:
    """Return the IMEI of 14 digits, check digit computed."""
    return Imei(fourteen + luhn.check_digit(fourteen))


def is_placeholder(digits: str) -> bool:
    """Say whether the 14 digits of an IMEI or IMEISV are known filler."""
    return is_filler(digits[:14]) or listed("placeholders.txt", "imei", digits[:14])


def equipment_codes(digits: str) -> list[str]:
    """Return the findings about TAC and serial; they keep ``imei.`` also for an IMEISV."""
    codes = []
    if digits[0] == "0" and digits[1] != "1":  # 00 and 02-09
        codes.append("imei.test_tac")
    elif reporting_body(digits) is None:
        codes.append("imei.unknown_rbi")
    serial = digits[8:14]
    if len(set(serial)) == 1 or serial in _COUNTED_SERIALS:
        codes.append("imei.serial_suspect")
    return codes


def equipment_parts(digits: str) -> dict[str, object]:
    """Return TAC, serial and reporting body, and the type where the table knows it."""
    parts: dict[str, object] = {
        "tac": digits[:8],
        "serial": digits[8:14],
        "rbi": digits[:2],
        "reporting_body": reporting_body(digits),
    }
    if (known := row("tac.txt", digits[:8])) is not None:
        parts.update(zip(("maker", "model", "basis"), known[1:], strict=True))
    return parts


def check(text: str) -> CheckResult:
    """Judge what a module answered to a question for its IMEI."""
    digits = clean(text)
    if digits is None:
        return refused("imei", text, "missing")
    if is_filler(digits):
        return refused("imei", text, "placeholder")
    if not is_decimal(digits):
        return refused("imei", text, "charset")
    if len(digits) not in (14, 15, 16):
        return refused("imei", text, "length", digits=len(digits))
    if is_placeholder(digits):
        return refused("imei", text, "placeholder")
    imei = from_digits(digits[:14])
    parts = equipment_parts(imei)
    parts["check_digit"] = imei.check_digit
    codes = []
    if len(digits) == 14:
        codes.append("imei.no_check_digit")
    elif len(digits) == 16:
        codes.append("imei.is_imeisv")
        parts["svn"] = digits[14:]
    elif digits[14] != imei.check_digit:
        if digits[14] != "0":
            return refused("imei", text, "check_digit", expected_check_digit=imei.check_digit)
        codes.append("imei.spare_digit")
    return accepted("imei", text, str(imei), codes + equipment_codes(imei), parts)


def parse(text: str) -> Imei:
    """Return the IMEI in a text.

    :raises IdentityError: there is none that identifies anything
    """
    return Imei(check(text).key())


def problems(text: str) -> tuple[Problem, ...]:
    """Return what the rules find about a text."""
    return check(text).problems()


def format(value: Imei) -> str:
    """Return the number in the groups of TS 23.003: TAC, serial, check digit."""
    return f"{value[:8]}-{value[8:14]}-{value[14:]}"
