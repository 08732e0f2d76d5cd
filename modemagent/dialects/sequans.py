"""Sequans Monarch (GM01Q, GM02S, Renesas RYZ014A, Pycom GPy, DPTechnics Walter)."""

from __future__ import annotations

from modemagent.dialects.generic import GENERIC, ICCID, IMEI
from modemagent.dialects.model import Attempt, Dialect

_SQNCCID = "trace sequans-monarch"

DIALECT = Dialect(
    name="sequans",
    ladders={
        **GENERIC,
        "imei": IMEI,
        "imeisv": (
            Attempt(
                "AT+CGSN=2", "+CGSN", "imeisv", "walter-modem library (GM02SP); Pycom GPy notes"
            ),
        ),
        "iccid": (Attempt("AT+SQNCCID", "+SQNCCID", "iccid", _SQNCCID), *ICCID),
    },
)
