"""Check of the signal: strong and clean enough for data, and never "none" if it is unknown."""

from __future__ import annotations

import re
from typing import Final

from modemagent.diagnosis.checks.registration import (
    OLDER_ONLY,
    is_registered,
    is_searching,
    is_without_lte,
    is_without_network,
)
from modemagent.diagnosis.checks.serving_cell import measure
from modemagent.diagnosis.facts import Facts
from modemagent.diagnosis.finding import Finding, note, ok, skipped, warning, wrong

_CHECK_ANTENNA = "Check the antenna, its connector and its cable, or try another location."
_CHECK_QUALITY = (
    "Keep the antenna away from other transmitters, power supplies and data cables, connect every "
    "antenna of the modem, or try another location."
)
_SHOW_DBM = (
    "Values in dBm are measured after: mmcli -m any --signal-setup=10; modemagent never sends it."
)
#: URCs and responses of jamming detection: #JDR (Telit), +QJDR (Quectel), +SJDR (SIMCom).
_JAMMED: Final = re.compile(r"(?<!NO )(?<!NO)(?<!NOT )JAMM(ED|ING)\b", re.IGNORECASE)


def signal(facts: Facts) -> Finding:
    if line := _jamming(facts):
        return wrong(
            "the modem reports jamming: another transmitter drowns out all networks",
            "Search for a transmitter nearby that disturbs mobile networks (a jammer, a defective "
            "power supply or LED lamp) and switch it off, or operate the modem elsewhere.",
            line,
        )
    found = measure(facts)
    if not found.is_reported:
        return skipped("the modem does not report its signal")
    if found.strength is None and found.percent:
        return note(f"signal quality {found.percent} % by ModemManager", _SHOW_DBM)
    if found.strength is None:
        if is_registered(facts):
            return note(
                "unknown: the modem reports no strength in this technology, but it is registered"
            )
        if is_searching(facts) or (found.is_out_of_service and is_without_network(facts)):
            return wrong("no signal", _antenna_or_network(facts))
        return note("unknown: the modem reports no strength while it does not search")
    if found.is_weak:
        finding = wrong if is_without_network(facts) else warning
        # A registered modem shows that it can use the signal: NB-IoT works below the scale.
        is_lost = found.is_unusable and is_without_network(facts)
        text = "no usable signal" if is_lost else "weak signal"
        remedy = _antenna_or_network(facts) if is_without_network(facts) else _CHECK_ANTENNA
        return finding(f"{text}: {found.text}", remedy, found.line)
    if found.is_disturbed:
        return warning(f"disturbed signal: {found.text}", _CHECK_QUALITY, found.line)
    return ok(found.text, found.line)


def _antenna_or_network(facts: Facts) -> str:
    """Return the remedy for no signal; the older networks may have been switched off."""
    return f"{OLDER_ONLY} {_CHECK_ANTENNA}" if is_without_lte(facts) else _CHECK_ANTENNA


def _jamming(facts: Facts) -> str:
    """Return the line that reports jamming, or ""."""
    return next(
        (
            line
            for response in facts.responses.values()
            for line in (*response.lines, *response.foreign)
            if _JAMMED.search(line)
        ),
        "",
    )
