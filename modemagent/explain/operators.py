"""``+COPS``: the network in use, and the list of networks in reach."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from modemagent.at.fields import parse_integer, split_fields
from modemagent.explain.decoder import TS_27007, Decoder, Line, Said
from modemagent.explain.registration import TECHNOLOGY

MODE: dict[int, str] = {
    0: "automatic choice",
    1: "manual choice",
    2: "deregistered",
    3: "format set only",
    4: "manual choice, else automatic",
}

AVAILABILITY: dict[int, str] = {0: "unknown", 1: "available", 2: "in use", 3: "forbidden"}

_SOURCE = f"{TS_27007} clause 7.3"
_SHORTEST_HEX_NAME = 8


def decode(line: Line) -> Said | None:
    """Decode the answer to ``AT+COPS?`` or ``AT+COPS=?``."""
    if line.text(0).startswith("("):
        return _networks(line)
    mode = line.number(0)
    if mode is None:
        return None
    words = MODE.get(mode, f"mode {mode}")
    found: dict[str, object] = {"mode": MODE.get(mode, str(mode))}
    if len(line.fields) < 3:
        remedy = "AT+COPS=0 lets the modem choose a network again" if mode == 2 else ""
        return Said("operator", f"no operator, {words}", _SOURCE, found, remedy)
    name = line.text(2)
    found["operator"] = name
    shown = name or "an operator without name"
    if line.number(1) == 2 or (len(name) in (5, 6) and name.isdecimal()):
        parts = plmn(name)
        found.update(parts)
        if parts:
            shown = f"network {parts['mcc']} {parts['mnc']}"
    elif (readable := _from_ucs2(name)) is not None:
        found["operator"] = shown = readable
    technology = line.number(3)
    if technology is not None and technology in TECHNOLOGY:
        found["technology"] = TECHNOLOGY[technology]
        shown += f", {TECHNOLOGY[technology]}"
    return Said("operator", f"{shown} ({words})", _SOURCE, found)


def plmn(digits: str) -> dict[str, object]:
    """Return country and network code of a PLMN number; empty when it is none.

    >>> plmn("26201"), plmn("310410"), plmn("Vodafone")
    ({'mcc': '262', 'mnc': '01'}, {'mcc': '310', 'mnc': '410'}, {})
    """
    if len(digits) not in (5, 6) or not (digits.isascii() and digits.isdecimal()):
        return {}
    return {"mcc": digits[:3], "mnc": digits[3:]}


def _networks(line: Line) -> Said | None:
    """Read ``(status,long,short,numeric[,AcT]),...``; the ranges at the end are left out.

    Some firmware closes a bracket too early: ``(2,"T - Mobile","T - Mobile","310260"),2)``.
    """
    networks: list[dict[str, object]] = []
    for field in line.fields:
        if not field.startswith("("):
            number = parse_integer(field.rstrip(")"))
            if number in TECHNOLOGY and networks and "technology" not in networks[-1]:
                networks[-1]["technology"] = TECHNOLOGY[number]
            continue
        parts = split_fields("N: " + field.strip("()"))
        status = parse_integer(parts[0]) if parts else None
        if status not in AVAILABILITY or len(parts) < 4 or not _is_network(parts[3]):
            continue
        network: dict[str, object] = {
            "status": AVAILABILITY[status],
            "operator": parts[1] or parts[2],
            "plmn": parts[3],
        }
        technology = parse_integer(parts[4]) if len(parts) > 4 else None
        if technology in TECHNOLOGY:
            network["technology"] = TECHNOLOGY[technology]
        networks.append(network)
    if not networks:
        return None
    words = "; ".join(_network_words(network) for network in networks)
    noun = "network" if len(networks) == 1 else "networks"
    text = f"{len(networks)} {noun} in reach: {words}"
    return Said("operators", text, _SOURCE, {"networks": networks})


def _is_network(digits: str) -> bool:
    # seven digits: 3104100 from an Option Quicksilver
    return digits.isascii() and digits.isdecimal() and 5 <= len(digits) <= 7


def _network_words(network: Mapping[str, object]) -> str:
    number = str(network["plmn"])
    name = str(network["operator"])
    shown = f"{name} ({number})" if name and name != number else number
    if "technology" in network:
        shown += f" {network['technology']}"
    return f"{shown} {network['status']}"


def _from_ucs2(text: str) -> str | None:
    """Return a name that came as UCS2 in hexadecimal (``AT+CSCS="UCS2"``), else None."""
    if len(text) < _SHORTEST_HEX_NAME or len(text) % 4 or text.strip("0123456789ABCDEFabcdef"):
        return None
    letters = [chr(int(text[at : at + 4], 16)) for at in range(0, len(text), 4)]
    name = "".join(letters)
    return name if name.isprintable() and all(ord(letter) < 0x2000 for letter in letters) else None


DECODERS: Mapping[str, Decoder] = MappingProxyType({"+COPS": decode})
