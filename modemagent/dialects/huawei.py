"""Huawei sticks and modules (HiSilicon and Qualcomm based)."""

from __future__ import annotations

from modemagent.dialects.generic import CPIN_URC, GENERIC, ICCID, IMEI
from modemagent.dialects.model import Attempt, Dialect, then_generic

DIALECT = Dialect(
    name="huawei",
    ladders={
        **GENERIC,
        "imei": then_generic(
            Attempt("AT+CGSN", "", "imei", "trace huawei-e1752"),
            Attempt("AT+GSN", "", "imei", "trace huawei-e3372"),
            Attempt("ATI", "", "ati_imei", "traces huawei-e1752, huawei-e3372"),
            then=IMEI,
        ),
        "imeisv": (),
        "iccid": then_generic(
            Attempt("AT^ICCID?", "^ICCID", "iccid", "traces huawei-e1752, huawei-e3372"), then=ICCID
        ),
    },
    sim_urcs=(r"\^SIMST\s?: ?\d", CPIN_URC),
)
