"""Cinterion (Siemens, Gemalto, Thales): MC, BGS, EHS, PLS and MV families.

No joined lines: the EHS6 command set (V03.001, 1.5.2) warns that the order of processing may
differ from the order in the line, and only their order identifies bare responses.
"""

from __future__ import annotations

from modemagent.dialects.generic import SIM_STATE, maker
from modemagent.dialects.table_types import Attempt

#: MV31 and MV32 are Qualcomm based and have another maker's firmware.
_MV3 = r"^MV3[12]"
_MV3_SOURCE = "Thales MV32-W AT reference guide 15.10, 15.41; QModem thales driver"
_TRACE = "trace cinterion-ehs6"
_SIND = "Cinterion EHS6 AT command set V03.001, ^SIND; trace cinterion-ehs6"

DIALECT = maker(
    "cinterion",
    imei=(Attempt("AT+CGSN", "imei", _TRACE),),
    iccid=(
        Attempt("AT+ICCID", "iccid", _MV3_SOURCE, models=_MV3),
        Attempt("AT+CCID", "iccid", _TRACE),
        Attempt("AT^SCID", "iccid", _TRACE),
    ),
    sim_state=(*SIM_STATE, Attempt('AT^SIND="simstatus",2', "sim_state_sind", _SIND)),
    slot=(Attempt("AT+SWITCH_SLOT?", "slot_enabled", _MV3_SOURCE, models=_MV3),),
    sim_urcs=(r"\^SCKS\s?: ?[01]", r"\+CIEV\s?: ?\"?simstatus\"?,", r"\^SSIM READY"),
    sim_wait_s=30.0,
)
