"""Cinterion (Siemens, Gemalto, Thales): MC, BGS, EHS, PLS and MV families.

No joined lines: the EHS6 command set (V03.001, 1.5.2) warns that the order of processing may
differ from the order in the line, and only their order identifies bare responses.
"""

from __future__ import annotations

from modemagent.dialects.generic import CPIN_URC, GENERIC, ICCID, IMEI
from modemagent.dialects.model import Attempt, Dialect, then_generic

#: MV31 and MV32 are Qualcomm based and have another maker's firmware.
_MV3 = r"^MV3[12]"
_MV3_SOURCE = "Thales MV32-W AT reference guide 15.10, 15.41; QModem thales driver"

DIALECT = Dialect(
    name="cinterion",
    ladders={
        **GENERIC,
        "imei": then_generic(Attempt("AT+CGSN", "", "imei", "trace cinterion-ehs6"), then=IMEI),
        "imeisv": (),
        "iccid": (
            Attempt("AT+ICCID", "+ICCID", "iccid", _MV3_SOURCE, models=_MV3),
            *then_generic(
                Attempt("AT+CCID", "+CCID", "iccid", "trace cinterion-ehs6"),
                Attempt("AT^SCID", "^SCID", "iccid", "trace cinterion-ehs6"),
                then=ICCID,
            ),
        ),
        "sim_state": (
            *GENERIC["sim_state"],
            Attempt(
                'AT^SIND="simstatus",2',
                "^SIND",
                "sim_state_sind",
                "Cinterion EHS6 AT command set V03.001, ^SIND; trace cinterion-ehs6",
            ),
        ),
        "slot": (
            Attempt("AT+SWITCH_SLOT?", "+SWITCH_SLOT", "slot_enabled", _MV3_SOURCE, models=_MV3),
        ),
    },
    sim_urcs=(r"\^SCKS\s?: ?[01]", r"\+CIEV\s?: ?\"?simstatus\"?,", r"\^SSIM READY", CPIN_URC),
    sim_wait_s=30.0,
)
