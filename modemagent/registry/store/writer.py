"""Storage of a batch of reports, in the transaction of the caller.

Steps: find out which reports are new (same key and same body: duplicate; same key and another body:
conflict, the first one counts), date them, store them, and update the timelines.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from enum import StrEnum

import msgspec
from sqlalchemy import Connection, bindparam, func, select, tuple_, update
from sqlalchemy.dialects.sqlite import insert

from modemagent.registry.dating import ClockReading, StreamClock, StreamOrder, date_stream
from modemagent.registry.sightings import sighting_of
from modemagent.registry.store import schema
from modemagent.registry.store.replay import sightings_numbered
from modemagent.registry.store.statements import Row, row_of, rows_with, upsert
from modemagent.registry.store.timelines import TimelineWriter
from modemagent.registry.timeline import UnitKind, unit_key
from modemagent.registry.validation import ValidReport

Stream = tuple[str, str]


class ReceiptStatus(StrEnum):
    """Result of a valid report."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"


class Arrival(msgspec.Struct, frozen=True):
    """A report and the time of its receipt.

    :param latest_ms: latest time at which it can have been made, by the registry's clock
    """

    report: ValidReport
    received_ms: int
    latest_ms: int

    @property
    def key(self) -> tuple[str, str, int]:
        return self.report.gateway_id, self.report.stream_id, self.report.sequence

    @property
    def clock_reading(self) -> ClockReading:
        report = self.report
        return ClockReading(
            order=(report.boot_count, report.uptime_ms, report.sequence),
            observed_ms=report.observed_ms,
            latest_ms=self.latest_ms,
            synchronized=report.synchronized,
        )


def record(
    connection: Connection, arrivals: Sequence[Arrival], now_ms: int
) -> tuple[list[ReceiptStatus], bool]:
    """Store a batch; return the status of each report, and True if events were added or changed."""
    statuses, fresh, conflicts = _classify(connection, arrivals)
    if conflicts:
        connection.execute(insert(schema.conflict).on_conflict_do_nothing(), conflicts)
    if not fresh:
        return statuses, False
    timelines = TimelineWriter(connection, now_ms)
    dates, redated = _date(connection, fresh)
    _store(connection, fresh, dates)
    for stored in sightings_numbered(connection, redated):
        timelines.redate(stored)
    for arrival, at_ms in zip(fresh, dates, strict=True):
        timelines.add(sighting_of(arrival.report, at_ms))
    return statuses, timelines.write()


def _classify(
    connection: Connection, arrivals: Sequence[Arrival]
) -> tuple[list[ReceiptStatus], list[Arrival], list[Row]]:
    c = schema.report.c
    key = (c.gateway_id, c.stream_id, c.sequence)
    query = select(*key, c.number, c.digest)
    known: dict[tuple[str, str, int], tuple[int | None, str]] = {
        (row.gateway_id, row.stream_id, row.sequence): (row.number, row.digest)
        for row in rows_with(
            connection, query, tuple_(*key), list({arrival.key for arrival in arrivals})
        )
    }
    statuses: list[ReceiptStatus] = []
    fresh: list[Arrival] = []
    conflicts: list[Row] = []
    for arrival in arrivals:
        report = arrival.report
        if arrival.key not in known:
            known[arrival.key] = (None, report.digest)
            fresh.append(arrival)
            statuses.append(ReceiptStatus.ACCEPTED)
            continue
        number, digest = known[arrival.key]
        same = digest == report.digest
        statuses.append(ReceiptStatus.DUPLICATE if same else ReceiptStatus.CONFLICT)
        if number is not None and not same:
            row = row_of(schema.conflict, report, report=number, received_ms=arrival.received_ms)
            conflicts.append(row)
    return statuses, fresh, conflicts


def _date(connection: Connection, fresh: Sequence[Arrival]) -> tuple[list[int], list[int]]:
    """Return the dates of new reports, and the numbers of stored reports whose date changed."""
    streams: defaultdict[Stream, list[ClockReading]] = defaultdict(list)
    for arrival in fresh:
        streams[arrival.key[:2]].append(arrival.clock_reading)
    c = schema.stream.c
    clocks: dict[Stream, StreamClock] = {
        (row.gateway_id, row.stream_id): row.clock
        for row in rows_with(
            connection, select(schema.stream), tuple_(c.gateway_id, c.stream_id), list(streams)
        )
    }
    dates: dict[tuple[Stream, StreamOrder], int] = {}
    redated: list[int] = []
    for stream, readings in streams.items():
        clock = clocks.setdefault(stream, StreamClock())
        for reading in sorted(readings, key=lambda one: one.order):
            if clock.must_rewind(reading):
                found, clocks[stream] = _redate_stream(connection, stream, readings, redated)
                dates.update({(stream, order): at_ms for order, at_ms in found.items()})
                break
            dates[stream, reading.order] = clock.advance(reading)
    rows = [
        {"gateway_id": stream[0], "stream_id": stream[1], "clock": clocks[stream]}
        for stream in streams
    ]
    upsert(connection, schema.stream, rows, ("gateway_id", "stream_id"))
    return [dates[one.key[:2], one.clock_reading.order] for one in fresh], redated


def _redate_stream(
    connection: Connection, stream: Stream, fresh: Sequence[ClockReading], redated: list[int]
) -> tuple[dict[StreamOrder, int], StreamClock]:
    """Date all reports of a stream again; add the numbers of changed ones to ``redated``."""
    c = schema.report.c
    query = select(
        *(c.number, c.at_ms, c.boot_count, c.uptime_ms, c.sequence),
        *(c.observed_ms, c.latest_ms, c.synchronized),
    ).where(tuple_(c.gateway_id, c.stream_id) == stream)
    stored = [
        (ClockReading((boot, uptime, sequence), *clock), number, at_ms)
        for number, at_ms, boot, uptime, sequence, *clock in connection.execute(query)
    ]
    readings = sorted([*fresh, *(reading for reading, _, _ in stored)], key=lambda one: one.order)
    dates, clock = date_stream(readings)
    found = {reading.order: at_ms for reading, at_ms in zip(readings, dates, strict=True)}
    changed = [
        {"row": number, "date": found[reading.order]}
        for reading, number, at_ms in stored
        if found[reading.order] != at_ms
    ]
    if changed:
        statement = update(schema.report).where(c.number == bindparam("row"))
        connection.execute(statement.values(at_ms=bindparam("date")), changed)
        redated += [row["row"] for row in changed]
    return found, clock


def _store(connection: Connection, fresh: Sequence[Arrival], dates: Sequence[int]) -> None:
    last = connection.execute(select(func.max(schema.report.c.number))).scalar() or 0
    reports: list[Row] = []
    sims: list[Row] = []
    aliases: set[tuple[str, str, UnitKind, str]] = set()
    for number, (arrival, at_ms) in enumerate(zip(fresh, dates, strict=True), start=last + 1):
        report = arrival.report
        imei_key = unit_key(UnitKind.MODEM, report.imei) if report.imei else None
        reports.append(
            row_of(
                schema.report,
                report,
                number=number,
                received_ms=arrival.received_ms,
                latest_ms=arrival.latest_ms,
                at_ms=at_ms,
                imei_key=imei_key,
            )
        )
        if imei_key:
            for name in ("imeisv", "meid", "serial_number"):
                if name in report.facts:
                    aliases.add((name, report.facts[name], UnitKind.MODEM, imei_key))
        for sim in report.sims:
            iccid_key = unit_key(UnitKind.SIM, sim.iccid) if sim.iccid else None
            sims.append(row_of(schema.sim_reading, sim, report=number, iccid_key=iccid_key))
            for name, value in (("imsi", sim.imsi), ("eid", sim.eid)):
                if iccid_key and value:
                    aliases.add((name, value, UnitKind.SIM, iccid_key))
    connection.execute(schema.report.insert(), reports)
    if sims:
        connection.execute(schema.sim_reading.insert(), sims)
    if aliases:
        names = schema.alias.c.keys()
        connection.execute(
            insert(schema.alias).on_conflict_do_nothing(),
            [dict(zip(names, found, strict=True)) for found in sorted(aliases)],
        )
    _store_gateways(connection, fresh, dates)


def _store_gateways(connection: Connection, fresh: Sequence[Arrival], dates: Sequence[int]) -> None:
    table = schema.gateway
    ids = list({arrival.report.gateway_id for arrival in fresh})
    stored = rows_with(connection, select(table), table.c.gateway_id, ids)
    gateways: dict[str, Row] = {row.gateway_id: dict(row._mapping) for row in stored}
    for arrival, at_ms in zip(fresh, dates, strict=True):
        report = arrival.report
        new = {"first_ms": at_ms, "last_ms": at_ms, "reports": 0}
        before = gateways.get(report.gateway_id, new)
        gateways[report.gateway_id] = {
            "gateway_id": report.gateway_id,
            "first_ms": min(at_ms, before["first_ms"]),
            "last_ms": max(at_ms, before["last_ms"]),
            "last_received_ms": arrival.received_ms,
            "agent_version": report.agent_version,
            "reports": before["reports"] + 1,
        }
    upsert(connection, table, list(gateways.values()), ("gateway_id",))
