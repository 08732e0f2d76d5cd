"""JSON documents of stored rows and units, as published by the HTTP API."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import Row

from modemagent.registry.timeline import Identities, Unit, UnitKind

Document = dict[str, Any]

LINK_STATE = "unlinked"  # pairing policies are not implemented yet


def to_rfc3339(at_ms: int | None) -> str | None:
    """Return milliseconds since 1970 as an RFC 3339 time in UTC."""
    if at_ms is None:
        return None
    at = datetime.fromtimestamp(at_ms // 1000, UTC).replace(microsecond=at_ms % 1000 * 1000)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def match(
    kind: str,
    id_: str,
    modem: str | None,
    sim: str | None,
    gateway_id: str | None,
    seen: str | None,
) -> Document:
    """Return a match of lookup."""
    return {
        "kind": kind,
        "id": id_,
        "modem": modem,
        "sim": sim,
        "gateway": gateway_id,
        "link_state": LINK_STATE,
        "last_seen": seen,
    }


def _seen(unit: Unit) -> Document:
    return {
        "first_seen": to_rfc3339(unit.first_ms),
        "last_seen": to_rfc3339(unit.last_ms),
        "first_report": unit.first_report,
        "last_report": unit.last_report,
    }


def modem(unit: Unit) -> Document:
    names = ("manufacturer", "model", "firmware", "imeisv", "meid", "serial_number")
    return {
        "imei": unit.number,
        "tac": unit.number[:8],
        **{name: unit.facts.get(name) for name in names},
        "present": unit.present,
        **members(unit.interval.identities, "gateway_id", "port"),
        **_seen(unit),
    }


def sim(unit: Unit) -> Document:
    return {
        "iccid": unit.number,
        "imsi": unit.facts.get("imsi"),
        "eid": unit.facts.get("eid"),
        "present": unit.present,
        **members(unit.interval.identities, "imei", "slot", "gateway_id", "port"),
        "link_state": LINK_STATE,
        **_seen(unit),
    }


def members(identities: Identities, *names: str) -> Document:
    return {name: getattr(identities, name) for name in names}


def gateway(row: Row[Any]) -> Document:
    return {
        "gateway_id": row.gateway_id,
        "agent_version": row.agent_version,
        "reports": row.reports,
        "first_seen": to_rfc3339(row.first_ms),
        "last_seen": to_rfc3339(row.last_ms),
        "last_received": to_rfc3339(row.last_received_ms),
    }


def interval(row: Row[Any]) -> Document:
    of_sim = ("slot", "iccid", "imsi", "eid") if row.kind == UnitKind.SIM else ()
    return {
        **members(row.identities, "imei", *of_sim, "gateway_id", "port"),
        "first_seen": to_rfc3339(row.first_ms),
        "last_seen": to_rfc3339(row.last_ms),
        "closed_at": to_rfc3339(row.closed_ms),
        "cause": row.cause,
        "opened_by": row.opened_by,
        "last_report": row.last_report,
        "closed_by": row.closed_by,
        "recorded_at": to_rfc3339(row.recorded_ms),
    }


def event(row: Row[Any]) -> Document:
    data = msgspec.structs.asdict(row.data)
    for side in ("previous", "new"):
        data[side] = msgspec.structs.asdict(data[side]) if data[side] else None
    return {
        "specversion": "1.0",
        "id": row.id,
        "type": row.type,
        "source": f"/gateways/{row.gateway_id}",
        "subject": row.subject,
        "time": to_rfc3339(row.at_ms),
        "datacontenttype": "application/json",
        "revision": row.revision,
        "recordedtime": to_rfc3339(row.recorded_ms),
        "data": {name: value for name, value in data.items() if value is not msgspec.UNSET},
    }
