"""Fibocom (and Rolling Wireless): Intel, MediaTek, Qualcomm and Unisoc based modules."""

from __future__ import annotations

from modemagent.dialects.generic import FIRMWARE, maker
from modemagent.dialects.table_types import Attempt

_FM350_MANUAL = "Fibocom FM350 AT commands manual "
_CFSN = _FM350_MANUAL + "3.16; host software of L610 and of L850"
_FM160 = "luci-app-fm160, recorded on FM160-CN"
_ICCID = f"trace fibocom-fm350-gl; {_FM160}"
_DUALSIM = f"trace fibocom-fm350-gl; {_FM350_MANUAL}4.3; {_FM160}"

DIALECT = maker(
    "fibocom",
    firmware=(
        *FIRMWARE[:-1],
        Attempt("AT+GTPKGVER?", "revision", "trace fibocom-l850-gl"),
    ),
    imei=(
        Attempt("AT+CGSN", "imei", "trace fibocom-l850-gl"),
        Attempt("AT+CGSN?", "imei", "trace fibocom-fm350-gl"),
    ),
    serial_number=(
        Attempt("AT+CFSN?", "serial", _CFSN, models=r"^(FM350|L610|L8[56]0)"),
        Attempt("AT+CFSN", "serial", _FM160, models="^FM160"),
    ),
    # Without a SIM, AT+CCID takes ten seconds on an FM160, AT+ICCID 18 ms.
    iccid=(Attempt("AT+ICCID", "iccid", _ICCID, models=r"^F[GM]\d"),),
    # "" if the SIM in use is not an eUICC
    only={"eid": (Attempt("AT+EID?", "eid", _FM350_MANUAL + "3.13", models="^FM350"),)},
    slot=(Attempt("AT+GTDUALSIM?", "slot_index_of_two", _DUALSIM, models=r"^FM(160|350)"),),
)
