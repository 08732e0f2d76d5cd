"""EID: the number of an eUICC (GSMA SGP.02, SGP.22, SGP.29; ISO/IEC 7064 MOD 97-10).

Thirty-two digits, never nibble-swapped. One EID holds several ICCIDs over time.

>>> check("BF3E125A10890490321234512345678901234512369000").codes
('eid.check_digits',)
>>> check("5A10" + "89049032000000000000000000000066" + "9000").codes
('eid.tlv_encoded',)
>>> check("8904 9032 1234 5123 4512 3456 7890 1235").codes
('eid.test_value',)
>>> format(parse("89049032123451234512345678901235"))
'8904 9032 1234 5123 4512 3456 7890 1235'
"""

from __future__ import annotations

from modemagent.identity import mod97
from modemagent.identity.check import CheckResult, accepted, refused
from modemagent.identity.cleaning import clean, is_decimal, is_filler, is_hexadecimal
from modemagent.identity.datafiles import listed
from modemagent.identity.numbering import country_of_iccid
from modemagent.identity.problems import Problem

MINIMUM = 30  # characters a field needs to be looked at: the ICCID before it is shorter


class Eid(str):
    """A normalized EID: 32 digits."""

    __slots__ = ()


def _from_object(digits: str) -> str | None:
    """Take the value out of the data object of SGP.22 (tag 5A), perhaps with its status word."""
    bare = digits.removeprefix("BF3E12")
    if not bare.startswith("5A10") or not is_hexadecimal(bare):
        return None
    value, status = bare[4:36], bare[36:]
    return value if len(value) == 32 and status in ("", "9000") else None


def check(text: str) -> CheckResult:
    """Judge what a module or eUICC answered to a question for the EID."""
    digits = clean(text, minimum=MINIMUM)
    if digits is None:
        return refused("eid", text, "missing")
    if is_filler(digits):
        return refused("eid", text, "placeholder")
    codes = []
    if (taken := _from_object(digits)) is not None:
        digits = taken
        codes.append("eid.tlv_encoded")
    if is_filler(digits):
        return refused("eid", text, "placeholder")
    if not is_decimal(digits):
        return refused("eid", text, "charset")
    if len(digits) != 32:
        return refused("eid", text, "length", digits=len(digits))
    if not mod97.fits(digits):
        return refused("eid", text, "check_digits")
    if listed("test_values.txt", "eid", digits):
        codes.append("eid.test_value")
    e118 = digits.startswith("89")
    if not e118:
        codes.append("eid.not_e118")
    country = country_of_iccid(f"89{digits[2:5].lstrip('0')}") if e118 else None
    details: dict[str, object] = {
        "country": None if country is None else country.label,
        "country_name": None if country is None else country.name,
        "issuer": digits[:8] if e118 else None,
        "check_digits": digits[30:],
    }
    return accepted("eid", text, digits, codes, details)


def parse(text: str) -> Eid:
    """Return the EID in a text.

    :raises IdentityError: there is none that identifies anything
    """
    return Eid(check(text).key())


def problems(text: str) -> tuple[Problem, ...]:
    """Return what the rules find about a text."""
    return check(text).problems()


def format(value: Eid) -> str:
    """Return the number in groups of four."""
    return " ".join(value[at : at + 4] for at in range(0, 32, 4))
