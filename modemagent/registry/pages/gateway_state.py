"""The state of a gateway on its page: silence, clock, boots, streams, and what its ports held."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from modemagent.registry.pages import lanes
from modemagent.registry.pages.figures import ShownTime, count, duration, moment
from modemagent.registry.pages.links import Link, Links
from modemagent.registry.pages.presence_strip import PresenceStrip, strip_of
from modemagent.registry.store.fleet.gateway_health import (
    MOST_COUNTED,
    GatewayRecord,
    StreamState,
    health_of,
    port_stays,
)

_MOST_STREAMS = 8
_ODD_MS = 1000  # smaller offsets are those of usual clocks


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayState:
    """What the page of a gateway shows beside its modems.

    :param clock: how far its clock is from the time that the registry reckons
    :param began: when its last boot began
    :param missing: numbers of reports that were not received
    :param streams: id, highest number, missing numbers; the newest first
    :param rest: number of older streams
    """

    clock: str
    boots: int
    began: ShownTime | None
    conflicts: str
    missing: int
    streams: list[StreamState]
    rest: int
    lanes: lanes.Lanes
    presence: PresenceStrip


def gateway_state(
    connection: Connection, gateway: int, links: Links, now: datetime
) -> GatewayState:
    """Return the state of a gateway by its row."""
    health = health_of(connection, gateway)
    stays = port_stays(connection, gateway)
    links.load(stays)

    def port(one: dict[str, Any]) -> str:
        return links.text(one["port"] or "-")

    def modem(one: dict[str, Any]) -> Link:
        return links.modem(one["imei"]) or Link("-")

    streams = [one._replace(stream_id=links.text(one.stream_id)) for one in health.streams]
    return GatewayState(
        clock=_clock(health),
        boots=health.boots,
        began=moment(health.last_boot[1], now),
        conflicts=count(health.conflicts, MOST_COUNTED),
        missing=sum(one.missing for one in streams),
        streams=streams[:_MOST_STREAMS],
        rest=len(streams[_MOST_STREAMS:]),
        lanes=lanes.draw(lanes.spans_of(stays, port, modem, links), now),
        presence=strip_of(health.days, now),
    )


def _clock(health: GatewayRecord) -> str:
    offset = health.offset_ms or 0
    synchronized = "synchronized" if health.is_synchronized else "not synchronized"
    if abs(offset) < _ODD_MS:
        return f"right at the last report, {synchronized}"
    side = "ahead" if offset > 0 else "behind"
    return f"{duration(abs(offset) / 1000)} {side} at the last report, {synchronized}"
