"""MEID: the equipment number of CDMA devices (3GPP2 S.R0048, X.S0008).

Fourteen hexadecimal digits or eighteen decimal ones, with or without a check digit. Eight
hexadecimal digits are an ESN, which is not unique and never used as a key.

>>> Meid.check("0xAF0123450ABCDEC").normalized
'AF0123450ABCDE'
>>> Meid.check("293608736500703710").normalized
'AF0123450ABCDE'
>>> Meid.check("99000012345678").codes
('meid.imei_form',)
>>> Meid.check("80ABCDEF").codes
('meid.length',)
>>> Meid.parse("AF0123450ABCDE").grouped()
'AF-012345-0ABCDE'
"""

from __future__ import annotations

from modemagent.identity.checkdigits import luhn_digit, luhn_fits
from modemagent.identity.cleaning import HEX_DIGITS, is_decimal, is_hexadecimal
from modemagent.identity.identifier import Identifier, Rejected

#: Largest values of the decimal form: 32 bits of region and manufacturer, 24 bits of serial.
_MANUFACTURER_MAX = 0xFFFFFFFF
_SERIAL_MAX = 0xFFFFFF


class Meid(Identifier):
    """A normalized MEID: 14 upper-case hexadecimal digits."""

    __slots__ = ()
    kind = "meid"
    lengths = range(14, 15)
    alphabet = HEX_DIGITS
    groups = (2, 6)
    separator = "-"

    @property
    def region(self) -> str:
        return self[:2]

    @property
    def manufacturer(self) -> str:
        return self[2:8]

    @property
    def serial(self) -> str:
        return self[8:]

    @classmethod
    def _unwrap(cls, digits: str) -> str:
        digits = digits.removeprefix("0X")
        padded = len(digits) == 16 and digits.startswith("00") and is_hexadecimal(digits)
        return digits[2:] if padded else digits  # padded to eight bytes

    @classmethod
    def _judge(cls, digits: str, codes: list[str], details: dict[str, object]) -> str:
        if not is_hexadecimal(digits):
            raise Rejected("charset")
        if len(digits) in (14, 15):
            form, meid = "hexadecimal", cls(digits[:14])
            base = 10 if is_decimal(meid) else 16
            if digits[14:] not in ("", luhn_digit(meid, base=base)):
                raise Rejected("check_digit")
        elif len(digits) in (18, 19):
            if not is_decimal(digits):
                raise Rejected("charset")
            form, meid = "decimal", cls._from_decimal(digits)
            if len(digits) == 19 and not luhn_fits(digits):
                raise Rejected("check_digit")
        else:
            raise Rejected("length", digits=len(digits))
        if is_decimal(meid):
            codes.append("meid.imei_form")
        elif meid.region < "A0":
            codes.append("meid.region_code")
        details |= {
            "region": meid.region,
            "manufacturer": meid.manufacturer,
            "serial": meid.serial,
            "form": form,
        }
        return meid

    @classmethod
    def _from_decimal(cls, digits: str) -> Meid:
        """Convert 10 and 8 decimal digits to 8 and 6 hexadecimal ones."""
        manufacturer, serial = int(digits[:10]), int(digits[10:18])
        if manufacturer > _MANUFACTURER_MAX or serial > _SERIAL_MAX:
            raise Rejected("range")
        return cls(f"{manufacturer:08X}{serial:06X}")
