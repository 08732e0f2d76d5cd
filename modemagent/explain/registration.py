"""Explanations of registration reports and of the signalling connection to the network."""

from __future__ import annotations

from collections.abc import Mapping

from modemagent.at.fields import InformationLine, parse_integer
from modemagent.at.registration import Registration, parse_registration
from modemagent.at.urcs import response_prefixes
from modemagent.explain.explanation import TS_27007, Decoder, Explanation
from modemagent.explain.meanings import meaning, remedy

# subject, clause, and the family of causes in a report with cause type 0
SUBJECTS: dict[str, tuple[str, str, str]] = {
    "+CREG": ("registration (circuit switched)", "clause 7.2", "MM"),
    "+CGREG": ("registration (GPRS)", "clause 10.1.20", "GMM"),
    "+CEREG": ("registration (LTE)", "clause 10.1.22", "EMM"),
    "+C5GREG": ("registration (5G)", "clause 10.1.47", "5GMM"),
}

# A module that uses LTE or 5G alone is "not registered", even "denied", in the older domains.
_OLDER = frozenset(("+CREG", "+CGREG"))
_CHECK_NEWER = "On LTE and 5G check AT+CEREG? and AT+C5GREG?, which are decisive."


def decode(line: InformationLine) -> Explanation | None:
    """Explain a registration report, None if it has no status."""
    found = parse_registration(line)
    if found is None:
        return None
    about, clause, family = SUBJECTS[line.name]
    status = meaning("registration", found.status)
    text = status or f"status {found.status}, unknown to the standard"
    technology = meaning("technology", found.technology)
    if technology:
        text += f", {technology}"
    advice = remedy("registration", found.status)
    if line.name in _OLDER and not found.is_registered:
        advice = f"{_CHECK_NEWER} {advice}".strip()
    fields = _fields(found, technology)
    if found.reject_cause is not None:
        cause, better = _cause(family, found)
        text += f": {cause}"
        if not found.is_registered:  # otherwise an earlier attempt, perhaps in another network
            advice = better or advice
        if (name := meaning(family, found.reject_cause)) and not found.cause_type:
            fields["reject_cause_text"] = name
    if found.active_time_s is not None:
        text += f", power saving after {duration(found.active_time_s)}"
        if found.periodic_tau_s is not None:
            text += f", wakes every {duration(found.periodic_tau_s)}"
    return Explanation(about, text, f"{TS_27007} {clause}", fields, advice)


def _fields(found: Registration, technology: str | None) -> dict[str, object]:
    fields: dict[str, object] = {"status": found.status, "registered": found.is_registered}
    known: Mapping[str, object] = {
        "mode": found.mode,
        "routing_area": found.routing_area or None,
        "area": found.area,
        "cell": found.cell,
        "area_code": found.area_code,
        "cell_id": found.cell_id,
        "technology": technology,
        "nssai_length": found.nssai_length,
        "nssai": found.nssai or None,
        "cause_type": found.cause_type,
        "reject_cause": found.reject_cause,
    }
    fields |= {name: value for name, value in known.items() if value is not None}
    if found.has_timers:
        fields |= {"active_time_s": found.active_time_s, "periodic_tau_s": found.periodic_tau_s}
    return fields


def _cause(name: str, found: Registration) -> tuple[str, str]:
    """Return the text and the remedy of a reject cause."""
    number = found.reject_cause or 0
    if found.cause_type:
        return f"cause {number}, specific to the maker", ""
    text = meaning(name, number) or "unknown to the standard"
    return f"{name} cause {number}, {text}", remedy(name, number)


def duration(seconds: int) -> str:
    """Return seconds in the unit that reads best.

    >>> [duration(each) for each in (10, 360, 5400, 1116000)]
    ['10 s', '6 min', '1.5 h', '310 h']
    """
    if seconds < 120:
        return f"{seconds} s"
    return f"{seconds / 60:g} min" if seconds < 3600 else f"{seconds / 3600:.4g} h"


def connection(line: InformationLine) -> Explanation | None:
    """Explain ``+CSCON: [<n>,]<mode>[,<state>[,<access>]]`` (clause 10.1.30).

    The URC has no <n>. ``+CSCON: 1,7`` is one, as a <mode> is 0 or 1.
    """
    has_mode = line.text(1) in ("0", "1") and not (
        line.command and line.name not in response_prefixes(line.command)
    )
    state, details = line.integer(has_mode), line.fields[has_mode + 1 :]
    known = meaning(line.name, state)
    if state is None or known is None:
        return None
    fields: dict[str, object] = {"state": state, "connected": state == 1}
    parts = [known]
    for name, field in zip(("radio_state", "radio_access"), details, strict=False):
        number = parse_integer(field)
        if (text := meaning(name, number)) is not None:
            fields[name] = text
            parts.append(text)
    source = f"{TS_27007} clause 10.1.30"
    return Explanation("signalling connection", ", ".join(parts), source, fields)


DECODERS: Mapping[str, Decoder] = {**dict.fromkeys(SUBJECTS, decode), "+CSCON": connection}
