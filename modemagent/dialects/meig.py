"""MeiG Smart modules."""

from __future__ import annotations

from modemagent.dialects.generic import maker
from modemagent.dialects.table_types import Attempt

_SIMSLOT = "trace meig-slm770a; host software of SRM810; QModem meig driver"

DIALECT = maker(
    "meig",
    imei=(Attempt("AT+CGSN", "imei", "trace meig-slm770a"),),
    iccid=(Attempt("AT+ICCID", "iccid", "trace meig-slm770a"),),
    slot=(Attempt("AT^SIMSLOT?", "slot_pairs", _SIMSLOT, models=r"^(SLM770|SRM8\d\d)"),),
    sim_urcs=(r"\^SIMSLOTURC\s?: ?\d",),
)
