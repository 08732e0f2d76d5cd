"""Gateways as documents, and which modems are in them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, select

from modemagent.registry.store.database import dialect
from modemagent.registry.store.database.refs import format_ref, parse_ref
from modemagent.registry.store.fleet.documents import Document, to_rfc3339
from modemagent.registry.store.fleet.kept_readings import sims_at
from modemagent.registry.store.fleet.stays import load_stays
from modemagent.registry.store.fleet.view import View
from modemagent.registry.store.intake.boots import Boot, load_boots
from modemagent.registry.store.tables import schema

_GATEWAY = ("id", "gateway_id", "ref", "first_boot", "last_boot", "forked", "site")


def gateway_documents(view: View, gateways: Sequence[int]) -> list[Document]:
    """Return gateways in this order; those without a counting report are left out."""
    keys = [(row,) for row in gateways]
    rows = dialect.select_rows(view.connection, schema.gateway, ("id",), _GATEWAY, keys)
    by_row = {row[0]: row for row in rows}
    ends = [(boot,) for row in rows for boot in row[3:5] if boot]
    boots = load_boots(view.connection, ("id",), sorted(set(ends)))
    totals = _totals(view, gateways)
    view.streams(stream for boot in boots.values() for stream in boot.parts)
    return [
        _gateway(view, by_row[row], boots, totals[row])
        for row in gateways
        if row in by_row and by_row[row][3] in boots
    ]


def _gateway(
    view: View, row: tuple[Any, ...], boots: dict[int, Boot], totals: tuple[int, int, bool]
) -> Document:
    _, gateway_id, ref, first_boot, last_boot, forked, site = row
    first, last = boots[first_boot], boots[last_boot]
    stream, part = min(first.parts.items(), key=lambda one: one[1].first_uptime_ms)
    began = first.date(part.first_uptime_ms, part.first_wall_ms, part.first_synchronized)
    last_stream, last_part = max(last.parts.items(), key=lambda one: one[1].last_uptime_ms)
    ended = last.date(last_part.last_uptime_ms, last_part.last_wall_ms, last_part.last_synchronized)
    reports, received_ms, suspect = totals
    heartbeats = [one.heartbeat_ms for one in last.parts.values() if one.heartbeat_ms]
    return {
        "gateway_id": gateway_id,
        "agent_version": last_part.agent_version,
        "reports": reports,
        "first_seen": to_rfc3339(began[1]),
        "last_seen": to_rfc3339(ended[1]),
        "last_received": to_rfc3339(received_ms),
        "first_report": view.report(stream, part.first_sequence),
        "last_report": view.report(last_stream, last_part.last_sequence),
        "last_seen_uncertainty_ms": ended[1] - ended[0],
        "heartbeat_s": heartbeats[0] / 1000 if heartbeats else None,
        "health": msgspec.json.decode(last_part.health) if last_part.health else None,
        "forked": bool(forked),
        "clock_suspect": suspect,
        "site": site,
        "ref": format_ref(ref),
    }


def _totals(view: View, gateways: Sequence[int]) -> dict[int, tuple[int, int, bool]]:
    """Return for each gateway the number of reports, the last receipt, and if a clock was wrong."""
    found: defaultdict[int, tuple[int, int, bool]] = defaultdict(lambda: (0, 0, False))
    keys = [(row,) for row in gateways]
    rows = dialect.select_rows(
        view.connection, schema.boot, ("gateway",), ("id", "gateway", "suspect"), keys
    )
    of_boot = {row[0]: row[1] for row in rows}
    for gateway in {row[1] for row in rows if row[2]}:
        found[gateway] = 0, 0, True
    for boot, reports, received_ms in dialect.select_rows(
        view.connection,
        schema.boot_stream,
        ("boot",),
        ("boot", "reports", "received_ms"),
        [(boot,) for boot in sorted(of_boot)],
    ):
        before = found[of_boot[boot]]
        found[of_boot[boot]] = before[0] + reports, max(before[1], received_ms), before[2]
    return found


def gateway_row(connection: Connection, name: str) -> int:
    """Return the row of a gateway by its id or its reference; 0 if there is none."""
    c = schema.gateway.c
    ref = parse_ref(name)
    query = (
        select(c.id)
        .where((c.gateway_id == name) | (c.ref == (-1 if ref is None else ref)))
        .order_by(c.gateway_id != name)
    )
    return connection.execute(query.limit(1)).scalar() or 0


def modems_in(view: View, gateway: int) -> list[int]:
    """Return the modems that are in a gateway now, by place."""
    rows = dialect.select_rows(
        view.connection, schema.place, ("gateway",), ("id", "device_id"), [(gateway,)]
    )
    order: dict[int, str] = dict(rows)
    stays = [one for one in load_stays(view, "place", order) if one.is_open]
    stays.sort(key=lambda one: order[one.place])
    return list(dict.fromkeys(one.unit for one in stays))


def sims_in(view: View, gateway: int) -> list[int]:
    """Return the SIMs that are in a gateway by the newest readings."""
    places = dialect.select_rows(view.connection, schema.place, ("gateway",), ("id",), [(gateway,)])
    found = sims_at(view.connection, [place for (place,) in places])
    return list(dict.fromkeys(sim for sims in found.values() for sim in sims))
