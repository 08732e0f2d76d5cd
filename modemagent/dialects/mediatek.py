"""MediaTek based sticks under the chip maker's name."""

from __future__ import annotations

from modemagent.dialects.generic import CRSM_ICCID, maker
from modemagent.dialects.table_types import Attempt

DIALECT = maker(
    "mediatek",
    imei=(Attempt("AT+CGSN", "imei", "ModemManager mtk plugin"),),
    # No ICCID command: READ BINARY of EF_ICCID (ModemManager mtk plugin).
    iccid=(CRSM_ICCID,),
)
