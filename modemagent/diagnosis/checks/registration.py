"""Checks of the registration: whether the modem is registered, and why it is not."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from modemagent.at.fields import parse_information
from modemagent.at.operator import Operator, parse_operator
from modemagent.at.registration import DENIED
from modemagent.diagnosis.checks.failure_report import (
    DATA,
    REGISTRATION,
    Cause,
    cause_of,
    failure_report,
    reported_cause,
)
from modemagent.diagnosis.checks.responses import all_decoded, decoded, is_answered
from modemagent.diagnosis.checks.serving_cell import measure
from modemagent.diagnosis.facts import Decoded, Facts
from modemagent.diagnosis.finding import Finding, note, ok, skipped, warning, wrong
from modemagent.dialects.diagnostic_reads import SIGNAL

#: Newer systems first, as a modem on LTE alone reports "not registered" for the older ones; and
#: the family of the causes in the report.
_COMMANDS: Final[Mapping[str, str]] = {
    "AT+C5GREG?": "5GMM",
    "AT+CEREG?": "EMM",
    "AT+CGREG?": "GMM",
    "AT+CREG?": "MM",
}
_CALLS = "AT+CREG?"
#: <stat> "registered for SMS only" (TS 27.007 clause 7.2).
_SMS_ONLY: Final = (6, 7)
#: <stat> of a modem that finds no network to register with.
_SEARCHING: Final = (2, 4)
_NO_COVERAGE = 4
_EMERGENCY, _RESTRICTED, _IDLE = 8, 11, 0
#: Words of the makers for a cell that serves emergency calls only: +QENG, !GSTATUS, ^SMONI, ^HCSQ.
_LIMITED = re.compile(r"\bLIMSRV\b|\blimited service\b", re.IGNORECASE)
#: <stat> of a modem that is not registered, the most specific one first.
_ORDER: Final = (_EMERGENCY, _RESTRICTED, *_SEARCHING, _IDLE)
#: <mode> of +COPS (clause 7.3).
_MANUAL, _DEREGISTERED = 1, 2
_ESM_FAILURE: Final = 19

_SELECT_AUTOMATICALLY = (
    "Let the modem select a network: AT+COPS=0 in a terminal program; modemagent never sends it."
)
_ASK_OPERATOR = (
    "Ask the operator whether the SIM card is activated, and whether it may use this network "
    "(roaming) and this technology."
)
_NOT_REGISTERED: Final[Mapping[int, str]] = {
    _IDLE: "Restart the modem, which makes it search again. If nothing changes, check the antenna, "
    "and ask the operator whether the SIM card is activated.",
    _EMERGENCY: f"The network allows only emergency calls. {_ASK_OPERATOR}",
    _RESTRICTED: f"The network allows only local services. {_ASK_OPERATOR}",
}
_SEARCH_REMEDY = (
    "Wait two minutes if the modem has just started. Otherwise ask the operator whether the SIM "
    "card is activated, and which bands and technologies the modem must support."
)
OLDER_ONLY = (
    "This modem reports no registration for LTE and 5G. If it has 2G and 3G only, ask the operator "
    "whether they are still in operation here."
)


def registration(facts: Facts) -> Finding:
    if facts.route == "modemmanager" and facts.managed is None:
        return _managed(facts)
    found = _reports(facts)
    if not found:
        return skipped("the modem does not report whether it is registered")
    if is_registered(facts):
        return _registered(facts, found)
    if cause := _denial_cause(facts):
        return _denied(facts, cause)
    operator = _operator(facts)
    if operator is not None and operator.mode == _DEREGISTERED:
        return wrong(
            "not registered: the modem was deregistered manually (AT+COPS=2)",
            _SELECT_AUTOMATICALLY,
            _operator_line(facts),
        )
    one = min(found.values(), key=lambda each: each.fields.get("status") != DENIED)
    if one.fields.get("status") == DENIED:
        report = failure_report(facts)
        reason = f": {report.text}" if report else ""
        by_hand, remedy = _by_hand(operator)
        return wrong(f"{one.text}{by_hand}{reason}", f"{_ASK_OPERATOR}{remedy}", one.line)
    if operator is not None and operator.mode == _MANUAL:
        network = f"network {operator.name}" if operator.name else "one network"
        return wrong(
            f"not registered: the modem was set manually to {network}, which was not found",
            _SELECT_AUTOMATICALLY,
            _operator_line(facts),
        )
    return _unregistered(facts, found)


def _registered(facts: Facts, found: Mapping[str, Decoded]) -> Finding:
    registered = [each for each in found.values() if each.fields.get("registered")]
    for_data = [each for command, each in found.items() if command != _CALLS]
    denied = [each for each in for_data if each.fields.get("status") == DENIED]
    if denied and not any(each in for_data for each in registered):
        cause = _denial_cause(facts)
        reason = f": {cause.text}" if cause else ""
        return wrong(
            f"registered for calls, but denied for data{reason}",
            (cause and cause.remedy) or _ASK_OPERATOR,
            denied[0].line,
        )
    one = min(registered, key=lambda each: each.fields.get("status") in _SMS_ONLY)
    if _is_sms_only(facts, found):
        return warning(
            f"{one.text}: data is not possible",
            "Ask the operator to enable data for this SIM card, and ask whether it may use data in "
            "this network.",
            one.line,
        )
    operator = decoded(facts, "AT+COPS?", "+COPS")
    return ok(f"{one.text}; {operator.text}" if operator else one.text, one.line)


def _unregistered(facts: Facts, found: Mapping[str, Decoded]) -> Finding:
    if line := _limited_service(facts):
        return wrong(
            "not registered: the cell that was found allows only emergency calls",
            _ASK_OPERATOR,
            line,
        )
    signal = measure(facts)
    known = {each.fields.get("status"): each for each in reversed(list(found.values()))}
    status = next((each for each in _ORDER if each in known), None)
    one = next(iter(found.values())) if status is None else known[status]
    if status is not None and status in _NOT_REGISTERED:
        return wrong(one.text, _NOT_REGISTERED[status], one.line)
    text = one.text
    if signal.strength and not signal.is_weak:
        if status == _NO_COVERAGE:
            text = "not registered, and no network is found that the modem may use"
        text = f"{text}; the signal is present ({signal.text})"
    remedy = f"{_SEARCH_REMEDY} {OLDER_ONLY}" if is_without_lte(facts) else _SEARCH_REMEDY
    return wrong(text, remedy, one.line)


def _limited_service(facts: Facts) -> str:
    """Return the line of the maker's command that reports limited service, or ""."""
    dialect = facts.snapshot.dialect if facts.snapshot else ""
    for command in SIGNAL.get(dialect, ()):
        lines = facts.responses[command].lines if is_answered(facts, command) else ()
        for line in lines:
            if _LIMITED.search(line):
                return line
    return ""


def is_without_lte(facts: Facts) -> bool:
    """Return True if the modem reports its registration for GSM and UMTS only."""
    commands = {command.removesuffix("?") for command in _reports(facts)}
    is_reported = bool(commands) and facts.managed is None  # ModemManager names no system
    return is_reported and commands.isdisjoint(("AT+CEREG", "AT+C5GREG"))


def _denied(facts: Facts, cause: Cause) -> Finding:
    text, remedy = f"registration denied: {cause.text}", cause.remedy
    if cause.number == _ESM_FAILURE and (data := reported_cause(facts, DATA)):
        text, remedy = f"{text}: {data.text}", data.remedy
    by_hand, automatic = _by_hand(_operator(facts))
    return wrong(f"{text}{by_hand}", f"{remedy or _ASK_OPERATOR}{automatic}", cause.line)


def _by_hand(operator: Operator | None) -> tuple[str, str]:
    if operator is None or operator.mode != _MANUAL:
        return "", ""
    return " (the network was selected manually)", f" {_SELECT_AUTOMATICALLY}"


def _denial_cause(facts: Facts) -> Cause | None:
    """Return why the network refused, by the registration reports, else by the failure report."""
    found = _reports(facts)
    for command, one in found.items():
        number = one.fields.get("reject_cause")
        if isinstance(number, int) and not one.fields.get("cause_type"):
            family = _COMMANDS[command]
            unknown = Cause(family, number, f"{family} cause {number}", "", one.line)
            return cause_of(family, number, one.line) or unknown
    if any(one.fields.get("status") == DENIED for one in found.values()):
        return reported_cause(facts, REGISTRATION)
    return None


def _reports(facts: Facts) -> dict[str, Decoded]:
    """Return the last report in the response to each command: a URC may precede it."""
    found = {
        command: list(all_decoded(facts, command, command.removeprefix("AT").rstrip("?")))
        for command in _COMMANDS
    }
    return {command: reports[-1] for command, reports in found.items() if reports}


def is_registered(facts: Facts) -> bool:
    """Return True if the modem is registered, also if for SMS only."""
    return any(each.fields.get("registered") for each in _reports(facts).values())


def is_registration_reported(facts: Facts) -> bool:
    return bool(_reports(facts))


def is_without_network(facts: Facts) -> bool:
    """Return True if the modem may use any network, none refused it, and none is found."""
    operator = _operator(facts)
    is_automatic = operator is None or operator.mode not in (_MANUAL, _DEREGISTERED)
    status = _statuses(facts)
    return bool(status) and is_automatic and not is_registered(facts) and DENIED not in status


def is_searching(facts: Facts) -> bool:
    """Return True if the modem looks for any network."""
    return is_without_network(facts) and bool(_statuses(facts).intersection(_SEARCHING))


def _statuses(facts: Facts) -> set[object]:
    return {each.fields.get("status") for each in _reports(facts).values()}


def _is_sms_only(facts: Facts, found: Mapping[str, Decoded]) -> bool:
    """Return True if no report is for data.

    On LTE, "SMS only" in +CREG means that calls are not possible; data is.
    """
    for_data = [each for command, each in found.items() if command != _CALLS]
    if _has_data(found.values()) or not _statuses(facts).intersection(_SMS_ONLY):
        return False
    if any(each.fields.get("status") in _SMS_ONLY for each in for_data):
        return True
    attached = decoded(facts, "AT+CGATT?", "+CGATT")
    if attached is None:
        return bool(for_data)
    return attached.fields.get("attached") in (0, "0")


def _has_data(for_data: Iterable[Decoded]) -> bool:
    return any(
        each.fields.get("registered") and each.fields.get("status") not in _SMS_ONLY
        for each in for_data
    )


def _operator(facts: Facts) -> Operator | None:
    line = _operator_line(facts)
    return parse_operator(parse_information(line)) if line else None


def _operator_line(facts: Facts) -> str:
    found = decoded(facts, "AT+COPS?", "+COPS")
    return found.line if found else ""


def _managed(facts: Facts) -> Finding:
    network = facts.snapshot.network if facts.snapshot else None
    if network is None or network.registered is None:
        return skipped("ModemManager does not report whether the modem is registered")
    if network.registered:
        return ok(" ".join(filter(None, ("registered", network.operator, network.rat))))
    return wrong("not registered", f"{_SEARCH_REMEDY} See also: mmcli -m any")


def reason(facts: Facts) -> Finding:
    """Report the modem's last failure if it is not registered, once."""
    finding = registration(facts)
    if finding.state != "error":
        return skipped("only relevant if registration fails")
    found = failure_report(facts)
    if found is None:
        return skipped("the modem does not report a reason")
    if found.line == finding.evidence or found.text in finding.message:
        return skipped("named by the check of the registration")
    return note(f"the modem reports: {found.text}", found.remedy, found.line)
