"""Longcheer based sticks: Alcatel One Touch (TCT), Olivetti Olicard, Zoom."""

from __future__ import annotations

from modemagent.dialects.generic import CPIN_URC, CRSM_ICCID, GENERIC, ICCID, IMEI
from modemagent.dialects.model import Attempt, Dialect, then_generic

DIALECT = Dialect(
    name="longcheer",
    ladders={
        **GENERIC,
        "imei": then_generic(
            Attempt("AT+CGSN", "", "imei", "ModemManager longcheer and x22x plugins"), then=IMEI
        ),
        "imeisv": (),
        # No ICCID command: READ BINARY of EF_ICCID (ModemManager longcheer plugin).
        "iccid": then_generic(CRSM_ICCID, then=ICCID),
    },
    sim_urcs=(CPIN_URC,),
)
