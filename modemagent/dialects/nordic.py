"""Nordic nRF91 with the serial LTE modem application."""

from __future__ import annotations

from modemagent.dialects.generic import CRSM_ICCID, GENERIC, IMEI, IMEISV
from modemagent.dialects.model import Attempt, Dialect

DIALECT = Dialect(
    name="nordic",
    ladders={
        **GENERIC,
        "imei": IMEI,
        "imeisv": IMEISV,
        "serial_number": (
            Attempt("AT+CGSN=0", "+CGSN", "serial", "nRF91 AT reference; trace nordic-nrf9160"),
        ),
        "iccid": (
            Attempt("AT%XICCID", "%XICCID", "iccid", "nRF91 AT reference; trace nordic-nrf9160"),
            CRSM_ICCID,
        ),
    },
    sim_urcs=(r"%XSIM\s?: ?[01]",),
)
