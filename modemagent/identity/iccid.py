"""ICCID: the number of a SIM card or profile (ITU-T E.118, ETSI TS 102 221 clause 13.2).

89, country code, issuer, account, check digit. The SIM stores the number with swapped nibbles and
filled with F, and some modules send it that way. SIMs on sale deviate from the rules in known
ways, so most findings are warnings.

>>> Iccid.check("+QCCID: 8988303000000000010F").normalized
'8988303000000000010'
>>> Iccid.check("98680000000000007002").codes
('iccid.swapped',)
>>> Iccid.check("8988303000000000011").codes
('iccid.luhn',)
>>> Iccid("8988303000000000010").same_sim("89883030000000000107")
True
>>> Iccid("8988303000000000010").grouped()
'8988 3030 0000 0000 010'
"""

from __future__ import annotations

from modemagent.identity.checkdigits import luhn_fits
from modemagent.identity.cleaning import HEX_DIGITS, is_decimal, is_hexadecimal, swap_nibbles
from modemagent.identity.identifier import Identifier, Rejected
from modemagent.identity.lookup_tables import listed
from modemagent.identity.numbering import country_of_iccid


class Iccid(Identifier):
    """A normalized ICCID: 18 to 20 digits without filler."""

    __slots__ = ()
    kind = "iccid"
    lengths = range(18, 21)
    alphabet = HEX_DIGITS

    def same_sim(self, other: str) -> bool:
        """Return True if both numbers belong to one SIM.

        Of 19 and 20 digits the first 19 are compared: a module may send a digit after the check
        digit. Numbers of equal length are compared in full.
        """
        if {len(self), len(other)} == {19, 20}:
            return self[:19] == other[:19]
        return self == other

    @property
    def sim_key(self) -> str:
        """Key under which the readings of one SIM are collected.

        The first 19 of 20 digits if they are a complete number with its check digit, else all
        digits. Two SIMs with one key differ in the 20th digit.

        >>> Iccid("8988303000000000010").sim_key == Iccid("89883030000000000107").sim_key
        True
        >>> Iccid("89860000000000000012").sim_key
        '89860000000000000012'
        """
        return str(self[:19] if len(self) == 20 and luhn_fits(self[:19]) else self)

    @classmethod
    def _judge(cls, digits: str, codes: list[str], details: dict[str, object]) -> str:
        if not is_hexadecimal(digits):
            raise Rejected("charset")
        if len(digits) == 20 and digits.startswith("98"):
            digits = swap_nibbles(digits)
            codes.append("iccid.swapped")
        digits = digits.rstrip("F")
        if not is_decimal(digits[:6]):
            raise Rejected("charset")
        if len(digits) not in cls.lengths:
            raise Rejected("length", digits=len(digits))
        if len(digits) == 18:
            codes.append("iccid.length_unusual")
        if not digits.startswith("89"):
            raise Rejected("non_telecom_mii")
        if len(set(digits[6:])) == 1 or listed("placeholders.txt", "iccid", digits):
            raise Rejected("placeholder")
        country = country_of_iccid(digits)
        code, fits = _check_digit(digits)
        if listed("test_values.txt", "iccid", digits):
            codes.append("iccid.test_profile")
        else:
            codes += [] if country else ["iccid.unknown_country"]
            codes += [code] if code else []
        prefix = country.prefix if country else None
        details |= {
            "mii": "89",
            "country_code": prefix,
            "country": country and country.label,
            "country_name": country and country.name,
            # the issuer fills the issuer identification number up to seven digits (E.118)
            "issuer": digits[2 + len(prefix) : 7] if prefix else None,
            "check_digit_valid": fits,
        }
        return digits


def _check_digit(digits: str) -> tuple[str | None, bool | None]:
    """Return the finding about the check digit, and whether one fits (None: not tested)."""
    if not is_decimal(digits):
        return "iccid.hex_digit", None
    if luhn_fits(digits):
        return None, True
    if len(digits) == 20 and luhn_fits(digits[:19]):
        return "iccid.extra_digit", True
    return "iccid.luhn", False
