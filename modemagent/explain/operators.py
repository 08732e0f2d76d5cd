"""Explanations of names: of the network in use, networks in range, the provider of the SIM."""

from __future__ import annotations

from collections.abc import Mapping

from modemagent.at.alphabets import plain_name
from modemagent.at.fields import InformationLine
from modemagent.at.operator import (
    PREFIX,
    AvailableNetwork,
    parse_networks,
    parse_operator,
    split_plmn,
)
from modemagent.explain.explanation import TS_27007, Decoder, Explanation
from modemagent.explain.meanings import meaning

_SOURCE = f"{TS_27007} clause 7.3"
_SPN = "SIMCom, Cinterion manuals, +CSPN; 3GPP TS 31.102 clause 4.2.12"


def decode(line: InformationLine) -> Explanation | None:
    """Explain the response to ``AT+COPS?`` or ``AT+COPS=?``."""
    if line.text(0).startswith("("):
        return _available(parse_networks(line))
    found = parse_operator(line)
    if found is None:
        return None
    known = meaning(PREFIX, found.mode)
    mode = known or f"mode {found.mode}"
    fields: dict[str, object] = {"mode": known or str(found.mode)}
    technology = meaning("technology", found.technology)
    if found.name is None and technology is None:
        remedy = "AT+COPS=0 lets the modem select a network again." if found.mode == 2 else ""
        return Explanation("operator", f"no operator, {mode}", _SOURCE, fields, remedy)
    name = found.name or ""
    fields |= {"operator": name, **plmn(name)}
    shown = f"network {found.mcc} {found.mnc}" if found.mcc else name or "unnamed operator"
    if technology:
        fields["technology"] = technology
        shown += f", {technology}"
    return Explanation("operator", f"{shown} ({mode})", _SOURCE, fields)


def plmn(digits: str) -> dict[str, object]:
    """Return the fields of a PLMN number, empty for any other text.

    >>> plmn("26201"), plmn("Vodafone")
    ({'mcc': '262', 'mnc': '01'}, {})
    """
    return dict(zip(("mcc", "mnc"), split_plmn(digits) or (), strict=False))


def _available(networks: list[AvailableNetwork]) -> Explanation | None:
    if not networks:
        return None
    noun = "network" if len(networks) == 1 else "networks"
    text = f"{len(networks)} {noun} in range: {'; '.join(map(_shown, networks))}"
    return Explanation("operators", text, _SOURCE, {"networks": list(map(_fields, networks))})


def _fields(network: AvailableNetwork) -> dict[str, object]:
    fields: dict[str, object] = {
        "status": meaning("availability", network.status),
        "operator": network.name,
        "plmn": network.plmn,
    }
    technology = meaning("technology", network.technology)
    return {**fields, "technology": technology} if technology else fields


def _shown(network: AvailableNetwork) -> str:
    has_name = network.name not in ("", network.plmn)
    shown = f"{network.name} ({network.plmn})" if has_name else network.plmn
    technology = meaning("technology", network.technology)
    return " ".join(filter(None, (shown, technology, meaning("availability", network.status))))


def listed_name(line: InformationLine) -> Explanation | None:
    """Explain ``+COPN: <number>,<name>`` (clause 7.21): one of the names in the modem."""
    number, name = plain_name(line.text(0)), plain_name(line.text(1))
    found = plmn(number)
    if not found or not name:
        return None
    text = f"network {found['mcc']} {found['mnc']} is {name}"
    return Explanation("operator name", text, f"{TS_27007} clause 7.21", {**found, "name": name})


def provider_name(line: InformationLine) -> Explanation | None:
    """Explain ``+CSPN: <name>,<display condition>``: the provider of the SIM (EF_SPN)."""
    name = plain_name(line.text(0))
    if not name:
        return None
    return Explanation("provider", f"service provider {name}", _SPN, {"provider": name})


DECODERS: Mapping[str, Decoder] = {
    PREFIX: decode,
    "+COPN": listed_name,
    "+CSPN": provider_name,
}
