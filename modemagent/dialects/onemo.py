"""China Mobile IoT (OneMO): ML30x modules with ASR and Unisoc chips, and M5310."""

from __future__ import annotations

from modemagent.dialects.generic import maker
from modemagent.dialects.table_types import Attempt

_ML307 = "drivers of ML307R, ML307A and ML302"

DIALECT = maker(
    "onemo",
    iccid=(
        Attempt("AT+NCCID", "iccid", "driver of M5310", models="^M5310"),
        Attempt("AT+MCCID", "iccid", _ML307),
    ),
)
