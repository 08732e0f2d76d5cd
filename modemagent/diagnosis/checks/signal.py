"""Check of the signal: strong and clean enough for data, and never "none" if it is unknown."""

from __future__ import annotations

from modemagent.diagnosis.checks.measurement import measure
from modemagent.diagnosis.checks.registration import (
    is_registered,
    is_searching,
    is_without_network,
)
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


def signal(facts: Facts) -> Finding:
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
            return wrong("no signal", _CHECK_ANTENNA)
        return note("unknown: the modem reports no strength while it does not search")
    if found.is_weak:
        finding = wrong if is_without_network(facts) else warning
        return finding(f"weak signal: {found.text}", _CHECK_ANTENNA, found.line)
    if found.is_disturbed:
        return warning(f"disturbed signal: {found.text}", _CHECK_QUALITY, found.line)
    return ok(found.text, found.line)
