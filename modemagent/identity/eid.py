"""EID: the number of an eUICC (GSMA SGP.02, SGP.22, SGP.29; ISO/IEC 7064 MOD 97-10).

Thirty-two digits, never nibble-swapped. The profiles of one eUICC have several ICCIDs over time.

>>> Eid.check("BF3E125A10890490321234512345678901234512369000").codes
('eid.check_digits',)
>>> Eid.check("5A10" + "89049032000000000000000000000066" + "9000").codes
('eid.tlv_encoded',)
>>> Eid.check("8904 9032 1234 5123 4512 3456 7890 1235").codes
('eid.test_value',)
>>> Eid.parse("89049032123451234512345678901235").grouped()
'8904 9032 1234 5123 4512 3456 7890 1235'
"""

from __future__ import annotations

from modemagent.identity.checkdigits import mod97_fits
from modemagent.identity.cleaning import is_decimal, is_filler, is_hexadecimal
from modemagent.identity.identifier import Identifier, Rejected
from modemagent.identity.lookup_tables import listed
from modemagent.identity.numbering import country_of_iccid


class Eid(Identifier):
    """A normalized EID: 32 digits."""

    __slots__ = ()
    kind = "eid"
    minimum = 30  # an ICCID before the EID on the same line is shorter
    lengths = range(32, 33)

    @classmethod
    def _judge(cls, digits: str, codes: list[str], details: dict[str, object]) -> str:
        if (taken := _from_data_object(digits)) is not None:
            digits = taken
            codes.append("eid.tlv_encoded")
        if is_filler(digits):
            raise Rejected("placeholder")
        if not is_decimal(digits):
            raise Rejected("charset")
        if len(digits) not in cls.lengths:
            raise Rejected("length", digits=len(digits))
        if not mod97_fits(digits):
            raise Rejected("check_digits")
        if listed("test_values.txt", "eid", digits):
            codes.append("eid.test_value")
        e118 = digits.startswith("89")
        if not e118:
            codes.append("eid.not_e118")
        country = country_of_iccid(f"89{digits[2:5].lstrip('0')}") if e118 else None
        details |= {
            "country": country and country.label,
            "country_name": country and country.name,
            "issuer": digits[:8] if e118 else None,
            "check_digits": digits[30:],
        }
        return digits


def _from_data_object(digits: str) -> str | None:
    """Return the value of the data object of SGP.22 (tag 5A), with or without a status word."""
    bare = digits.removeprefix("BF3E12")
    if not bare.startswith("5A10") or not is_hexadecimal(bare):
        return None
    value, status = bare[4:36], bare[36:]
    return value if len(value) == 32 and status in ("", "9000") else None
