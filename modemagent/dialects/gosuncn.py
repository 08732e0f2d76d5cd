"""Gosuncn (GosuncnWelink), formerly ZTE's modules."""

from __future__ import annotations

from modemagent.dialects.generic import CPIN_URC, GENERIC, ICCID, IMEI
from modemagent.dialects.model import Attempt, Dialect, then_generic

_MODEMFEED = "koshev-msk/modemfeed, GM800"

DIALECT = Dialect(
    name="gosuncn",
    ladders={
        **GENERIC,
        "imei": then_generic(Attempt("AT+CGSN", "", "imei", _MODEMFEED), then=IMEI),
        "imeisv": (),
        "iccid": then_generic(
            Attempt("AT+ZGETICCID", "+ZGETICCID", "iccid", _MODEMFEED),
            Attempt("AT+ICCID", "+ICCID", "iccid", "QModem gosuncn driver"),
            then=ICCID,
        ),
    },
    sim_urcs=(CPIN_URC,),
)
