"""ZTE sticks and modules."""

from __future__ import annotations

from modemagent.dialects.generic import CPIN_URC, GENERIC, ICCID, IMEI
from modemagent.dialects.model import Attempt, Dialect, then_generic

DIALECT = Dialect(
    name="zte",
    ladders={
        **GENERIC,
        "imei": then_generic(
            Attempt("AT+CGSN", "", "imei", "trace zte-mf627"),
            Attempt("ATI", "", "ati_imei", "trace zte-mf627"),
            then=IMEI,
        ),
        "imeisv": (),
        "iccid": (Attempt("AT+ZGETICCID", "+ZGETICCID", "iccid", "driver of MG2639"), *ICCID),
    },
    sim_urcs=(
        CPIN_URC,
        # +ZUSIMR repeats endlessly on some sticks and does not mean a SIM change.
    ),
)
