"""Fibocom (and Rolling Wireless): Intel, MediaTek, Qualcomm and Unisoc based modules."""

from __future__ import annotations

from modemagent.dialects.generic import CPIN_URC, GENERIC, ICCID, IMEI
from modemagent.dialects.model import Attempt, Dialect, then_generic

_FM350_MANUAL = "Fibocom FM350 AT commands manual "
_FM160 = "luci-app-fm160, recorded on FM160-CN"

DIALECT = Dialect(
    name="fibocom",
    ladders={
        **GENERIC,
        "firmware": (
            *GENERIC["firmware"][:-1],
            Attempt("AT+GTPKGVER?", "+GTPKGVER", "revision", "trace fibocom-l850-gl"),
            *GENERIC["firmware"][-1:],
        ),
        "imei": then_generic(
            Attempt("AT+CGSN", "", "imei", "trace fibocom-l850-gl"),
            Attempt("AT+CGSN?", "+CGSN", "imei", "trace fibocom-fm350-gl"),
            then=IMEI,
        ),
        "imeisv": (),
        "serial_number": (
            Attempt(
                "AT+CFSN?",
                "+CFSN",
                "serial",
                _FM350_MANUAL + "3.16; host software of L610 and of L850",
                models=r"^(FM350|L610|L8[56]0)",
            ),
            Attempt("AT+CFSN", "+CFSN", "serial", _FM160, models="^FM160"),
        ),
        # Without a SIM, AT+CCID takes ten seconds on an FM160, AT+ICCID 18 ms.
        "iccid": (
            Attempt(
                "AT+ICCID",
                "+ICCID",
                "iccid",
                f"trace fibocom-fm350-gl; {_FM160}",
                models=r"^F[GM]\d",
            ),
            *ICCID,
        ),
        # "" if the SIM in use is not an eUICC
        "eid": (Attempt("AT+EID?", "+EID", "eid", _FM350_MANUAL + "3.13", models="^FM350"),),
        "slot": (
            Attempt(
                "AT+GTDUALSIM?",
                "+GTDUALSIM",
                "slot_index_of_two",
                f"trace fibocom-fm350-gl; {_FM350_MANUAL}4.3; {_FM160}",
                models=r"^FM(160|350)",
            ),
        ),
    },
    sim_urcs=(r"\+SIM\s?: ?(Inserted|Removed)", r"\+SIM (DROP|READY)", CPIN_URC),
)
