"""Telit (now Telit Cinterion's xE910, ME910, LE910 and LM/FN families)."""

from __future__ import annotations

from modemagent.dialects.generic import IMSI, SIM_STATE, maker
from modemagent.dialects.table_types import Attempt

_TRACE = "trace telit-ge910-quad"
_QSS = "trace telit-ge910-quad; Telit ME310G1 AT reference guide 3.3.9; ModemManager"
_QSS_SLOT = "QModem telit driver: the third field, counted from 0"
_ME910C1 = r"^(ME910C1|NE910C1|ML865C1)"
_ME910C1_GUIDE = "Telit ME910C1 AT reference guide 80529ST10815A, #CGSN"
_LE910_V2 = r"^LE910(B1-|B4-|-(SVL?|SV1|NA1?|EU1?|AU|JN1)\b)"
_LE910_V2_GUIDE = "Telit LE910 V2 AT reference guide 80446ST10707A, +IMEISV"

DIALECT = maker(
    "telit",
    only={
        # AT+GSN returns the module's serial number, so it is not an attempt for the IMEI.
        "imei": (
            Attempt("AT+CGSN", "imei", _TRACE),
            Attempt("AT#CGSN", "imei", _TRACE),
            Attempt("AT+CGSN=1", "imei", "3GPP TS 27.007 clause 5.4"),
        )
    },
    imeisv=(
        Attempt("AT#CGSN=2", "imeisv", _ME910C1_GUIDE, models=_ME910C1),
        Attempt("AT+IMEISV", "imeisv", _LE910_V2_GUIDE, models=_LE910_V2),
    ),
    serial_number=(Attempt("AT+GSN", "serial", _TRACE),),
    # AT+CPIN? is silent or refused while the SIM starts; AT#QSS? works from the start.
    sim_state=(*SIM_STATE, Attempt("AT#QSS?", "sim_state_qss", _QSS)),
    iccid=(Attempt("AT#CCID", "iccid", _TRACE),),
    imsi=(IMSI[0], Attempt("AT#CIMI", "imsi", _TRACE)),
    slot=(Attempt("AT#QSS?", "slot_third_index", _QSS_SLOT, models=r"^F[NE]9[89]0"),),
    joined="Telit LE910Cx AT reference guide, command lines (page 32)",
)
