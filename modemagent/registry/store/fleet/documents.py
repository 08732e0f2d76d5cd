"""JSON documents of stored rows, as published by the HTTP API."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from modemagent.registry.store.fleet.stays import StayRow
from modemagent.registry.store.fleet.view import UNLINKED, View

Document = dict[str, Any]


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
    *,
    port: str | None = None,
    ref: str | None = None,
    last_report: str | None = None,
    asset: str | None = None,
    link_state: str = UNLINKED,
) -> Document:
    """Return a match of lookup."""
    return {
        "kind": kind,
        "id": id_,
        "modem": modem,
        "sim": sim,
        "gateway": gateway_id,
        "port": port,
        "link_state": link_state,
        "last_seen": seen,
        "last_report": last_report,
        "ref": ref,
        "asset": asset,
    }


def place_stay(view: View, one: StayRow) -> Document:
    """Return the stay of a modem at a port of a gateway."""
    place = view.places([one.place])[one.place]
    return {
        "imei": view.units([one.unit])[one.unit].number,
        "gateway_id": place.gateway_id,
        "port": place.device_id,
        **_span(view, one),
    }


def pairing(view: View, one: StayRow) -> Document:
    """Return the stay of a SIM in a slot; gateway and port are those where it began."""
    units = view.units([one.unit, one.holder])
    numbers = view.numbers([one.imsi, one.eid])
    place = view.places([one.place])[one.place]
    return {
        "imei": units[one.holder].number if one.holder else None,
        "slot": one.slot,
        "iccid": units[one.unit].number,
        "imsi": numbers.get(one.imsi or 0),
        "eid": numbers.get(one.eid or 0),
        "gateway_id": place.gateway_id,
        "port": place.device_id,
        **_span(view, one),
        "link_state": view.link_state(one.holder, one.slot),
    }


def _span(view: View, one: StayRow) -> Document:
    return {
        "first_seen": to_rfc3339(one.from_hi),
        "first_seen_uncertainty_ms": one.from_hi - one.from_lo,
        "last_seen": to_rfc3339(one.last_hi),
        "last_seen_uncertainty_ms": one.last_hi - one.last_lo,
        "closed_at": to_rfc3339(one.to_hi),
        "closed_at_uncertainty_ms": (
            None if one.to_hi is None or one.to_lo is None else one.to_hi - one.to_lo
        ),
        "cause": one.cause,
        "opened_by": view.report(one.opened_stream, one.opened_sequence),
        "last_report": view.report(one.last_stream, one.last_sequence),
        "closed_by": view.report(one.closed_stream, one.closed_sequence),
        "recorded_at": to_rfc3339(one.recorded_from),
        "individual": one.individual,
        "order_known": bool(one.order_known),
        "pending": bool(one.pending),
    }
