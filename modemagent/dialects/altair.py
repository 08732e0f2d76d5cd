"""Altair, WNC and Murata modules (Sony Altair chips)."""

from __future__ import annotations

from modemagent.dialects.generic import GENERIC, ICCID
from modemagent.dialects.model import Attempt, Dialect

DIALECT = Dialect(
    name="altair",
    ladders={
        **GENERIC,
        "iccid": (Attempt("AT%CCID", "%CCID", "iccid", "WncController; ModemManager"), *ICCID),
    },
    sim_urcs=(r"%NOTIFYEV\s?: ?\"?SIMREFRESH",),
)
