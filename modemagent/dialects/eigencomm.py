"""EigenComm EC61x and EC7xx chips with the chip maker's own AT firmware, as MobileTek L511."""

from __future__ import annotations

from modemagent.dialects.generic import maker
from modemagent.dialects.table_types import Attempt

_ECICCID = "drivers of EC616 and EC718 modules; zephyr driver of an EC7xx module"

DIALECT = maker(
    "eigencomm",
    iccid=(Attempt("AT+ECICCID", "iccid", _ECICCID),),
)
