"""Pantech sticks (UMW190, UML290).

The elementary files are never read by AT+CRSM: it stops the UMW190 (ModemManager, pantech
plugin, mm-sim-pantech.c).
"""

from __future__ import annotations

from modemagent.dialects.generic import CPIN_URC, GENERIC, ICCID, IMEI, IMSI
from modemagent.dialects.model import Attempt, Dialect, then_generic

DIALECT = Dialect(
    name="pantech",
    ladders={
        **GENERIC,
        "imei": then_generic(
            Attempt("AT+CGSN", "", "imei", "ModemManager pantech plugin"), then=IMEI
        ),
        "imeisv": (),
        "iccid": tuple(rung for rung in ICCID if "CRSM" not in rung.command),
        "imsi": tuple(rung for rung in IMSI if "CRSM" not in rung.command),
        "mnc_length": (),
    },
    sim_urcs=(CPIN_URC,),
)
