"""Storage of a batch of reports, in the transaction of the caller.

Steps: find out which reports are new (same key and same body: duplicate; same key and another body:
conflict, the first one counts), date them, store them, and update the timelines.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

import msgspec
from sqlalchemy import Connection, bindparam, func, select, tuple_, update
from sqlalchemy.dialects.sqlite import insert

from modemagent.registry.dating import ClockReading, StreamClock, StreamOrder, date_stream
from modemagent.registry.sightings import sighting_of
from modemagent.registry.store import schema
from modemagent.registry.store.replay import chunks, sightings_numbered
from modemagent.registry.store.timelines import TimelineWriter
from modemagent.registry.timeline import UnitKind, unit_key
from modemagent.registry.validation import ValidReport

_clocks = msgspec.json.Decoder(StreamClock)

Key = tuple[str, str, int]
Row = dict[str, Any]

_KEYS_AT_ONCE = 250  # of two or three parameters each


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
    def key(self) -> Key:
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
) -> tuple[list[ReceiptStatus], list[str]]:
    """Store a batch; return the status of each report and the ids of new or changed events."""
    statuses, fresh, conflicts = _classify(connection, arrivals)
    if conflicts:
        connection.execute(insert(schema.conflict).on_conflict_do_nothing(), conflicts)
    if not fresh:
        return statuses, []
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
    table = schema.report
    key_columns = (table.c.gateway_id, table.c.stream_id, table.c.sequence)
    known: dict[Key, tuple[int | None, str]] = {}
    for some in chunks(list({arrival.key for arrival in arrivals}), _KEYS_AT_ONCE):
        query = select(*key_columns, table.c.number, table.c.digest).where(
            tuple_(*key_columns).in_(some)
        )
        for gateway_id, stream_id, sequence, number, digest in connection.execute(query):
            known[gateway_id, stream_id, sequence] = (number, digest)
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
            conflicts.append(
                {
                    "report": number,
                    "received_ms": arrival.received_ms,
                    "digest": report.digest,
                    "body": report.body,
                }
            )
    return statuses, fresh, conflicts


def _date(connection: Connection, fresh: Sequence[Arrival]) -> tuple[list[int], list[int]]:
    """Return the dates of new reports, and the numbers of stored reports whose date changed."""
    streams: defaultdict[tuple[str, str], list[tuple[ClockReading, int]]] = defaultdict(list)
    for index, arrival in enumerate(fresh):
        streams[arrival.key[:2]].append((arrival.clock_reading, index))
    known: dict[tuple[str, str], bytes] = {}
    table = schema.stream
    for some in chunks(list(streams), _KEYS_AT_ONCE):
        query = select(table).where(tuple_(table.c.gateway_id, table.c.stream_id).in_(some))
        known.update({(row[0], row[1]): row.clock for row in connection.execute(query)})
    dates = [0] * len(fresh)
    redated: list[int] = []
    rows: list[Row] = []
    for stream, arrived in streams.items():
        clock = _clocks.decode(known[stream]) if stream in known else StreamClock()
        arrived.sort(key=lambda one: one[0].order)
        readings = [reading for reading, _ in arrived]
        if (stream in known and clock.must_rewind(readings[0])) or _rewinds_within(clock, readings):
            found, clock = _redate_stream(connection, stream, readings, redated)
            for reading, index in arrived:
                dates[index] = found[reading.order]
        else:
            for reading, index in arrived:
                dates[index] = clock.advance(reading)
        rows.append(
            {
                "gateway_id": stream[0],
                "stream_id": stream[1],
                "clock": msgspec.json.encode(clock),
            }
        )
    statement = insert(table)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["gateway_id", "stream_id"], set_={"clock": statement.excluded.clock}
        ),
        rows,
    )
    return dates, redated


def _rewinds_within(clock: StreamClock, readings: Sequence[ClockReading]) -> bool:
    """Return True if a boot has its first trusted clock after reports that were dated without."""
    guessed = {clock.last_order[0]} if clock.guessed and clock.boot_start_ms is None else set()
    trusted = {clock.last_order[0]} if clock.boot_start_ms is not None else set()
    for reading in readings:
        if reading.trusted:
            if reading.boot in guessed and reading.boot not in trusted:
                return True
            trusted.add(reading.boot)
        else:
            guessed.add(reading.boot)
    return False


def _redate_stream(
    connection: Connection,
    stream: tuple[str, str],
    fresh: Sequence[ClockReading],
    redated: list[int],
) -> tuple[Mapping[StreamOrder, int], StreamClock]:
    """Date all reports of a stream again; add the numbers of changed ones to ``redated``."""
    table = schema.report
    query = select(
        table.c.number,
        table.c.boot_count,
        table.c.uptime_ms,
        table.c.sequence,
        table.c.observed_ms,
        table.c.latest_ms,
        table.c.synchronized,
        table.c.at_ms,
    ).where(table.c.gateway_id == stream[0], table.c.stream_id == stream[1])
    stored = [
        (ClockReading((boot, uptime, sequence), *clock), number, at_ms)
        for number, boot, uptime, sequence, *clock, at_ms in connection.execute(query)
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
        connection.execute(
            update(table).where(table.c.number == bindparam("row")).values(at_ms=bindparam("date")),
            changed,
        )
        redated += [row["row"] for row in changed]
    return found, clock


#: Columns of ``report`` that hold a value of the report as it is.
_AS_REPORTED = (
    *("gateway_id", "stream_id", "sequence", "report_id", "boot_count", "uptime_ms"),
    *("observed_ms", "synchronized", "reason", "imei", "digest", "body"),
)


def _store(connection: Connection, fresh: Sequence[Arrival], dates: Sequence[int]) -> None:
    last = connection.execute(select(func.max(schema.report.c.number))).scalar() or 0
    reports: list[Row] = []
    sims: list[Row] = []
    aliases: set[tuple[str, str, str, str]] = set()
    gateways: dict[str, Row] = {}
    for number, (arrival, at_ms) in enumerate(zip(fresh, dates, strict=True), start=last + 1):
        report = arrival.report
        imei_key = unit_key(UnitKind.MODEM, report.imei) if report.imei else None
        reports.append(
            {
                **{name: getattr(report, name) for name in _AS_REPORTED},
                "number": number,
                "received_ms": arrival.received_ms,
                "latest_ms": arrival.latest_ms,
                "at_ms": at_ms,
                "place": report.device_id,
                "imei_key": imei_key,
                "facts": msgspec.json.encode(report.facts),
            }
        )
        if imei_key:
            for name in ("imeisv", "meid", "serial_number"):
                if name in report.facts:
                    aliases.add((name, report.facts[name], UnitKind.MODEM, imei_key))
        for sim in report.sims:
            iccid_key = unit_key(UnitKind.SIM, sim.iccid) if sim.iccid else None
            sims.append({**msgspec.structs.asdict(sim), "report": number, "iccid_key": iccid_key})
            if iccid_key:
                for name in ("imsi", "eid"):
                    if (value := getattr(sim, name)) is not None:
                        aliases.add((name, value, UnitKind.SIM, iccid_key))
        gateways[report.gateway_id] = _gateway_row(gateways.get(report.gateway_id), arrival, at_ms)
    connection.execute(schema.report.insert(), reports)
    if sims:
        connection.execute(schema.sim_reading.insert(), sims)
    if aliases:
        names = ("kind", "value", "item_kind", "item_key")
        connection.execute(
            insert(schema.alias).on_conflict_do_nothing(),
            [dict(zip(names, found, strict=True)) for found in sorted(aliases)],
        )
    _store_gateways(connection, list(gateways.values()))


def _gateway_row(before: Row | None, arrival: Arrival, at_ms: int) -> Row:
    return {
        "gateway_id": arrival.report.gateway_id,
        "first_ms": min(at_ms, before["first_ms"]) if before else at_ms,
        "last_ms": max(at_ms, before["last_ms"]) if before else at_ms,
        "last_received_ms": arrival.received_ms,
        "agent_version": arrival.report.agent_version,
        "reports": before["reports"] + 1 if before else 1,
    }


def _store_gateways(connection: Connection, rows: Sequence[Row]) -> None:
    table = schema.gateway
    statement = insert(table)
    new = statement.excluded
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["gateway_id"],
            set_={
                "first_ms": func.min(table.c.first_ms, new.first_ms),
                "last_ms": func.max(table.c.last_ms, new.last_ms),
                "last_received_ms": new.last_received_ms,
                "agent_version": new.agent_version,
                "reports": table.c.reports + new.reports,
            },
        ),
        rows,
    )
