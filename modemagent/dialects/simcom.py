"""SIMCom: SIM800 and SIM70xx, SIM7x00, A76xx, SIM8xxx."""

from __future__ import annotations

from modemagent.dialects.generic import SIM_STATE, maker
from modemagent.dialects.table_types import Attempt

_IMEI = (Attempt("AT+CGSN", "imei", "traces simcom-sim868, simcom-sim7600e"),)
_CICCID = "traces simcom-a7670, simcom-sim7600e"
_COMBINE = "SIM800 series AT command manual V1.09, 1.4.4; SIM7500_SIM7600 AT command manual"
_SMSIMCFG = "QModem simcom driver: the second field, counted from 1"
_CSMINS = "SIM800 series AT command manual V1.09, +CSMINS; trace simcom-sim868"

DIALECT = maker(
    "simcom",
    imei=_IMEI,
    iccid=(Attempt("AT+CICCID", "iccid", _CICCID, prefix="+ICCID"),),
    slot=(Attempt("AT+SMSIMCFG?", "slot_second_field", _SMSIMCFG, models=r"\bSIM8[23]\d\d"),),
    joined=_COMBINE,
)

#: SIM800 and SIM70xx return a bare ICCID for AT+CCID and refuse AT+CICCID.
SIM800 = maker(
    "simcom",
    imei=_IMEI,
    sim_state=(*SIM_STATE, Attempt("AT+CSMINS?", "sim_state_csmins", _CSMINS)),
    joined=_COMBINE,
)
