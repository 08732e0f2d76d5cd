"""u-blox: LISA, SARA, LARA and TOBY series."""

from __future__ import annotations

from modemagent.dialects.generic import CPIN_URC, GENERIC, ICCID, IMEI
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
            *(rung for rung in ICCID if rung.command == "AT+CRSM=176,12258,0,0,10"),
        ),
    },
    sim_urcs=(
        r"\+UUSIMSTAT\s?: ?\d",
        CPIN_URC,
    ),
)
