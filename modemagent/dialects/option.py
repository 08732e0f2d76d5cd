"""Option N.V.

(GTM, GlobeTrotter; the hso driver).
"""

from __future__ import annotations

from modemagent.dialects.generic import CRSM_ICCID, maker
from modemagent.dialects.table_types import Attempt

DIALECT = maker(
    "option",
    imei=(Attempt("AT+CGSN", "imei", "trace option-gtm382: IMEI,SERIAL"),),
    serial_number=(Attempt("AT+CGSN", "serial_second", "trace option-gtm382"),),
    iccid=(CRSM_ICCID,),
    sim_urcs=(r"_OSSYSI\s?: ?\d",),
)
