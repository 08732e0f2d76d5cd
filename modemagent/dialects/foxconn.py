"""Foxconn T77W and T99W modules, also as Dell DW5821e and DW5930e; Qualcomm based."""

from __future__ import annotations

from modemagent.dialects.generic import maker
from modemagent.dialects.table_types import Attempt

_FOXCONN = "QModem foxconn driver"
_T99W175 = f"{_FOXCONN}; T99W175 command notes: SIM1 ENABLE"

DIALECT = maker(
    "foxconn",
    imei=(
        Attempt("AT+CGSN", "imei", "T99W175 web interface"),
        Attempt("ATI", "ati_imei", _FOXCONN),
    ),
    iccid=(Attempt("AT+ICCID", "iccid", _FOXCONN),),
    slot=(
        Attempt("AT+SWITCH_SLOT?", "slot_enabled", _FOXCONN, models="T99W640"),
        Attempt("AT^SWITCH_SLOT?", "slot_enabled", _T99W175, models=r"T99W(?!640)\d{3}|DW5930e"),
    ),
    joined="T99W175 web interface, which joins commands with semicolons",
)
