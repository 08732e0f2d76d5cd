"""MediaTek based sticks under the chip maker's name."""

from __future__ import annotations

from modemagent.dialects.generic import CPIN_URC, CRSM_ICCID, GENERIC, ICCID, IMEI
from modemagent.dialects.model import Attempt, Dialect, then_generic

DIALECT = Dialect(
    name="mediatek",
    ladders={
        **GENERIC,
        "imei": then_generic(Attempt("AT+CGSN", "", "imei", "ModemManager mtk plugin"), then=IMEI),
        "imeisv": (),
        # No ICCID command: READ BINARY of EF_ICCID (ModemManager mtk plugin).
        "iccid": then_generic(CRSM_ICCID, then=ICCID),
    },
    sim_urcs=(CPIN_URC,),
)
