"""``+CREG``, ``+CGREG``, ``+CEREG``, ``+C5GREG``: registered where, and if not, why not.

The four share one shape, <n> only in the answer to the read command:
``[<n>,]<stat>[,<area>,<cell>,<AcT>][,<rac or NSSAI>][,<cause_type>,<reject_cause>][,<timers>]``.
Clauses of 3GPP TS 27.007: 7.2, 10.1.20, 10.1.22, 10.1.47.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from modemagent.at.fields import hex_integer, parse_integer
from modemagent.explain.decoder import TS_27007, Decoder, Line, Said
from modemagent.explain.timers import active_time, duration, periodic_update

# subject, clause, and whose causes a report carries when its cause type is 0
SUBJECTS: dict[str, tuple[str, str, str]] = {
    "+CREG": ("registration (circuit switched)", "clause 7.2", "MM"),
    "+CGREG": ("registration (GPRS)", "clause 10.1.20", "GMM"),
    "+CEREG": ("registration (LTE)", "clause 10.1.22", "EMM"),
    "+C5GREG": ("registration (5G)", "clause 10.1.47", "5GMM"),
}

STATUS: dict[int, str] = {
    0: "not registered, not searching",
    1: "registered, home network",
    2: "not registered, searching",
    3: "registration denied",
    4: "unknown, perhaps no coverage",
    5: "registered, roaming",
    6: "registered for SMS only, home network",
    7: "registered for SMS only, roaming",
    8: "emergency service only",
    9: "registered, home network, CS fallback not preferred",
    10: "registered, roaming, CS fallback not preferred",
    11: "restricted local operator service only",
    90: "not registered, the card failed (Nordic)",
}

REGISTERED = frozenset((1, 5, 6, 7, 9, 10))

TECHNOLOGY: dict[int, str] = {
    0: "GSM",
    1: "GSM Compact",
    2: "UMTS",
    3: "GSM with EGPRS",
    4: "UMTS with HSDPA",
    5: "UMTS with HSUPA",
    6: "UMTS with HSDPA and HSUPA",
    7: "LTE",
    8: "EC-GSM-IoT (LTE-M on Quectel)",
    9: "NB-IoT",
    10: "LTE with 5G core",
    11: "5G NR with 5G core",
    12: "NG-RAN",
    13: "LTE and 5G NR together",
}

REMEDIES: dict[int, str] = {
    0: "ask AT+CFUN? (1 is needed), AT+COPS? (2 is deregistered) and AT+CPIN?",
    2: "wait; if it stays, see signal, antenna, bands and whether the card is activated",
    3: "the network refused; AT+CEER may know why, and so does the modem after AT+CEREG=3, which "
    "takes a terminal program",
    4: "see antenna and coverage",
    90: "see AT+CPIN?; push the card in again",
}

# a module on LTE or 5G alone is "not registered", even "denied", in the older domains
_OLDER = frozenset(("+CREG", "+CGREG"))
_ASK_NEWER = "on LTE and 5G ask AT+CEREG? and AT+C5GREG?, they decide"

_HIGHEST_MODE = 5


def decode(line: Line) -> Said | None:
    """Decode a registration answer or URC; None when it holds no status."""
    at = 1 if _is_answer(line) else 0
    status = line.number(at)
    if status is None or status < 0:
        return None
    about, clause, name = SUBJECTS[line.prefix]
    text = STATUS.get(status, f"status {status}, unknown to the standard")
    found: dict[str, object] = {"status": status, "registered": status in REGISTERED}
    if at:
        found["mode"] = line.number(0)
    tail, technology = _place(line, at, found)
    if technology:
        text += f", {technology}"
    if line.prefix == "+C5GREG":
        tail = _slices(tail, found)
    elif line.prefix == "+CGREG" and tail and len(tail[0]) != 1:
        tail = _routing_area(tail, found)
    remedy = REMEDIES.get(status, "")
    if line.prefix in _OLDER and status not in REGISTERED:
        remedy = f"{_ASK_NEWER}; {remedy}" if remedy else _ASK_NEWER
    why, better = _cause(name, tail, found)
    text += why
    text += _power_saving(tail[2:], found)
    return Said(about, text, f"{TS_27007} {clause}", found, better or remedy)


def _is_answer(line: Line) -> bool:
    """Tell ``<n>,<stat>`` from ``<stat>,<area>``: an area is quoted, or longer than a status.

    Modules answer in the URC's form too, so what was asked decides nothing.
    """
    mode, second = line.number(0), line.text(1)
    if mode is None or mode > _HIGHEST_MODE or not second.isdecimal():
        return False
    if line.rest.partition(",")[2].lstrip().startswith('"'):
        return False
    if len(line.fields) == 3 and second.strip("0") == "" and len(second) > 1:
        return False  # an area of zeros: 0,00,0
    # Iridium pads <stat> to three digits; areas have four
    return len(second) <= 2 or (len(second) == 3 and second.startswith("00"))


def _place(line: Line, at: int, found: dict[str, object]) -> tuple[list[str], str]:
    """Read area, cell and technology into ``found``; return what stands behind, the technology."""
    fields = [field.strip() for field in line.fields[at + 1 :]]
    if len(fields) < 2:
        return [], ""
    # Novatel, and TS 27.007 before release 11: a routing area code between area and cell
    if line.prefix == "+CEREG" and len(fields) > 2 and len(fields[1]) in (1, 2) and fields[2]:
        found["routing_area"] = fields.pop(1)
    area, cell = fields[0], fields[1]
    found["area"], found["cell"] = area, cell
    for name, digits in (("area_code", area), ("cell_id", cell)):
        value = hex_integer(digits) if 0 < len(digits) <= 16 else None
        if value is not None:
            found[name] = value
    number = parse_integer(fields[2]) if len(fields) > 2 else None
    technology = TECHNOLOGY.get(number, "") if number is not None else ""
    if technology:
        found["technology"] = technology
    return fields[3:], technology


def _slices(tail: list[str], found: dict[str, object]) -> list[str]:
    """Read the allowed NSSAI: its length in octets, then the slices in hexadecimal."""
    if tail and (length := parse_integer(tail[0])) is not None:
        found["nssai_length"] = length
    if len(tail) > 1 and tail[1]:
        found["nssai"] = tail[1]
    return tail[2:]


def _routing_area(tail: list[str], found: dict[str, object]) -> list[str]:
    if tail[0]:
        found["routing_area"] = tail[0]
    return tail[1:]


def _cause(name: str, tail: list[str], found: dict[str, object]) -> tuple[str, str]:
    """Read cause type and reject cause; return words for the text, and a remedy."""
    if len(tail) < 2:
        return "", ""
    kind, cause = parse_integer(tail[0]), parse_integer(tail[1])
    if kind is None or not cause:
        return "", ""
    found["cause_type"], found["reject_cause"] = kind, cause
    if kind != 0:
        return f": cause {cause}, the maker's own", ""
    from modemagent.explain.reject_causes import FAMILIES

    family = FAMILIES[name]
    words = family.names.get(cause)
    if words is None:
        return f": {name} cause {cause}, unknown to the standard", ""
    found["reject_cause_text"] = words
    return f": {name} cause {cause}, {words}", family.remedies.get(cause, "")


def _power_saving(timers: list[str], found: dict[str, object]) -> str:
    if not any(timers[:2]):
        return ""
    active = active_time(timers[0])
    periodic = periodic_update(timers[1]) if len(timers) > 1 else None
    found["active_time_s"], found["periodic_tau_s"] = active, periodic
    if active is None:
        return ""
    text = f", power saving after {duration(active)}"
    return text if periodic is None else f"{text}, wakes every {duration(periodic)}"


DECODERS: Mapping[str, Decoder] = MappingProxyType(dict.fromkeys(SUBJECTS, decode))
