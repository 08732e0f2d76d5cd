"""Intel XMM modems (7360, 7560 and their forerunners) under Intel's own name."""

from __future__ import annotations

from modemagent.dialects.generic import CPIN_URC, GENERIC, ICCID, IMEI
from modemagent.dialects.model import Attempt, Dialect, then_generic

DIALECT = Dialect(
    name="xmm",
    ladders={
        **GENERIC,
        "imei": then_generic(Attempt("AT+CGSN", "", "imei", "ModemManager xmm plugin"), then=IMEI),
        "imeisv": (),
        "iccid": ICCID,
    },
    sim_urcs=(
        # after AT+XSIMSTATE=1 (ofono ifx plugin), which modemagent does not send
        r"\+XSIM\s?: ?\d",
        CPIN_URC,
    ),
)
