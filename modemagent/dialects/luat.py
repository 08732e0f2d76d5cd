"""Luat (AirM2M): EigenComm EC618 and EC7xx based modules with the maker's AT firmware."""

from __future__ import annotations

from modemagent.dialects.generic import IMEISV, maker
from modemagent.dialects.table_types import Attempt

_SIMCROSS = "Luat 780E SIM application guide (SIM0, SIM1); drivers of Luat modules"

DIALECT = maker(
    "luat",
    imei=(Attempt("AT+CGSN", "imei", "trace luat-air780e"),),
    imeisv=IMEISV,
    iccid=(Attempt("AT+ICCID", "iccid", "trace luat-air780e"),),
    slot=(Attempt("AT+SIMCROSS?", "slot_index_of_two", _SIMCROSS, models=r"Air(780E|201)"),),
)
