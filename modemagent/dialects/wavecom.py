"""Wavecom, and Sierra's HL modules of that line."""

from __future__ import annotations

from modemagent.dialects.generic import CRSM_ICCID, maker
from modemagent.dialects.table_types import Attempt

DIALECT = maker(
    "wavecom",
    imei=(Attempt("AT+CGSN", "imei", "trace wavecom-multiband"),),
    only={
        # No final result follows +CPIN. The line is used at the deadline, which is short therefore.
        "sim_state": (Attempt("AT+CPIN?", "sim_state", "trace wavecom-multiband", 1.0),),
        "iccid": (
            Attempt("AT+CCID", "iccid", "Wavecom AT manual"),
            Attempt("AT+CCID?", "iccid", "ModemManager wavecom plugin"),
            CRSM_ICCID,
        ),
    },
    sim_urcs=(r"\+WIND\s?: ?[01]$",),
    sim_wait_s=30.0,
)
