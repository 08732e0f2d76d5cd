"""ICCID: the number of a SIM card or profile (ITU-T E.118, ETSI TS 102 221 clause 13.2).

89, country code, issuer, account, check digit; filled with F on the card and sometimes sent
nibble-swapped. Sold cards break the rules in known ways, so most findings are warnings.

>>> check("+QCCID: 8988303000000000010F").normalized
'8988303000000000010'
>>> check("98680000000000007002").codes
('iccid.swapped',)
>>> check("8988303000000000011").codes
('iccid.luhn',)
>>> same_card("8988303000000000010", "89883030000000000107")
True
>>> format(parse("8988303000000000010"))
'8988 3030 0000 0000 010'
"""

from __future__ import annotations

from modemagent.identity import luhn
from modemagent.identity.check import CheckResult, accepted, refused
from modemagent.identity.cleaning import clean, is_decimal, is_filler, is_hexadecimal
from modemagent.identity.datafiles import listed
from modemagent.identity.imsi import swap_nibbles
from modemagent.identity.numbering import Country, country_of_iccid
from modemagent.identity.problems import Problem


class Iccid(str):
    """A normalized ICCID: 18 to 20 digits, filler removed."""

    __slots__ = ()

    @property
    def country(self) -> Country | None:
        return country_of_iccid(self)

    @property
    def compared(self) -> str:
        """The part that counts: a 20th digit may be there or not."""
        return self[:19]


def same_card(first: str, second: str) -> bool:
    """Say whether two normalized ICCIDs are one: 19 and 20 digits are compared by 19."""
    if {len(first), len(second)} == {19, 20}:
        return first[:19] == second[:19]
    return first == second


def _tail_codes(digits: str) -> tuple[list[str], bool | None]:
    """Return the findings about the check digit, and whether one fits (None: not tested)."""
    if not is_decimal(digits):
        return ["iccid.hex_digit"], None
    if luhn.fits(digits):
        return [], True
    if len(digits) == 20 and luhn.fits(digits[:19]):
        return ["iccid.extra_digit"], True
    return ["iccid.luhn"], False


def check(text: str) -> CheckResult:
    """Judge what a module answered to a question for the ICCID."""
    digits = clean(text)
    if digits is None:
        return refused("iccid", text, "missing")
    if is_filler(digits):
        return refused("iccid", text, "placeholder")
    if not is_hexadecimal(digits):
        return refused("iccid", text, "charset")
    codes = []
    if len(digits) == 20 and digits.startswith("98"):
        digits = swap_nibbles(digits)
        codes.append("iccid.swapped")
    digits = digits.rstrip("F")
    if not is_decimal(digits[:6]):
        return refused("iccid", text, "charset")
    if len(digits) not in (18, 19, 20):
        return refused("iccid", text, "length", digits=len(digits))
    if len(digits) == 18:
        codes.append("iccid.length_unusual")
    if not digits.startswith("89"):
        return refused("iccid", text, "non_telecom_mii")
    if len(set(digits[6:])) == 1 or listed("placeholders.txt", "iccid", digits):
        return refused("iccid", text, "placeholder")
    country = country_of_iccid(digits)
    tail, fits = _tail_codes(digits)
    if listed("test_values.txt", "iccid", digits):
        codes.append("iccid.test_profile")
    else:
        if country is None:
            codes.append("iccid.unknown_country")
        codes += tail
    prefix = "" if country is None else country.prefix
    details: dict[str, object] = {
        "mii": "89",
        "country_code": prefix or None,
        "country": None if country is None else country.label,
        "country_name": None if country is None else country.name,
        # the issuer fills the issuer identification number up to seven digits (E.118)
        "issuer": digits[2 + len(prefix) : 7] if prefix else None,
        "check_digit_valid": fits,
    }
    return accepted("iccid", text, digits, codes, details)


def parse(text: str) -> Iccid:
    """Return the ICCID in a text.

    :raises IdentityError: there is none that identifies anything
    """
    return Iccid(check(text).key())


def problems(text: str) -> tuple[Problem, ...]:
    """Return what the rules find about a text."""
    return check(text).problems()


def format(value: Iccid) -> str:
    """Return the number in groups of four, as printed on cards."""
    return " ".join(value[at : at + 4] for at in range(0, len(value), 4))
