"""Streams, boots, clock and conflicts of a gateway, and the days on which it has reported."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, func, select

from modemagent.registry.store.database import dialect
from modemagent.registry.store.fleet import documents
from modemagent.registry.store.fleet.documents import Document, to_rfc3339
from modemagent.registry.store.fleet.stays import load_stays, prefetch
from modemagent.registry.store.fleet.view import View
from modemagent.registry.store.intake.boots import load_boots
from modemagent.registry.store.intake.presence import days_heard
from modemagent.registry.store.tables import schema

MOST_COUNTED = 1000
_MOST_PLACES = 64
_MOST_STREAMS = 50
_MODEMS = "SELECT DISTINCT unit FROM stay WHERE holder IS NULL AND place IN {keys} LIMIT 500"


class StreamState(NamedTuple):
    """A stream of a gateway.

    :param top: highest number that was received
    :param missing: numbers below it that were not received, and may still arrive
    """

    stream_id: str
    top: int
    missing: int


class GatewayRecord(NamedTuple):
    """What is known of a gateway beside its modems.

    :param boots: how many of its boots have reported
    :param last_boot: earliest and latest time at which the last one began
    :param offset_ms: of its clock at its last report, against the time that the registry reckons
    :param is_synchronized: the gateway has stated that its clock was synchronized
    :param conflicts: bodies under the number of another report, at most one above the limit
    :param days: counted from 1970, on which a modem was read in it
    :param streams: the newest ones first
    """

    boots: int
    last_boot: tuple[str | None, str | None]
    offset_ms: int | None
    is_synchronized: bool
    conflicts: int
    days: set[int]
    streams: list[StreamState]


def health_of(connection: Connection, gateway: int) -> GatewayRecord:
    """Return the health of a gateway by its row."""
    boots = load_boots(connection, ("gateway",), [(gateway,)])
    c = schema.gateway.c
    last = boots.get(
        connection.execute(select(c.last_boot).where(c.id == gateway)).scalar() or 0, None
    )
    began: tuple[str | None, str | None] = None, None
    offset, is_synchronized = None, False
    if last is not None:
        if last.dates is not None and last.dates.chosen:
            began = to_rfc3339(last.dates.lo_ms), to_rfc3339(last.dates.hi_ms)
        _, part = max(last.parts.items(), key=lambda one: one[1].last_uptime_ms)
        lo, hi = last.date(part.last_uptime_ms, part.last_wall_ms, part.last_synchronized)
        wall = part.last_wall_ms
        offset = 0 if lo <= wall <= hi else wall - (lo if wall < lo else hi)
        is_synchronized = part.last_synchronized
    streams = _streams(connection, gateway)
    keys = [row for row, _ in streams]
    s = schema.conflict.c
    bodies = select(s.stream).where(s.stream.in_(keys)).limit(MOST_COUNTED + 1).subquery()
    conflicts = connection.execute(select(func.count()).select_from(bodies)).scalar() or 0
    modems = [
        row[0] for row in dialect.query_keys(connection, _MODEMS, _places(connection, gateway))
    ]
    days = days_heard(connection, modems, [gateway])
    found = [one for _, one in streams]
    return GatewayRecord(len(boots), began, offset, is_synchronized, conflicts, days, found)


def _streams(connection: Connection, gateway: int) -> list[tuple[int, StreamState]]:
    c, h = schema.stream.c, schema.hole.c
    query = select(c.id, c.stream_id, c.top).where(c.gateway == gateway)
    rows = connection.execute(query.order_by(c.rank.desc()).limit(_MOST_STREAMS)).all()
    holes = select(h.stream, func.sum(h.last - h.first + 1)).group_by(h.stream)
    wanted = holes.where(h.stream.in_([row.id for row in rows]))
    missing = {stream: int(number) for stream, number in connection.execute(wanted)}
    return [(row.id, StreamState(row.stream_id, row.top, missing.get(row.id, 0))) for row in rows]


def _places(connection: Connection, gateway: int) -> list[int]:
    c = schema.place.c
    query = select(c.id).where(c.gateway == gateway).order_by(c.device_id).limit(_MOST_PLACES)
    return list(connection.execute(query).scalars())


def port_stays(connection: Connection, gateway: int) -> list[Document]:
    """Return the stays of modems at the places of a gateway, by port, oldest first."""
    view, places = View(connection), _places(connection, gateway)
    stays = load_stays(view, "place", places)
    prefetch(view, stays)
    found = [documents.place_stay(view, one) for one in stays]
    return sorted(found, key=lambda one: str(one["port"]))
