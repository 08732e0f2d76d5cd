"""Option N.V. (GTM, GlobeTrotter; the hso driver)."""

from __future__ import annotations

from modemagent.dialects.generic import CRSM_ICCID, GENERIC, ICCID, IMEI
from modemagent.dialects.model import Attempt, Dialect, then_generic

DIALECT = Dialect(
    name="option",
    ladders={
        **GENERIC,
        "imei": then_generic(
            Attempt("AT+CGSN", "", "imei", "trace option-gtm382: IMEI,SERIAL"), then=IMEI
        ),
        "imeisv": (),
        "serial_number": (Attempt("AT+CGSN", "", "serial_second", "trace option-gtm382"),),
        "iccid": then_generic(CRSM_ICCID, then=ICCID),
    },
    sim_urcs=(r"_OSSYSI\s?: ?\d",),
)
