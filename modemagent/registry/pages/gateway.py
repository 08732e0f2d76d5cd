"""Gateways: does each report, is its clock right, and which modems are in it?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from modemagent.registry.pages.figures import ShownTime, duration, moment
from modemagent.registry.pages.finding_rows import FindingRow, finding_row, is_waiting
from modemagent.registry.pages.frame import Answer, Ask, Page, SeeOther
from modemagent.registry.pages.gateway_state import GatewayState, gateway_state
from modemagent.registry.pages.links import Link, Links
from modemagent.registry.pages.page_errors import not_found
from modemagent.registry.pages.words import Word
from modemagent.registry.store.benches import benches
from modemagent.registry.store.findings import triage
from modemagent.registry.store.fleet import reader
from modemagent.registry.store.fleet.fleet import gateway_row

_SILENT_AFTER = 3  # intervals between signs of life, as in the rule
_DEFAULT_INTERVAL_S = 86_400.0  # of a gateway that promises none


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayLine:
    """A gateway in the list, and on top of its page.

    :param expected: how often it promises a sign of life
    """

    link: Link
    state: Word
    received: ShownTime | None
    expected: str
    version: str
    reports: int
    clock: Word


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedModem:
    """A modem in the gateway."""

    port: str
    link: Link
    model: str
    seen: ShownTime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PortRow:
    """A port as the last heartbeat described it."""

    port: str
    state: str
    drops: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayPage:
    """A gateway with what is in it.

    :param bench: address of its page as a bench; None: it is not one
    :param outbox: reports that wait in the gateway; None: no heartbeat has stated it
    """

    row: GatewayLine
    first: ShownTime | None
    evidence: Link | None
    outbox: int | None
    evicted: int | None
    restarts: int | None
    ports: list[PortRow]
    modems: list[PlacedModem]
    bench: str | None
    findings: list[FindingRow]
    others: list[FindingRow]
    state: GatewayState


def show(ask: Ask) -> Answer:
    """Return the page of a gateway; an id in the address leads to its reference."""
    name = ask.path["name"]
    with ask.reading() as connection:
        found = reader.gateway(connection, name)
        if found is None:
            raise not_found("gateway")
        if name != found["ref"]:
            return SeeOther(f"/gateways/{found['ref']}")
        row = gateway_row(connection, name)
        about = triage.about(connection, gateway=row)
        is_bench = benches.position_of(connection, row) is not None
        links = Links(connection, ask.who, [found, about])
        state = gateway_state(connection, row, links, ask.now)
        model = _model(found, about, links, ask.now, state, is_bench=is_bench)
    return Page("gateway.html", model)


def line_of(one: dict[str, Any], links: Links, now: datetime) -> GatewayLine:
    """Return a gateway in the list, and on top of its page."""
    received = moment(one["last_received"], now)
    interval = one["heartbeat_s"] or _DEFAULT_INTERVAL_S
    silent_s = 0.0
    if received is not None:
        silent_s = (now - datetime.fromisoformat(received.iso)).total_seconds()
    is_silent = silent_s > _SILENT_AFTER * interval
    state = Word("silent", "triangle", "warn") if is_silent else Word("reports", "tick", "ok")
    if one["forked"]:
        state = Word("copied", "diamond", "bad")
    return GatewayLine(
        link=links.gateway(one["gateway_id"]) or Link("-"),
        state=state,
        received=received,
        expected=f"every {duration(one['heartbeat_s'])}" if one["heartbeat_s"] else "not promised",
        version=links.text(one["agent_version"]),
        reports=one["reports"],
        clock=Word("clock suspect", "triangle", "warn")
        if one["clock_suspect"]
        else Word("clock sane", "tick", "ok"),
    )


def _model(
    found: dict[str, Any],
    about: list[dict[str, Any]],
    links: Links,
    now: datetime,
    state: GatewayState,
    *,
    is_bench: bool,
) -> GatewayPage:
    health = found["health"] or {}
    rows = [(is_waiting(one), finding_row(one, links, now)) for one in about]
    return GatewayPage(
        row=line_of(found, links, now),
        first=moment(found["first_seen"], now),
        evidence=links.report(found["last_report"]),
        outbox=health.get("outbox"),
        evicted=health.get("evicted"),
        restarts=health.get("restarts"),
        ports=[
            PortRow(port=links.text(one["port_id"]), state=one["state"], drops=one["drops"])
            for one in health.get("modems", ())
        ],
        modems=[
            PlacedModem(
                port=links.text(one["port"] or ""),
                link=links.modem(one["imei"]) or Link("-"),
                model=links.text(" ".join(filter(None, (one["manufacturer"], one["model"])))),
                seen=moment(one["last_seen"], now),
            )
            for one in found["modems"]
        ],
        bench=f"/bench/{found['ref']}" if is_bench else None,
        findings=[row for waits, row in rows if waits],
        others=[row for waits, row in rows if not waits],
        state=state,
    )
