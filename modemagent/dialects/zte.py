"""ZTE sticks and modules.

+ZUSIMR repeats endlessly on some sticks and does not mean a SIM change.
"""

from __future__ import annotations

from modemagent.dialects.generic import maker
from modemagent.dialects.table_types import Attempt

DIALECT = maker(
    "zte",
    imei=(
        Attempt("AT+CGSN", "imei", "trace zte-mf627"),
        Attempt("ATI", "ati_imei", "trace zte-mf627"),
    ),
    iccid=(
        Attempt("AT+GETICCID", "iccid", "drivers of CDMA modules (MC8618)", models=r"^MC8\d{3}"),
        Attempt("AT+ZGETICCID", "iccid", "driver of MG2639"),
    ),
)
