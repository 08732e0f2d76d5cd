"""u-blox: LISA, SARA, LARA and TOBY series."""

from __future__ import annotations

from modemagent.dialects.generic import CPIN_URC, CRSM_ICCID, GENERIC, IMEI
from modemagent.dialects.model import Attempt, Dialect, first

DIALECT = Dialect(
    name="ublox",
    ladders={
        **GENERIC,
        "imei": first(
            Attempt("AT+CGSN", "", "imei", "traces ublox-sara-g350, ublox-sara-r410m"),
            then=IMEI,
        ),
        "imeisv": (),
        "iccid": (
            Attempt("AT+CCID", "+CCID", "iccid", "traces ublox-sara-g350, ublox-sara-r410m"),
            Attempt("AT+CCID?", "+CCID", "iccid", "trace ublox-sara-g350"),
            CRSM_ICCID,
        ),
    },
    sim_urcs=(
        r"\+UUSIMSTAT\s?: ?\d",
        CPIN_URC,
    ),
)
