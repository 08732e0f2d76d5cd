"""IMEISV: the IMEI's fourteen digits and a software version (TS 23.003 clause 6.2.2).

Sixteen digits, no check digit: never cut it to fifteen.

>>> check('+CGSN: "3526561000000101"').details["imei"]
'352656100000010'
>>> parse("3526561000000101").svn
'01'
>>> format(parse("3526561000000101"))
'35265610-000001-01'
"""

from __future__ import annotations

from modemagent.identity.check import CheckResult, accepted, refused
from modemagent.identity.cleaning import clean, is_decimal, is_filler
from modemagent.identity.imei import (
    Imei,
    equipment_codes,
    equipment_parts,
    from_digits,
    is_placeholder,
)
from modemagent.identity.problems import Problem


class Imeisv(str):
    """A normalized IMEISV: 16 digits."""

    __slots__ = ()

    @property
    def tac(self) -> str:
        return self[:8]

    @property
    def serial(self) -> str:
        return self[8:14]

    @property
    def svn(self) -> str:
        return self[14:]

    @property
    def imei(self) -> Imei:
        return from_digits(self[:14])


def check(text: str) -> CheckResult:
    """Judge what a module answered to a question for its IMEISV."""
    digits = clean(text)
    if digits is None:
        return refused("imeisv", text, "missing")
    if is_filler(digits):
        return refused("imeisv", text, "placeholder")
    if not is_decimal(digits):
        return refused("imeisv", text, "charset")
    if len(digits) != 16:
        return refused("imeisv", text, "length", digits=len(digits))
    if is_placeholder(digits):
        return refused("imeisv", text, "placeholder")
    codes = equipment_codes(digits)
    if digits[14:] == "99":
        codes.append("imeisv.svn_reserved")
    parts = equipment_parts(digits)
    parts["svn"] = digits[14:]
    parts["imei"] = str(from_digits(digits[:14]))
    return accepted("imeisv", text, digits, codes, parts)


def parse(text: str) -> Imeisv:
    """Return the IMEISV in a text.

    :raises IdentityError: there is none that identifies anything
    """
    return Imeisv(check(text).key())


def problems(text: str) -> tuple[Problem, ...]:
    """Return what the rules find about a text."""
    return check(text).problems()


def format(value: Imeisv) -> str:
    """Return the number in its groups: TAC, serial, software version."""
    return f"{value[:8]}-{value[8:14]}-{value[14:]}"
