"""SIMCom: SIM800 and SIM70xx, SIM7x00, A76xx."""

from __future__ import annotations

from modemagent.dialects.generic import CPIN_URC, GENERIC, ICCID, IMEI
from modemagent.dialects.model import Attempt, Dialect, first

_CICCID = Attempt("AT+CICCID", "+ICCID", "iccid", "traces simcom-a7670, simcom-sim7600e")
_URCS = (CPIN_URC,)

DIALECT = Dialect(
    name="simcom",
    ladders={
        **GENERIC,
        "imei": first(
            Attempt("AT+CGSN", "", "imei", "traces simcom-sim868, simcom-sim7600e"),
            then=IMEI,
        ),
        "imeisv": (),
        "iccid": first(_CICCID, then=ICCID),
    },
    sim_urcs=_URCS,
)

#: SIM800 and SIM70xx answer AT+CCID, bare, and refuse AT+CICCID.
SIM800 = Dialect(
    name="simcom",
    ladders={**DIALECT.ladders, "iccid": ICCID},
    sim_urcs=_URCS,
)
