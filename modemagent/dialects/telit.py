"""Telit (now Telit Cinterion's xE910, ME910, LE910 and LM/FN families)."""

from __future__ import annotations

from modemagent.dialects.generic import CPIN_URC, GENERIC, ICCID, IMSI
from modemagent.dialects.model import Attempt, Dialect, first

DIALECT = Dialect(
    name="telit",
    ladders={
        **GENERIC,
        # AT+GSN is the module's serial number here: it is no rung of the IMEI's ladder.
        "imei": (
            Attempt("AT+CGSN", "", "imei", "trace telit-ge910-quad"),
            Attempt("AT#CGSN", "#CGSN", "imei", "trace telit-ge910-quad"),
            Attempt("AT+CGSN=1", "+CGSN", "imei", "3GPP TS 27.007 clause 5.4"),
        ),
        "imeisv": (),
        "serial_number": (Attempt("AT+GSN", "", "serial", "trace telit-ge910-quad"),),
        "iccid": first(
            Attempt("AT#CCID", "#CCID", "iccid", "trace telit-ge910-quad"),
            then=ICCID,
        ),
        "imsi": (*IMSI[:1], Attempt("AT#CIMI", "#CIMI", "imsi", "HE910 trace"), *IMSI[1:]),
    },
    sim_urcs=(
        r"#QSS\s?: ?[0-3]$",
        CPIN_URC,
    ),
)
