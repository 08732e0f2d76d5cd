"""Huawei sticks and modules (HiSilicon and Qualcomm based)."""

from __future__ import annotations

from modemagent.dialects.generic import maker
from modemagent.dialects.table_types import Attempt

DIALECT = maker(
    "huawei",
    imei=(
        Attempt("AT+CGSN", "imei", "trace huawei-e1752"),
        Attempt("AT+GSN", "imei", "trace huawei-e3372"),
        Attempt("ATI", "ati_imei", "traces huawei-e1752, huawei-e3372"),
    ),
    iccid=(Attempt("AT^ICCID?", "iccid", "traces huawei-e1752, huawei-e3372"),),
)
