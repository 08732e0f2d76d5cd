"""Altair, WNC and Murata modules (Sony Altair chips)."""

from __future__ import annotations

from modemagent.dialects.generic import IMEISV, maker
from modemagent.dialects.table_types import Attempt

DIALECT = maker(
    "altair",
    imeisv=IMEISV,
    iccid=(Attempt("AT%CCID", "iccid", "WncController; ModemManager"),),
    sim_urcs=(r"%NOTIFYEV\s?: ?\"?SIMREFRESH",),
)
