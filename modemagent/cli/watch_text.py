"""Events of ``watch`` as text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modemagent.explain import explain

#: Events as text; any other event is printed with its data.
_TEXTS = {
    "modem.first_seen": "modem found: IMEI {after}",
    "modem.swapped": "modem replaced: IMEI {before} -> {after}",
    "modem.removed": "modem removed: IMEI {before}",
    "sim.first_seen": "SIM found: {field} {after}",
    "sim.swapped": "SIM replaced: {field} {before} -> {after}",
    "sim.profile_switched": "profile of the SIM switched: {field} {before} -> {after}",
    "sim.imsi_switched": "IMSI of the SIM switched: {before} -> {after}",
    "sim.removed": "SIM removed: {field} {before}",
    "sim.inserted": "SIM inserted again: {field} {after}",
    "port.read": "read in {elapsed_s} s",
    "report.stored": "report {sequence} stored: {reason}",
    "report.delivered": "{count} reports delivered to the registry",
    "watch.missed": "{count} events lost: this reader is too slow",
}


def urc_meaning(event: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the explanation of an unsolicited line, None for any other event."""
    return explain("", str(event["data"]["line"])) if event["event"] == "port.urc" else None


def event_text(event: Mapping[str, Any], meaning: Mapping[str, Any] | None) -> str:
    """Return an event as one line of text, which may hold control characters of a modem."""
    name, data = event["event"], event["data"]
    if name == "port.urc":
        return f"{data['line']}    ({meaning['text']})" if meaning else str(data["line"])
    if name == "port.state":
        error = f": {data['message']}. {data.get('hint', '')}" if data.get("message") else ""
        return f"{data['state']}{error}".rstrip()
    if name == "sim.inserted" and data["after"] is None:
        state = "the module is locked" if data["state"] == "locked" else data["state"]
        return f"SIM inserted, cannot be read: {state}"
    if name == "watch.started":
        return f"watching {' '.join(data['ports']) or 'every modem'}"
    if name == "network.changed":
        return f"network: {_network(data['before'])} -> {_network(data['after'])}"
    return _TEXTS[name].format_map(data) if name in _TEXTS else f"{name} {data}"


def _network(network: Mapping[str, Any] | None) -> str:
    if not network:
        return "unknown"
    state = {True: "registered", False: "not registered"}.get(network["registered"], "unknown")
    plmn = f"{network['mcc']}-{network['mnc']}" if network["mcc"] else None
    return " ".join(filter(None, (state, network["operator"], plmn, network["rat"])))
