"""Ericsson mobile broadband modules (MBM), also as Sony Ericsson, Dell, HP, Toshiba."""

from __future__ import annotations

from modemagent.dialects.generic import CRSM_ICCID, maker
from modemagent.dialects.table_types import Attempt

DIALECT = maker(
    "ericsson",
    imei=(Attempt("AT+CGSN", "imei", "trace ericsson-md300"),),
    # No ICCID command: READ BINARY of EF_ICCID (ModemManager mbm plugin).
    iccid=(CRSM_ICCID,),
    sim_urcs=(r"\*EMRDY\s?: ?1",),
)
