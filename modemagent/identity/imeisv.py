"""IMEISV: the 14 digits of the IMEI and a software version (3GPP TS 23.003 clause 6.2.2).

Sixteen digits without a check digit: the first 15 are not an IMEI.

>>> Imeisv.check('+CGSN: "3526561000000101"').details["imei"]
'352656100000010'
>>> Imeisv.parse("3526561000000101").svn
'01'
>>> Imeisv.parse("3526561000000101").grouped()
'35265610-000001-01'
"""

from __future__ import annotations

from modemagent.identity.imei import EquipmentNumber, Imei


class Imeisv(EquipmentNumber):
    """A normalized IMEISV: 16 digits."""

    __slots__ = ()
    kind = "imeisv"
    lengths = range(16, 17)
    groups = (8, 6, 2)

    @property
    def svn(self) -> str:
        """The software version number, 2 digits."""
        return self[14:]

    @property
    def imei(self) -> Imei:
        """The IMEI of the same equipment, with the check digit computed."""
        return Imei.from_digits(self[:14])

    @classmethod
    def _judge(cls, digits: str, codes: list[str], details: dict[str, object]) -> str:
        cls._judge_form(digits, cls.lengths)
        imeisv = cls(digits)
        codes += imeisv.equipment_codes()
        if imeisv.svn == "99":
            codes.append("imeisv.svn_reserved")
        details |= imeisv.equipment_details() | {"svn": imeisv.svn, "imei": str(imeisv.imei)}
        return imeisv
