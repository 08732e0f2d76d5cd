"""Telit (now Telit Cinterion's xE910, ME910, LE910 and LM/FN families)."""

from __future__ import annotations

from modemagent.dialects.generic import CPIN_URC, GENERIC, ICCID, IMSI
from modemagent.dialects.model import Attempt, Dialect, JoinedQuery, then_generic

_TRACE = "trace telit-ge910-quad"
_CONCAT = "Telit LE910Cx AT reference guide, command lines (page 32)"
_ME910C1 = r"^(ME910C1|NE910C1|ML865C1)"
_LE910_V2 = r"^LE910(B1-|B4-|-(SVL?|SV1|NA1?|EU1?|AU|JN1)\b)"

DIALECT = Dialect(
    name="telit",
    ladders={
        **GENERIC,
        # AT+GSN returns the module's serial number, so it is not an attempt for the IMEI.
        "imei": (
            Attempt("AT+CGSN", "", "imei", _TRACE),
            Attempt("AT#CGSN", "#CGSN", "imei", _TRACE),
            Attempt("AT+CGSN=1", "+CGSN", "imei", "3GPP TS 27.007 clause 5.4"),
        ),
        "imeisv": (
            Attempt(
                "AT#CGSN=2",
                "#CGSN",
                "imeisv",
                "Telit ME910C1 AT reference guide 80529ST10815A, #CGSN",
                models=_ME910C1,
            ),
            Attempt(
                "AT+IMEISV",
                "",
                "imeisv",
                "Telit LE910 V2 AT reference guide 80446ST10707A, +IMEISV",
                models=_LE910_V2,
            ),
        ),
        "serial_number": (Attempt("AT+GSN", "", "serial", _TRACE),),
        # AT+CPIN? is silent or refused while the SIM starts; this command works from the start.
        "sim_state": (
            *GENERIC["sim_state"],
            Attempt(
                "AT#QSS?",
                "#QSS",
                "sim_state_qss",
                "trace telit-ge910-quad; Telit ME310G1 AT reference guide 3.3.9; ModemManager",
            ),
        ),
        "iccid": then_generic(Attempt("AT#CCID", "#CCID", "iccid", _TRACE), then=ICCID),
        "imsi": (*IMSI[:1], Attempt("AT#CIMI", "#CIMI", "imsi", _TRACE), *IMSI[1:]),
        "slot": (
            Attempt(
                "AT#QSS?",
                "#QSS",
                "slot_third_index",
                "QModem telit driver: the third field, counted from 0",
                models=r"^F[NE]9[89]0",
            ),
        ),
    },
    sim_urcs=(r"#QSS\s?: ?[0-3]$", CPIN_URC),
    joins=(
        JoinedQuery(("model", "firmware", "imei"), _CONCAT),
        JoinedQuery(("imsi", "iccid"), _CONCAT),
    ),
)
