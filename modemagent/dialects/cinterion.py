"""Cinterion (Siemens, Gemalto, Thales): MC, BGS, EHS, PLS and MV families."""

from __future__ import annotations

from modemagent.dialects.generic import CPIN_URC, GENERIC, ICCID, IMEI
from modemagent.dialects.model import Attempt, Dialect, first

DIALECT = Dialect(
    name="cinterion",
    ladders={
        **GENERIC,
        "imei": first(
            Attempt("AT+CGSN", "", "imei", "trace cinterion-ehs6"),
            then=IMEI,
        ),
        "imeisv": (),
        "iccid": first(
            Attempt("AT+CCID", "+CCID", "iccid", "trace cinterion-ehs6"),
            Attempt("AT^SCID", "^SCID", "iccid", "trace cinterion-ehs6"),
            then=ICCID,
        ),
    },
    sim_urcs=(
        r"\^SCKS\s?: ?[01]",
        r"\+CIEV\s?: ?\"?simstatus\"?,",
        r"\^SSIM READY",
        CPIN_URC,
    ),
    sim_wait_s=30.0,
)
