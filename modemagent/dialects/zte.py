"""ZTE sticks, and Gosuncn (the former ZTE module house)."""

from __future__ import annotations

from modemagent.dialects.generic import CPIN_URC, GENERIC, ICCID, IMEI
from modemagent.dialects.model import Attempt, Dialect, first

DIALECT = Dialect(
    name="zte",
    ladders={
        **GENERIC,
        "imei": first(
            Attempt("AT+CGSN", "", "imei", "trace zte-mf627"),
            Attempt("ATI", "", "ati_imei", "trace zte-mf627"),
            then=IMEI,
        ),
        "imeisv": (),
        "iccid": (
            Attempt("AT+ZGETICCID", "+ZGETICCID", "iccid", "MG2639 library; ZTE, Gosuncn GM800"),
            *ICCID,
        ),
    },
    sim_urcs=(
        CPIN_URC,
        # +ZUSIMR repeats without end on some sticks: no sign of a changed card.
    ),
)
