"""Intel XMM modems (7360, 7560 and their forerunners) under Intel's own name."""

from __future__ import annotations

from modemagent.dialects.generic import maker
from modemagent.dialects.table_types import Attempt

DIALECT = maker(
    "xmm",
    imei=(Attempt("AT+CGSN", "imei", "ModemManager xmm plugin"),),
)
