"""Explanations of ``+COPS``: the network in use and the networks in range."""

from __future__ import annotations

from collections.abc import Mapping

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
    if found.name is None:
        remedy = "AT+COPS=0 lets the modem select a network again." if found.mode == 2 else ""
        return Explanation("operator", f"no operator, {mode}", _SOURCE, fields, remedy)
    fields |= {"operator": found.name, **plmn(found.name)}
    shown = f"network {found.mcc} {found.mnc}" if found.mcc else found.name or "unnamed operator"
    if technology := meaning("technology", found.technology):
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


DECODERS: Mapping[str, Decoder] = {PREFIX: decode}
