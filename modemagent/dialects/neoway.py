"""Neoway modules."""

from __future__ import annotations

from modemagent.dialects.generic import CPIN_URC, GENERIC, ICCID, IMEI
from modemagent.dialects.model import Attempt, Dialect, then_generic

DIALECT = Dialect(
    name="neoway",
    ladders={
        **GENERIC,
        "imei": then_generic(Attempt("AT+CGSN", "+CGSN", "imei", "trace neoway-m590"), then=IMEI),
        "imeisv": (),
        "iccid": (Attempt("AT$MYCCID", "$MYCCID", "iccid", "trace neoway-m590"), *ICCID),
        # M590 and similar modules have one slot.
        "slot": (
            Attempt(
                "AT+SIMCROSS?",
                "+SIMCROSS",
                "slot_number",
                "QModem neoway driver: the first field, counted from 1",
                models=r"^N[5-7]\d",
            ),
        ),
    },
    sim_urcs=(CPIN_URC,),
)
