"""Luat (AirM2M): EigenComm EC618 and EC7xx based modules with the maker's AT firmware."""

from __future__ import annotations

from modemagent.dialects.generic import CPIN_URC, GENERIC, ICCID, IMEI
from modemagent.dialects.model import Attempt, Dialect, then_generic

DIALECT = Dialect(
    name="luat",
    ladders={
        **GENERIC,
        "imei": then_generic(Attempt("AT+CGSN", "", "imei", "trace luat-air780e"), then=IMEI),
        "iccid": then_generic(
            Attempt("AT+ICCID", "+ICCID", "iccid", "trace luat-air780e"), then=ICCID
        ),
        "slot": (
            Attempt(
                "AT+SIMCROSS?",
                "+SIMCROSS",
                "slot_index_of_two",
                "Luat 780E SIM application guide (SIM0, SIM1); drivers of Luat modules",
                models=r"Air(780E|201)",
            ),
        ),
    },
    sim_urcs=(
        # followed by the number of the slot
        r"\+CPIN\s?: ?SIM REMOVED",
        CPIN_URC,
    ),
)
