"""Explanations of data connections: contexts, addresses, and why the last attempt failed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

from modemagent.at.fields import InformationLine, parse_integer
from modemagent.explain.explanation import QUECTEL, SIMCOM, TS_27007, Decoder, Explanation
from modemagent.explain.meanings import FAMILIES, MEANINGS, meaning, remedy, texts_of


def context_state(line: InformationLine) -> Explanation | None:
    """Explain ``+CGACT: <cid>,<state>``."""
    cid, state = line.integer(0), line.integer(1)
    if cid is None or state not in (0, 1):
        return None
    text = f"data connection {cid} is {'active' if state else 'not active'}"
    found: dict[str, object] = {"cid": cid, "active": state == 1}
    return Explanation("data connection", text, f"{TS_27007} clause 10.1.10", found)


def context_address(line: InformationLine) -> Explanation | None:
    """Explain ``+CGPADDR: <cid>[,<address>[,<address>]]``."""
    cid = line.integer(0)
    if cid is None:
        return None
    addresses = [field.strip() for field in line.fields[1:] if field.strip()]
    # Quectel and others send 0.0.0.0 for a missing address.
    real = [address for address in addresses if address.strip("0.:")]
    found: dict[str, object] = {"cid": cid, "addresses": real}
    text = f"data connection {cid} has {' and '.join(real) or 'no address'}"
    return Explanation("data connection", text, f"{TS_27007} clause 10.1.14", found)


def context(line: InformationLine) -> Explanation | None:
    """Explain ``+CGDCONT: <cid>,<type>,<APN>,<address>,...``."""
    cid, kind = line.integer(0), line.text(1)
    if cid is None or not kind:
        return None
    apn = line.text(2)
    found: dict[str, object] = {"cid": cid, "type": kind, "apn": apn}
    access = f"APN {apn}" if apn else "no APN: the network selects one"
    text = f"data connection {cid}: {meaning('type', kind.upper()) or kind}, {access}"
    return Explanation("data connection", text, f"{TS_27007} clause 10.1.1", found)


def context_parameters(line: InformationLine) -> Explanation | None:
    """Explain ``+CGCONTRDP: <cid>,<bearer>,<APN>[,<address>[,<gateway>[,<DNS>,<DNS>]]]``."""
    cid = line.integer(0)
    if cid is None:
        return None
    apn = line.text(2)
    address, gateway, *servers = [line.text(at) for at in range(3, 7)]
    found: dict[str, object] = {"cid": cid, "apn": apn, "address": _host(address)}
    found["dns"] = [server for server in servers if server]
    parts = [f"data connection {cid}: {f'APN {apn}' if apn else 'no APN'}"]
    parts.append(f"address {_host(address)}" if address else "no address")
    if gateway.strip("0."):
        parts.append(f"gateway {gateway}")
    if found["dns"]:
        parts.append(f"DNS {' and '.join(filter(None, servers))}")
    return Explanation("data connection", ", ".join(parts), f"{TS_27007} clause 10.1.23", found)


def _host(address: str) -> str:
    """Return an IPv4 address without the netmask that the standard puts after it."""
    numbers = address.split(".")
    return ".".join(numbers[:4]) if len(numbers) == 8 else address


#: Prefix to the fields of context, state and address, and the source; None for no such field.
_ACTIVE: Mapping[str, tuple[int | None, int, int, str]] = {
    "+QIACT": (0, 1, 3, f"{QUECTEL}, +QIACT"),
    "+CNACT": (0, 1, 2, "SIMCom SIM7070/SIM7080 AT command manual, +CNACT"),
    "+NETOPEN": (None, 0, 1, f"{SIMCOM}, +NETOPEN"),
    "+GTRNDIS": (1, 0, 2, "Fibocom FM350 and L610 AT commands manuals, +GTRNDIS"),
}


def active(line: InformationLine) -> Explanation | None:
    """Explain the makers' own lines with the state and the address of a data connection."""
    cid_at, state_at, address_at, source = _ACTIVE[line.name]
    if line.name == "+CNACT" and "." in line.text(1):
        # SIM7000 has one data connection, without a number.
        cid_at, state_at, address_at = None, 0, 1
    state = line.integer(state_at)
    cid = None if cid_at is None else line.integer(cid_at)
    if state is None:
        return None
    addresses = [text for text in (line.text(address_at),) if text.strip("0.:")]
    found: dict[str, object] = {"cid": cid, "active": state == 1, "addresses": addresses}
    name = "data connection" if cid is None else f"data connection {cid}"
    text = f"{name} is {meaning('active', state) or f'in state {state}'}"
    if addresses:
        text += f", address {addresses[0]}"
    return Explanation("data connection", text, source, found)


#: Families of causes: the longer names first for the pattern, those of LTE for a name.
_FAMILY = "|".join(sorted(FAMILIES, key=len, reverse=True))
_CAUSE = rf"(?<![A-Z0-9])({_FAMILY})(?![A-Z0-9])[^0-9]{{0,60}}([0-9]{{1,3}})(?![0-9])"
_ORDER = ("EMM", "ESM", "5GMM", "5GSM", "GMM", "SM", "MM")


def _words(text: str) -> str:
    """Return the words of a text in lower case, with a space around each.

    >>> _words("PLMN not allowed")
    ' plmn not allowed '
    """
    return f" {' '.join(re.findall('[a-z0-9]+', text.lower()))} "


@cache
def _names() -> list[tuple[str, str, int]]:
    """Return the words of every cause, its family and its number."""
    return [
        (_words(name), family, int(number))
        for family in _ORDER
        for number, name in texts_of(MEANINGS, family).items()
    ]


def failure_report(line: InformationLine) -> Explanation | None:
    """Explain ``+CEER``: why the last call, registration or data connection failed.

    The standard leaves the form to the maker: a text, a family of causes with a number, or
    numbers only.
    """
    text = ", ".join(filter(None, (field.strip() for field in line.fields)))
    source = f"{TS_27007} clause 6.10"
    if not text:
        return None
    found: dict[str, object] = {"report": text}
    numbers = [parse_integer(field) for field in line.fields]
    if None not in numbers:
        return _numbers([number or 0 for number in numbers], text, source)
    cause = _cause_of(text)
    if cause is None:
        return Explanation("last failure", text, source, found)
    family, number = cause
    name = meaning(family, number)
    found |= {"family": family, "cause": number}
    spoken = f"{family} cause {number}"
    if _words(text) == _words(spoken):
        shown = f"{spoken}, {name}"
    elif name and _words(name) in _words(text):
        shown = f"{text} ({spoken})"
    else:
        shown = f"{text} ({spoken}, {name})"
    return Explanation("last failure", shown, source, found, remedy(family, number))


def _cause_of(text: str) -> tuple[str, int] | None:
    """Return the cause that a report names by number or by name, the longest name first."""
    upper = text.upper().replace("_", " ").replace("-", " ")
    for family, digits in re.findall(_CAUSE, upper):
        # u-blox calls the causes of GPRS mobility management SM attach and detach.
        actual = "GMM" if family == "SM" and "TACH" in upper else family
        if meaning(actual, int(digits)):
            return actual, int(digits)
    words = _words(text)
    names = [each for each in _names() if each[0] in words]
    if not names:
        return None
    _, family, number = max(names, key=lambda each: len(each[0]))
    return family, number


def _numbers(numbers: list[int], text: str, source: str) -> Explanation:
    """Explain a report that consists of numbers: the last one is a cause of some family."""
    cause = numbers[-1]
    readings = [(family, meaning(family, cause)) for family in ("EMM", "ESM")]
    known = [f"{name} if it is an {family} cause" for family, name in readings if name]
    if not cause:
        shown = "no cause"
    elif known:
        shown = f"cause {cause}: {'; '.join(known)}"
    else:
        shown = f"cause {cause}, specific to the maker"
    return Explanation("last failure", shown, source, {"report": text, "cause": cause})


DECODERS: Mapping[str, Decoder] = {
    "+CGACT": context_state,
    "+CGPADDR": context_address,
    "+CGDCONT": context,
    "+CGCONTRDP": context_parameters,
    **dict.fromkeys(_ACTIVE, active),
    "+CEER": failure_report,
}
