"""Sequans Monarch (GM01Q, GM02S, Renesas RYZ014A, Pycom GPy, DPTechnics Walter)."""

from __future__ import annotations

from modemagent.dialects.generic import maker
from modemagent.dialects.table_types import Attempt

_GM02S = "walter-modem library (GM02SP); Pycom GPy notes"

DIALECT = maker(
    "sequans",
    imeisv=(Attempt("AT+CGSN=2", "imeisv", _GM02S),),
    iccid=(
        Attempt("AT+SQNCCID", "iccid", "trace sequans-monarch"),
        Attempt("AT+SQNCCID?", "iccid", "Pycom GPy library; drivers of GM01Q and RYZ014A"),
    ),
    sim_urcs=(r"\+SQNSIMST\s?:",),
)
