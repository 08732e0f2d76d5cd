"""Equipment numbers of CDMA devices in responses to IMEI commands: MEID and ESN.

Published forms: 14 hexadecimal digits, with ``0x``, padded to 16, or with a check digit; 18 decimal
digits; either one with the ESN before or after it, separated by a colon, comma or space. An ESN
or MEID must never pass for an IMEI.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

from modemagent.identity.meid import Meid

_SEPARATORS = r"[:,;=()\s\"]+"
_ESN = r"(?i)(0x)?[0-9A-F]{7,8}"
#: An MEID of decimal digits only has the form of an IMEI, so a letter or ``0x`` has to prove it.
_MEID = r"(?i)(0x)?(00)?[A-F][0-9A-F]{13,14}|0x(00)?[0-9A-F]{14}|\d{17,18}"
_MANUFACTURER_DIGITS, _SERIAL_DIGITS = 10, 8


class CdmaNumbers(NamedTuple):
    """What a response says about a CDMA device.

    :param meid: as received, None if there is none
    :param is_cdma: the response has an MEID or an ESN
    """

    meid: str | None
    is_cdma: bool


def cdma_numbers(lines: Iterable[str]) -> CdmaNumbers:
    """Return the first MEID, and whether the device is one of CDMA.

    >>> cdma_numbers(["+GSN: 80ABCDEF,0xA10000009296F2"])
    CdmaNumbers(meid='0xA10000009296F2', is_cdma=True)
    >>> cdma_numbers(["27011317769606898"]), cdma_numbers(["352656100000010"])
    (CdmaNumbers(meid='270113177609606898', is_cdma=True), CdmaNumbers(meid=None, is_cdma=False))
    """
    is_cdma = False
    for line in lines:
        before = ""
        for text in re.split(_SEPARATORS, line):
            digits = text.replace("-", "")
            if re.fullmatch(_MEID, digits) or (before == "MEID" and digits):
                number = _padded(digits)
                if before == "MEID" or Meid.check(number).valid:
                    return CdmaNumbers(number, True)
            elif re.fullmatch(_ESN, digits):
                is_cdma = is_cdma or before == "ESN" or not digits.isdigit()
            before = text.upper()
    return CdmaNumbers(None, is_cdma)


def _padded(digits: str) -> str:
    """Return 18 digits for 17: the serial number is printed without its leading zero."""
    if len(digits) != _MANUFACTURER_DIGITS + _SERIAL_DIGITS - 1 or not digits.isdigit():
        return digits
    return digits[:_MANUFACTURER_DIGITS] + digits[_MANUFACTURER_DIGITS:].zfill(_SERIAL_DIGITS)
