"""Nordic nRF91 with the serial LTE modem application, and nRF93."""

from __future__ import annotations

from modemagent.dialects.generic import CRSM_ICCID, IMEISV, maker
from modemagent.dialects.table_types import Attempt

_NRF91 = "nRF91 AT reference; trace nordic-nrf9160"
_NRF93 = "zephyr driver of nRF93M1"

DIALECT = maker(
    "nordic",
    imeisv=IMEISV,
    serial_number=(Attempt("AT+CGSN=0", "serial", _NRF91),),
    only={
        "iccid": (
            Attempt("AT%ICCID", "iccid", _NRF93, models="nRF93"),
            Attempt("AT%XICCID", "iccid", _NRF91),
            CRSM_ICCID,
        )
    },
    sim_urcs=(r"%XSIM\s?: ?[01]",),
)
