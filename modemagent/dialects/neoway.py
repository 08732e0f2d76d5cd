"""Neoway modules; M590 and similar ones have one slot."""

from __future__ import annotations

from modemagent.dialects.generic import maker
from modemagent.dialects.table_types import Attempt

_FIRST_FIELD = "QModem neoway driver: the first field, counted from 1"

DIALECT = maker(
    "neoway",
    imei=(Attempt("AT+CGSN", "imei", "trace neoway-m590"),),
    iccid=(Attempt("AT$MYCCID", "iccid", "trace neoway-m590"),),
    slot=(Attempt("AT+SIMCROSS?", "slot_number", _FIRST_FIELD, models=r"^N[5-7]\d"),),
)
