"""MeiG Smart modules."""

from __future__ import annotations

from modemagent.dialects.generic import CPIN_URC, GENERIC, ICCID, IMEI
from modemagent.dialects.model import Attempt, Dialect, then_generic

DIALECT = Dialect(
    name="meig",
    ladders={
        **GENERIC,
        "imei": then_generic(Attempt("AT+CGSN", "", "imei", "trace meig-slm770a"), then=IMEI),
        "imeisv": (),
        "iccid": then_generic(
            Attempt("AT+ICCID", "+ICCID", "iccid", "trace meig-slm770a"), then=ICCID
        ),
        "slot": (
            Attempt(
                "AT^SIMSLOT?",
                "^SIMSLOT",
                "slot_pairs",
                "trace meig-slm770a; host software of SRM810; QModem meig driver",
                models=r"^(SLM770|SRM8\d\d)",
            ),
        ),
    },
    sim_urcs=(r"\^SIMSLOT(URC)?\s?: ?\d", CPIN_URC),
)
