"""u-blox: LISA, SARA, LARA and TOBY series.

The SARA-R4 manual shows AT+CGSN=2 but notes that some firmware of the series does not accept it, so
it is not sent.
"""

from __future__ import annotations

from modemagent.dialects.generic import CRSM_ICCID, maker
from modemagent.dialects.table_types import Attempt

DIALECT = maker(
    "ublox",
    imei=(Attempt("AT+CGSN", "imei", "traces ublox-sara-g350, ublox-sara-r410m"),),
    only={
        "iccid": (
            Attempt("AT+NCCID", "iccid", "mbed driver of SARA-N2", models="^SARA-N2"),
            Attempt("AT+CCID", "iccid", "traces ublox-sara-g350, ublox-sara-r410m"),
            Attempt("AT+CCID?", "iccid", "trace ublox-sara-g350"),
            CRSM_ICCID,
        )
    },
    sim_urcs=(r"\+UUSIMSTAT\s?: ?\d",),
    joined="u-blox SARA-R4/N4 AT commands manual UBX-17003787 R09, 1.1.4.1",
)
