"""Foxconn T77W and T99W modules, also as Dell DW5821e and DW5930e; Qualcomm based."""

from __future__ import annotations

from modemagent.dialects.generic import CPIN_URC, GENERIC, ICCID, IMEI
from modemagent.dialects.model import Attempt, Dialect, JoinedQuery, then_generic

_QMODEM = "QModem foxconn driver"
_T99W175 = "T99W175 web interface, which joins commands with semicolons"

DIALECT = Dialect(
    name="foxconn",
    ladders={
        **GENERIC,
        "imei": then_generic(
            Attempt("AT+CGSN", "", "imei", "T99W175 web interface"),
            Attempt("ATI", "", "ati_imei", _QMODEM),
            then=IMEI,
        ),
        "imeisv": (),
        "iccid": then_generic(Attempt("AT+ICCID", "ICCID", "iccid", _QMODEM), then=ICCID),
        "slot": (
            Attempt("AT+SWITCH_SLOT?", "", "slot_enabled", _QMODEM, models="T99W640"),
            Attempt(
                "AT^SWITCH_SLOT?",
                "",
                "slot_enabled",
                f"{_QMODEM}; T99W175 command notes: SIM1 ENABLE",
                models=r"T99W(?!640)\d{3}|DW5930e",
            ),
        ),
    },
    sim_urcs=(CPIN_URC,),
    joins=(
        JoinedQuery(("model", "firmware", "imei"), _T99W175),
        JoinedQuery(("imsi", "iccid"), _T99W175),
    ),
)
