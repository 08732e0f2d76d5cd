"""Pantech sticks (UMW190, UML290).

Elementary files are never read with AT+CRSM, which hangs the UMW190 (ModemManager pantech plugin,
mm-sim-pantech.c).
"""

from __future__ import annotations

from modemagent.dialects.generic import ICCID, IMSI, maker
from modemagent.dialects.table_types import Attempt

DIALECT = maker(
    "pantech",
    imei=(Attempt("AT+CGSN", "imei", "ModemManager pantech plugin"),),
    only={
        "iccid": tuple(each for each in ICCID if "CRSM" not in each.command),
        "imsi": tuple(each for each in IMSI if "CRSM" not in each.command),
        "mnc_length": (),
    },
)
