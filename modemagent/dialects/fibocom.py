"""Fibocom: Intel, MediaTek, Qualcomm and Unisoc based modules."""

from __future__ import annotations

from modemagent.dialects.generic import CPIN_URC, GENERIC, ICCID, IMEI
from modemagent.dialects.model import Attempt, Dialect, first

DIALECT = Dialect(
    name="fibocom",
    ladders={
        **GENERIC,
        "firmware": (
            *GENERIC["firmware"][:-1],
            Attempt("AT+GTPKGVER?", "+GTPKGVER", "revision", "trace fibocom-l850-gl"),
            *GENERIC["firmware"][-1:],
        ),
        "imei": first(
            Attempt("AT+CGSN", "", "imei", "trace fibocom-l850-gl"),
            Attempt("AT+CGSN?", "+CGSN", "imei", "trace fibocom-fm350-gl"),
            then=IMEI,
        ),
        "imeisv": (),
        "iccid": ICCID,
    },
    sim_urcs=(
        r"\+SIM\s?: ?(Inserted|Removed)",
        r"\+SIM (DROP|READY)",
        CPIN_URC,
    ),
)
