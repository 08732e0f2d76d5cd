"""A batch of observations into the database, in the caller's transaction.

In order: which reports are new (same key and same body: a duplicate; another body: a conflict, the
first wins); when each was made; and what that means for the lines of history.

Some lines above 300: one transaction, step by step.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

import msgspec
from sqlalchemy import Connection, bindparam, func, select, tuple_, update
from sqlalchemy.dialects.sqlite import insert

from modemagent.registry.dating import ClockReading, StreamClock, date_stream
from modemagent.registry.observation import Observation
from modemagent.registry.sightings import told
from modemagent.registry.store import schema
from modemagent.registry.store.replay import portions, reports_numbered
from modemagent.registry.store.timelines import TimelineWriter
from modemagent.registry.timeline import item_key

_clock = msgspec.json.Decoder(StreamClock)

Key = tuple[str, str, int]
Row = dict[str, Any]


class ReceiptStatus(StrEnum):
    """What became of a report that could be read."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"


class Arrival(msgspec.Struct, frozen=True):
    """A report and when it came.

    :param latest_ms: the moment by which it must have been made, by the registry's clock
    """

    observation: Observation
    received_ms: int
    latest_ms: int

    @property
    def key(self) -> Key:
        one = self.observation
        return one.gateway_id, one.stream_id, one.sequence

    @property
    def tick(self) -> ClockReading:
        one = self.observation
        return ClockReading(
            order=(one.boot_count, one.uptime_ms, one.sequence),
            observed_ms=one.observed_ms,
            latest_ms=self.latest_ms,
            synchronized=one.synchronized,
        )


def record(
    connection: Connection, arrivals: Sequence[Arrival], now_ms: int
) -> tuple[list[ReceiptStatus], list[str]]:
    """Store a batch; return each report's status and the ids of new or changed events."""
    statuses, fresh, conflicts = _sort_out(connection, arrivals)
    if conflicts:
        connection.execute(insert(schema.conflict).on_conflict_do_nothing(), conflicts)
    if not fresh:
        return statuses, []
    lines = TimelineWriter(connection, now_ms)
    dates, redated = _date(connection, fresh)
    _store(connection, fresh, dates)
    for kept in reports_numbered(connection, redated):
        lines.redate(kept)
    for arrival, at_ms in zip(fresh, dates, strict=True):
        lines.add(told(arrival.observation, at_ms))
    return statuses, lines.write()


def _sort_out(
    connection: Connection, arrivals: Sequence[Arrival]
) -> tuple[list[ReceiptStatus], list[Arrival], list[Row]]:
    table = schema.report
    key_columns = (table.c.gateway_id, table.c.stream_id, table.c.sequence)
    known: dict[Key, tuple[int | None, str]] = {}
    for some in portions(list({arrival.key for arrival in arrivals}), 250):
        query = select(*key_columns, table.c.number, table.c.digest).where(
            tuple_(*key_columns).in_(some)
        )
        for gateway_id, stream_id, sequence, number, digest in connection.execute(query):
            known[gateway_id, stream_id, sequence] = (number, digest)
    statuses: list[ReceiptStatus] = []
    fresh: list[Arrival] = []
    clashes: list[tuple[Arrival, Key]] = []
    for arrival in arrivals:
        first = known.get(arrival.key)
        if first is None:
            known[arrival.key] = (None, arrival.observation.digest)
            fresh.append(arrival)
            statuses.append(ReceiptStatus.ACCEPTED)
        elif first[1] == arrival.observation.digest:
            statuses.append(ReceiptStatus.DUPLICATE)
        else:
            statuses.append(ReceiptStatus.CONFLICT)
            clashes.append((arrival, arrival.key))
    conflicts = [
        {
            "report": number,
            "received_ms": arrival.received_ms,
            "digest": arrival.observation.digest,
            "body": arrival.observation.body,
        }
        for arrival, key in clashes
        if (number := known[key][0]) is not None
    ]
    return statuses, fresh, conflicts


def _date(connection: Connection, fresh: Sequence[Arrival]) -> tuple[list[int], list[int]]:
    """Date new reports; also return the numbers of kept ones whose date had to change."""
    streams: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for place, arrival in enumerate(fresh):
        streams[arrival.key[:2]].append(place)
    known: dict[tuple[str, str], bytes] = {}
    table = schema.stream
    key_columns = (table.c.gateway_id, table.c.stream_id)
    for some in portions(list(streams), 250):
        query = select(table).where(tuple_(*key_columns).in_(some))
        known.update({(row[0], row[1]): row.clock for row in connection.execute(query)})
    dates = [0] * len(fresh)
    redated: list[int] = []
    rows: list[Row] = []
    for stream, places in streams.items():
        clock = _clock.decode(known[stream]) if stream in known else StreamClock()
        places.sort(key=lambda place: fresh[place].tick.order)
        ticks = [fresh[place].tick for place in places]
        if (stream in known and clock.must_rewind(ticks[0])) or _rewinds_within(clock, ticks):
            found, clock = _date_anew(connection, stream, ticks, redated)
            for place in places:
                dates[place] = found[fresh[place].tick.order]
        else:
            for place, tick in zip(places, ticks, strict=True):
                dates[place] = clock.advance(tick)
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


def _rewinds_within(clock: StreamClock, ticks: Sequence[ClockReading]) -> bool:
    """Return whether a trusted clock comes after guessed ones inside this batch or before it."""
    guessed = {clock.tail[0]} if clock.guessed and clock.boot_start_ms is None else set()
    trusted = {clock.tail[0]} if clock.boot_start_ms is not None else set()
    for tick in ticks:
        if tick.trusted:
            if tick.boot in guessed and tick.boot not in trusted:
                return True
            trusted.add(tick.boot)
        else:
            guessed.add(tick.boot)
    return False


def _date_anew(
    connection: Connection,
    stream: tuple[str, str],
    fresh: Sequence[ClockReading],
    redated: list[int],
) -> tuple[Mapping[tuple[int, int, int], int], StreamClock]:
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
    kept: list[tuple[ClockReading, int, int]] = [
        (ClockReading((boot, uptime, sequence), observed, latest, synchronized), number, at_ms)
        for number, boot, uptime, sequence, observed, latest, synchronized, at_ms in (
            connection.execute(query)
        )
    ]
    ticks = sorted([*fresh, *(tick for tick, _, _ in kept)], key=lambda tick: tick.order)
    dates, clock = date_stream(ticks)
    found = {tick.order: at_ms for tick, at_ms in zip(ticks, dates, strict=True)}
    moved = [
        {"row": number, "date": found[tick.order]}
        for tick, number, at_ms in kept
        if found[tick.order] != at_ms
    ]
    if moved:
        connection.execute(
            update(table).where(table.c.number == bindparam("row")).values(at_ms=bindparam("date")),
            moved,
        )
        redated += [row["row"] for row in moved]
    return found, clock


def _store(connection: Connection, fresh: Sequence[Arrival], dates: Sequence[int]) -> None:
    last = connection.execute(select(func.max(schema.report.c.number))).scalar() or 0
    reports: list[Row] = []
    cards: list[Row] = []
    aliases: set[tuple[str, str, str, str]] = set()
    gateways: dict[str, Row] = {}
    for number, (arrival, at_ms) in enumerate(zip(fresh, dates, strict=True), start=last + 1):
        one = arrival.observation
        imei_key = item_key("modem", one.imei) if one.imei else None
        reports.append(
            {
                "number": number,
                "gateway_id": one.gateway_id,
                "stream_id": one.stream_id,
                "sequence": one.sequence,
                "report_id": one.report_id,
                "boot_count": one.boot_count,
                "uptime_ms": one.uptime_ms,
                "observed_ms": one.observed_ms,
                "received_ms": arrival.received_ms,
                "latest_ms": arrival.latest_ms,
                "synchronized": one.synchronized,
                "at_ms": at_ms,
                "reason": one.reason,
                "place": one.place,
                "imei": one.imei,
                "imei_key": imei_key,
                "facts": msgspec.json.encode(one.modem),
                "digest": one.digest,
                "body": one.body,
            }
        )
        if imei_key:
            for name in ("imeisv", "meid", "serial_number"):
                if name in one.modem:
                    aliases.add((name, one.modem[name], "modem", imei_key))
        for card in one.cards:
            key = item_key("card", card.iccid) if card.iccid else None
            cards.append(
                {
                    "report": number,
                    "slot": card.slot,
                    "state": card.state,
                    "iccid": card.iccid,
                    "iccid_key": key,
                    "imsi": card.imsi,
                    "eid": card.eid,
                }
            )
            if key:
                for name in ("imsi", "eid"):
                    if (value := getattr(card, name)) is not None:
                        aliases.add((name, value, "card", key))
        gateways[one.gateway_id] = _gateway_row(gateways.get(one.gateway_id), arrival, at_ms)
    connection.execute(schema.report.insert(), reports)
    if cards:
        connection.execute(schema.card_reading.insert(), cards)
    if aliases:
        names = ("kind", "value", "item_kind", "item_key")
        connection.execute(
            insert(schema.alias).on_conflict_do_nothing(),
            [dict(zip(names, found, strict=True)) for found in sorted(aliases)],
        )
    _store_gateways(connection, list(gateways.values()))


def _gateway_row(before: Row | None, arrival: Arrival, at_ms: int) -> Row:
    one = arrival.observation
    return {
        "gateway_id": one.gateway_id,
        "first_ms": min(at_ms, before["first_ms"]) if before else at_ms,
        "last_ms": max(at_ms, before["last_ms"]) if before else at_ms,
        "last_received_ms": arrival.received_ms,
        "agent_version": one.agent_version,
        "reports": before["reports"] + 1 if before else 1,
    }


def _store_gateways(connection: Connection, rows: Sequence[Row]) -> None:
    table = schema.gateway
    statement = insert(table)
    said = statement.excluded
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["gateway_id"],
            set_={
                "first_ms": func.min(table.c.first_ms, said.first_ms),
                "last_ms": func.max(table.c.last_ms, said.last_ms),
                "last_received_ms": said.last_received_ms,
                "agent_version": said.agent_version,
                "reports": table.c.reports + said.reports,
            },
        ),
        rows,
    )
