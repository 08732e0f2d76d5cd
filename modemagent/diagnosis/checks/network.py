"""Checks of the network: registration and its refusal, signal, attach, access point name."""

from __future__ import annotations

from modemagent.at.registration import DENIED
from modemagent.diagnosis.checks.responses import Decoded, all_decoded, decoded, is_answered
from modemagent.diagnosis.facts import Facts
from modemagent.diagnosis.finding import Finding, note, ok, skipped, warning, wrong
from modemagent.identity.snapshot import SimState

#: Newer systems first: a modem on LTE alone reports "not registered" for the older ones.
_REGISTRATIONS = ("AT+C5GREG?", "AT+CEREG?", "AT+CGREG?", "AT+CREG?")
_WEAK = ("weak", "unusable")
_CHECK_COVERAGE = "Check signal and antenna, and whether the SIM is activated."
_CHECK_ANTENNA = "Check the antenna, its connector and its cable, or try another location."


def registration(facts: Facts) -> Finding:
    if facts.route == "modemmanager":
        return _managed_registration(facts)
    found = [one for line in _REGISTRATIONS if (one := _last_report(facts, line)) is not None]
    if not found:
        return skipped("the modem does not report whether it is registered")
    for one in found:
        if one.fields.get("registered"):
            operator = decoded(facts, "AT+COPS?", "+COPS")
            return ok(f"{one.text}; {operator.text}" if operator else one.text, one.line)
    sim = facts.snapshot.active_sim if facts.snapshot else None
    if sim is not None and sim.state not in (SimState.READY, SimState.UNKNOWN):
        return skipped("not possible without a SIM that is ready")
    worst = min(found, key=_by_detail)
    return wrong(worst.text, worst.remedy or _CHECK_COVERAGE, worst.line)


def _last_report(facts: Facts, command: str) -> Decoded | None:
    """Return the newest report of a response: a URC may come before the response itself."""
    reports = list(all_decoded(facts, command, command.removeprefix("AT").rstrip("?")))
    return reports[-1] if reports else None


def _by_detail(found: Decoded) -> tuple[bool, bool]:
    return "reject_cause" not in found.fields, found.fields.get("status") != DENIED


def _managed_registration(facts: Facts) -> Finding:
    network = facts.snapshot.network if facts.snapshot else None
    if network is None or network.registered is None:
        return skipped("ModemManager does not report whether the modem is registered")
    if network.registered:
        return ok(" ".join(filter(None, ("registered", network.operator, network.rat))))
    return wrong("not registered", f"{_CHECK_COVERAGE} See also: mmcli -m any")


def reason(facts: Facts) -> Finding:
    """Report the modem's last failure if it is not registered."""
    if registration(facts).state != "error":
        return skipped("only relevant if registration fails")
    found = decoded(facts, "AT+CEER", "+CEER")
    if found is None:
        return skipped("the modem does not report a reason")
    return note(f"the modem reports: {found.text}", found.remedy, found.line)


def signal(facts: Facts) -> Finding:
    found = [decoded(facts, line) for line in ("AT+CESQ", "AT+CSQ")]
    for one in found:
        if one is not None and one.fields.get("level"):
            if one.fields["level"] in _WEAK or one.fields.get("quality") in _WEAK:
                return warning(one.text, _CHECK_ANTENNA, one.line)
            return ok(one.text, one.line)
    if any(found):
        return warning("no signal", _CHECK_ANTENNA)
    return skipped("the modem does not report its signal")


def attached(facts: Facts) -> Finding:
    found = decoded(facts, "AT+CGATT?", "+CGATT")
    if found is None:
        return skipped("the modem does not report whether it is attached")
    if found.fields.get("attached") in (1, "1"):
        return ok(found.text, found.line)
    if registration(facts).state != "ok":
        return skipped("not registered, so not attached")
    return warning(
        found.text, "Check the access point name, and whether the SIM has a data plan.", found.line
    )


def access_point(facts: Facts) -> Finding:
    if not is_answered(facts, "AT+CGDCONT?"):
        return skipped("the modem does not report its access point names")
    contexts = list(all_decoded(facts, "AT+CGDCONT?", "+CGDCONT"))
    if not contexts:
        return note(
            "no data connection is defined", "Set the operator's APN in the program that dials."
        )
    named = [one.text for one in contexts if one.fields.get("apn")]
    if not named:
        return note(
            "no APN is set, so the network chooses one", "Set one if the operator requires it."
        )
    return ok("; ".join(named))
