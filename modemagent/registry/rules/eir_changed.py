"""An outside EIR that answers otherwise about a modem than before, or that lists it."""

from __future__ import annotations

from collections.abc import Iterator

from modemagent.registry.rules.inputs import ReportMoment, RuleFinding

_LISTED = {"BLACKLISTED": "error", "GREYLISTED": "warning"}


def eir_changed(status: str, previous: str | None, first: ReportMoment) -> Iterator[RuleFinding]:
    """Yield ``eir.changed`` while an EIR lists a modem, or does not know it any longer.

    :param previous: status before the present one; None: there was none
    :param first: first report of the modem
    """
    severity = _LISTED.get(status)
    if severity is None and status == "UNKNOWN" and previous == "WHITELISTED":
        severity = "warning"
    if severity is not None:
        yield RuleFinding("eir.changed", first, "eir", severity=severity)
