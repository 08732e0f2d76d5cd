"""Nordic nRF91 with the serial LTE modem application."""

from __future__ import annotations

from modemagent.dialects.generic import CRSM_ICCID, IMEISV, maker
from modemagent.dialects.model import Attempt

_NRF91 = "nRF91 AT reference; trace nordic-nrf9160"

DIALECT = maker(
    "nordic",
    imeisv=IMEISV,
    serial_number=(Attempt("AT+CGSN=0", "serial", _NRF91),),
    only={"iccid": (Attempt("AT%XICCID", "iccid", _NRF91), CRSM_ICCID)},
    sim_urcs=(r"%XSIM\s?: ?[01]",),
    # CME error 13 to AT+CPIN?, AT%XICCID and AT+CIMI: reports of nRF9151 users
    sim_failure_also="This modem reports an empty slot and an eUICC without a profile in the same "
    "way: check first that a SIM card is inserted, or that the eUICC has an enabled profile.",
)
