"""Gosuncn (GosuncnWelink), formerly ZTE's modules."""

from __future__ import annotations

from modemagent.dialects.generic import maker
from modemagent.dialects.table_types import Attempt

_GM800 = "koshev-msk/modemfeed, GM800"

DIALECT = maker(
    "gosuncn",
    imei=(Attempt("AT+CGSN", "imei", _GM800),),
    iccid=(
        Attempt("AT+ZGETICCID", "iccid", _GM800),
        Attempt("AT+ICCID", "iccid", "QModem gosuncn driver"),
    ),
)
