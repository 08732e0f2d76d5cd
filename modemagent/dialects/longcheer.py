"""Longcheer based sticks: Alcatel One Touch (TCT), Olivetti Olicard, Zoom."""

from __future__ import annotations

from modemagent.dialects.generic import CRSM_ICCID, maker
from modemagent.dialects.table_types import Attempt

DIALECT = maker(
    "longcheer",
    imei=(Attempt("AT+CGSN", "imei", "ModemManager longcheer and x22x plugins"),),
    # No ICCID command: READ BINARY of EF_ICCID (ModemManager longcheer plugin).
    iccid=(CRSM_ICCID,),
)
