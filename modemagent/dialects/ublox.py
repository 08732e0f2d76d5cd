"""u-blox: LISA, SARA, LARA and TOBY series."""

from __future__ import annotations

from modemagent.dialects.generic import CPIN_URC, CRSM_ICCID, GENERIC, IMEI
from modemagent.dialects.model import Attempt, Dialect, JoinedQuery, then_generic

_CONCAT = "u-blox SARA-R4/N4 AT commands manual UBX-17003787 R09, 1.1.4.1"

DIALECT = Dialect(
    name="ublox",
    ladders={
        **GENERIC,
        "imei": then_generic(
            Attempt("AT+CGSN", "", "imei", "traces ublox-sara-g350, ublox-sara-r410m"), then=IMEI
        ),
        # The SARA-R4 manual shows AT+CGSN=2 but notes that some firmware of the series does not
        # accept it, so it is not sent.
        "imeisv": (),
        "iccid": (
            Attempt("AT+CCID", "+CCID", "iccid", "traces ublox-sara-g350, ublox-sara-r410m"),
            Attempt("AT+CCID?", "+CCID", "iccid", "trace ublox-sara-g350"),
            CRSM_ICCID,
        ),
    },
    sim_urcs=(r"\+UUSIMSTAT\s?: ?\d", CPIN_URC),
    joins=(
        JoinedQuery(("model", "firmware", "imei"), _CONCAT),
        JoinedQuery(("imsi", "iccid"), _CONCAT),
    ),
)
