"""Reports of production benches: the newest of each bay, and the last ones of a station."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, NamedTuple

from sqlalchemy import Connection, func, select

from modemagent.registry.history.readings import position
from modemagent.registry.store.database import dialect
from modemagent.registry.store.fleet.documents import Document, to_rfc3339
from modemagent.registry.store.intake.bodies import decompress
from modemagent.registry.store.tables import schema
from modemagent.registry.store.tables.bench_tables import bench_place

#: Most stations of a list.
MOST_STATIONS = 100
_COLUMNS = ("stream", "sequence", "position", "received_ms")


class BenchNews(NamedTuple):
    """A report of a bench that was received.

    :param place: row of its place; 0: it is about none
    """

    gateway: int
    place: int
    stream: int
    sequence: int
    position: int
    received_ms: int


class BenchReport(NamedTuple):
    """A stored report of a bench.

    :param bench: what the bench has added to it
    """

    key: str
    position: int
    received: str
    bench: Document
    report: Document


class Station(NamedTuple):
    """A gateway that is a bench, with the newest of its reports whose body is kept."""

    row: int
    gateway_id: str
    newest: BenchReport | None


def note_news(connection: Connection, news: Iterable[BenchNews]) -> None:
    """Note the newest reports of bays, in the transaction that stores them."""
    newest: dict[tuple[int, int], BenchNews] = {}
    for one in news:
        before = newest.get(one[:2])
        if before is None or before.position < one.position:
            newest[one[:2]] = one
    names = ("gateway", "place", "position")
    stored = dialect.select_rows(connection, bench_place, names[:2], names, sorted(newest))
    known = {(gateway, place): at for gateway, place, at in stored}
    rows = [one for key, one in sorted(newest.items()) if known.get(key, -1) < one.position]
    dialect.upsert_rows(connection, bench_place, names[:2], _COLUMNS, rows)


def position_of(connection: Connection, gateway: int) -> int | None:
    """Return the position of the newest report of a station; None: it is not a bench."""
    c = bench_place.c
    query = select(func.max(c.position)).where(c.gateway == gateway)
    return connection.execute(query).scalar()


def stations(
    connection: Connection, *, since_ms: int = 0, most: int = MOST_STATIONS
) -> list[Station]:
    """Return the gateways that are benches, those first that reported last.

    :param since_ms: only those that have reported since then
    """
    c, g = bench_place.c, schema.gateway.c
    newest = func.max(c.received_ms).label("newest")
    # limited before the names are read: SQLite would go through all gateways in the order of groups
    few = (
        select(c.gateway, newest)
        .where(c.received_ms >= since_ms)
        .group_by(c.gateway)
        .order_by(newest.desc(), c.gateway)
        .limit(most)
        .subquery()
    )
    query = (
        select(g.id, g.gateway_id)
        .join_from(few, schema.gateway, few.c.gateway == g.id)
        .order_by(few.c.newest.desc(), g.id)
    )
    found = []
    for row, gateway_id in connection.execute(query).all():
        kept = bay_reports(connection, row, gateway_id)
        found.append(Station(row, gateway_id, kept[-1] if kept else None))
    return found


def bay_reports(connection: Connection, gateway: int, gateway_id: str) -> list[BenchReport]:
    """Return the newest report of each bay whose body is kept, oldest first."""
    wanted = ("stream", "sequence", "position")
    rows = dialect.select_rows(connection, bench_place, ("gateway",), wanted, [(gateway,)])
    positions = {(stream, sequence): at for stream, sequence, at in rows}
    names = ("stream", "sequence")
    columns = (*names, "received_ms", "body")
    stored = dialect.select_rows(connection, schema.report, names, columns, sorted(positions))
    named = _streams(connection, gateway)
    found = [
        _report(gateway_id, named[stream][1], sequence, positions[stream, sequence], ms, body)
        for stream, sequence, ms, body in stored
    ]
    return sorted((one for one in found if one is not None), key=lambda one: one.position)


def last_reports(
    connection: Connection, gateway: int, gateway_id: str, count: int
) -> list[BenchReport]:
    """Return the last reports of a station whose bodies are kept, newest first."""
    k = schema.report.c
    found: list[BenchReport] = []
    named = _streams(connection, gateway)
    for stream, (rank, name) in sorted(named.items(), key=lambda one: -one[1][0]):
        if len(found) >= count:
            break
        query = (
            select(k.sequence, k.received_ms, k.body)
            .where(k.stream == stream)
            .order_by(k.sequence.desc())
            .limit(count - len(found))
        )
        for sequence, ms, body in connection.execute(query):
            at = position(rank, sequence)
            if (one := _report(gateway_id, name, sequence, at, ms, body)) is not None:
                found.append(one)
    return found


def _streams(connection: Connection, gateway: int) -> dict[int, tuple[int, str]]:
    rows = dialect.select_rows(
        connection, schema.stream, ("gateway",), ("id", "rank", "stream_id"), [(gateway,)]
    )
    return {row: (rank, name) for row, rank, name in rows}


def _report(
    gateway_id: str, stream: str, sequence: int, at: int, received_ms: int, body: Any
) -> BenchReport | None:
    """Return a report of a bench, None for any other report."""
    report = json.loads(decompress(body))
    bench = report.get("provision")
    if not isinstance(bench, dict):
        return None
    key = f"{gateway_id}/{stream}/{sequence}"
    return BenchReport(key, at, to_rfc3339(received_ms) or "", bench, report)
