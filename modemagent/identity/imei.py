"""IMEI: the number of the equipment (3GPP TS 23.003 clause 6 and annex B).

TAC 8, serial 6, check or spare digit 1. The first 14 digits are the identity; the normalized form
always ends in the computed check digit, whatever digit the module sent.

>>> Imei.check('+CGSN: "867698040000013"').normalized
'867698040000013'
>>> Imei.check("86769804000001").codes
('imei.no_check_digit',)
>>> Imei.check("867698040000014").codes
('imei.check_digit',)
>>> Imei.parse("86-769804-000001-3").tac
'86769804'
>>> Imei.parse("867698040000013").grouped()
'86769804-000001-3'
"""

from __future__ import annotations

from typing import Self

from modemagent.identity.checkdigits import luhn_digit
from modemagent.identity.cleaning import is_decimal, is_filler
from modemagent.identity.identifier import Identifier, Rejected
from modemagent.identity.lookup_tables import listed, row
from modemagent.identity.numbering import reporting_body

_COUNTED_SERIALS = frozenset(("123456", "012345", "654321"))


def is_placeholder(digits: str) -> bool:
    """Return True if the first 14 digits of an IMEI or IMEISV are a known filler."""
    return is_filler(digits[:14]) or listed("placeholders.txt", "imei", digits[:14])


class EquipmentNumber(Identifier):
    """The 14 digits that IMEI and IMEISV have in common: TAC and serial number."""

    __slots__ = ()
    separator = "-"

    @property
    def tac(self) -> str:
        """The type allocation code, 8 digits."""
        return self[:8]

    @property
    def serial(self) -> str:
        """The serial number within the TAC, 6 digits."""
        return self[8:14]

    def same_equipment(self, other: str) -> bool:
        """Return True if an IMEI, IMEISV or their first 14 digits belong to the same equipment.

        >>> Imei("867698040000013").same_equipment("8676980400000107")
        True
        """
        return self[:14] == other[:14]

    @staticmethod
    def _judge_form(digits: str, lengths: range) -> None:
        if not is_decimal(digits):
            raise Rejected("charset")
        if len(digits) not in lengths:
            raise Rejected("length", digits=len(digits))
        if is_placeholder(digits):
            raise Rejected("placeholder")

    def equipment_codes(self) -> list[str]:
        """Return the findings about TAC and serial; their prefix is ``imei.`` for an IMEISV too."""
        codes = []
        if self[0] == "0" and self[1] != "1":  # 00 and 02-09
            codes.append("imei.test_tac")
        elif reporting_body(self) is None:
            codes.append("imei.unknown_rbi")
        if len(set(self.serial)) == 1 or self.serial in _COUNTED_SERIALS:
            codes.append("imei.serial_suspect")
        return codes

    def equipment_details(self) -> dict[str, object]:
        """Return TAC, serial and reporting body, and the model if the TAC table has it."""
        details: dict[str, object] = {
            "tac": self.tac,
            "serial": self.serial,
            "rbi": self[:2],
            "reporting_body": reporting_body(self),
        }
        if (known := row("tac.txt", self.tac)) is not None:
            details.update(zip(("maker", "model", "basis"), known[1:], strict=True))
        return details


class Imei(EquipmentNumber):
    """A normalized IMEI: 14 digits and their check digit."""

    __slots__ = ()
    kind = "imei"
    lengths = range(15, 16)
    groups = (8, 6, 1)

    @property
    def check_digit(self) -> str:
        return self[14]

    @classmethod
    def from_digits(cls, fourteen: str) -> Self:
        """Return the IMEI of 14 digits, with the check digit computed."""
        return cls(fourteen + luhn_digit(fourteen))

    @classmethod
    def _judge(cls, digits: str, codes: list[str], details: dict[str, object]) -> str:
        cls._judge_form(digits, range(14, 17))
        imei = cls.from_digits(digits[:14])
        details |= imei.equipment_details()
        details["check_digit"] = imei.check_digit
        if len(digits) == 14:
            codes.append("imei.no_check_digit")
        elif len(digits) == 16:
            codes.append("imei.is_imeisv")
            details["svn"] = digits[14:]
        elif digits[14] != imei.check_digit:
            if digits[14] != "0":
                raise Rejected("check_digit", expected_check_digit=imei.check_digit)
            codes.append("imei.spare_digit")
        codes += imei.equipment_codes()
        return imei
