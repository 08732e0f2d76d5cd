"""Ericsson mobile broadband modules (MBM), also as Sony Ericsson, Dell, HP, Toshiba."""

from __future__ import annotations

from modemagent.dialects.generic import CPIN_URC, CRSM_ICCID, GENERIC, ICCID, IMEI
from modemagent.dialects.model import Attempt, Dialect, then_generic

DIALECT = Dialect(
    name="ericsson",
    ladders={
        **GENERIC,
        "imei": then_generic(Attempt("AT+CGSN", "", "imei", "trace ericsson-md300"), then=IMEI),
        "imeisv": (),
        # No ICCID command: READ BINARY of EF_ICCID (ModemManager mbm plugin).
        "iccid": then_generic(CRSM_ICCID, then=ICCID),
    },
    sim_urcs=(r"\*EMRDY\s?: ?1", CPIN_URC),
)
