"""SIMCom: SIM800 and SIM70xx, SIM7x00, A76xx, SIM8xxx."""

from __future__ import annotations

from modemagent.dialects.generic import CPIN_URC, GENERIC, ICCID, IMEI
from modemagent.dialects.model import Attempt, Dialect, JoinedQuery, then_generic

_CICCID = Attempt("AT+CICCID", "+ICCID", "iccid", "traces simcom-a7670, simcom-sim7600e")
_COMBINE = "SIM800 series AT command manual V1.09, 1.4.4; SIM7500_SIM7600 AT command manual"
_URCS = (CPIN_URC,)
_JOINS = (
    JoinedQuery(("model", "firmware", "imei"), _COMBINE),
    JoinedQuery(("imsi", "iccid"), _COMBINE),
)

DIALECT = Dialect(
    name="simcom",
    ladders={
        **GENERIC,
        "imei": then_generic(
            Attempt("AT+CGSN", "", "imei", "traces simcom-sim868, simcom-sim7600e"), then=IMEI
        ),
        "imeisv": (),
        "iccid": then_generic(_CICCID, then=ICCID),
        "slot": (
            Attempt(
                "AT+SMSIMCFG?",
                "+SMSIMCFG",
                "slot_second_field",
                "QModem simcom driver: the second field, counted from 1",
                models=r"\bSIM8[23]\d\d",
            ),
        ),
    },
    sim_urcs=_URCS,
    joins=_JOINS,
)

#: SIM800 and SIM70xx return a bare ICCID for AT+CCID and refuse AT+CICCID.
SIM800 = Dialect(
    name="simcom",
    ladders={
        **DIALECT.ladders,
        "iccid": ICCID,
        "slot": (),
        "sim_state": (
            *GENERIC["sim_state"],
            Attempt(
                "AT+CSMINS?",
                "+CSMINS",
                "sim_state_csmins",
                "SIM800 series AT command manual V1.09, +CSMINS; trace simcom-sim868",
            ),
        ),
    },
    sim_urcs=_URCS,
    joins=_JOINS,
)
