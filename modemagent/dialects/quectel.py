"""Quectel: Qualcomm, Unisoc and ASR based modules alike."""

from __future__ import annotations

from modemagent.dialects.generic import CPIN_URC, GENERIC, ICCID, IMEI
from modemagent.dialects.model import Attempt, Dialect, first

_CGSN = Attempt("AT+CGSN", "", "imei", "Quectel EC2x/EG9x/EG2x-G AT manual; quectel-eg25-g")

DIALECT = Dialect(
    name="quectel",
    ladders={
        **GENERIC,
        "imei": first(_CGSN, then=IMEI),
        # AT+CGSN=2 and AT+GSN=0 exist on newer firmware only, where the base firmware stays mute
        # about which: not asked, so that a plain identification costs no refused command.
        "imeisv": (),
        "iccid": first(
            Attempt("AT+QCCID", "+QCCID", "iccid", "traces quectel-eg25-g, quectel-bg95-m3"),
            then=ICCID,
        ),
        "eid": (
            Attempt('AT+QESIM="eid"', "+QESIM", "eid", "Quectel eSIM manual; quectel-eg25-g", 3.0),
        ),
    },
    sim_urcs=(
        CPIN_URC,
        r"\+QSIMSTAT\s?: ?\d,[012]",
        r"\+QUSIM\s?: ?[01]",
    ),
)
