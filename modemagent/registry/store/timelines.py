"""Lines of history in the database: seats first, then items.

A line takes its new readings one by one when all of them follow its last one. Otherwise, and when
a date of one of its kept reports was corrected, it is folded anew and the difference is written:
an event that no longer follows is withdrawn, one that reads differently gets a new revision. Both
ways end in the same rows.

Above 300 lines: taking on, folding anew and correcting must agree row by row.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, bindparam, delete, func, select, update
from sqlalchemy.dialects.sqlite import insert

from modemagent.registry.sightings import LineKey, Sighting
from modemagent.registry.store import schema
from modemagent.registry.store.replay import portions, reports_of_item, reports_of_seat
from modemagent.registry.timeline import (
    Changes,
    Departure,
    Identities,
    Interval,
    Order,
    PlaceState,
    Reading,
    RegistryEvent,
    UnitTimeline,
    advance_place,
    advance_unit,
    item_key,
)

_order = msgspec.json.Decoder(Order)
_seat = msgspec.json.Decoder(PlaceState)
_items = msgspec.json.Decoder(UnitTimeline)

Row = dict[str, Any]


class TimelineWriter:
    """The lines of history that one batch touches.

    :param now_ms: when the registry learned all this
    """

    def __init__(self, connection: Connection, now_ms: int) -> None:
        self._connection = connection
        self._now_ms = now_ms
        self._position: int | None = None
        self._seat_readings: defaultdict[LineKey, list[Reading]] = defaultdict(list)
        self._item_readings: defaultdict[LineKey, list[Reading | Departure]] = defaultdict(list)
        self._stale_seats: set[LineKey] = set()
        self._stale_items: set[LineKey] = set()

    def add(self, told: Sighting) -> None:
        """Take a new report, already stored."""
        for line, reading in told.seats():
            self._seat_readings[line].append(reading)
        for line, reading in told.items():
            self._item_readings[line].append(reading)

    def redate(self, told: Sighting) -> None:
        """Take note that a kept report has another date now."""
        self._stale_seats.update(line for line, _ in told.seats())
        self._stale_items.update(line for line, _ in told.items())

    def write(self) -> list[str]:
        """Bring all touched lines up to date; return the ids of new or changed events."""
        changed: list[str] = []
        told: list[tuple[str, RegistryEvent]] = []
        self._write_seats(changed, told)
        self._write_items(changed, told)
        return changed + self._tell(told)

    def _write_seats(self, changed: list[str], told_now: list[tuple[str, RegistryEvent]]) -> None:
        lines = {*self._seat_readings, *self._stale_seats}
        known = self._states(schema.seat, lines)
        rows: list[Row] = []
        departures: list[Row] = []
        for line in sorted(lines):
            kind, key = line
            seat = _seat.decode(known[line]) if line in known else PlaceState()
            fresh = sorted(self._seat_readings.get(line, ()), key=lambda reading: reading.order)
            out = Changes()
            if line in self._stale_seats or _late(seat.tail, fresh):
                seat = PlaceState()
                for reading in self._all_readings(line):
                    advance_place(kind, seat, reading, out)
                changed += self._rewrite_events(_line_name("seat", line), out)
                self._rewrite_departures(line, out)
            else:
                for reading in fresh:
                    advance_place(kind, seat, reading, out)
                told_now += [(_line_name("seat", line), event) for event in out.events.values()]
                departures += [_departure_row(kind, gone) for gone in out.departures]
                for gone in out.departures:
                    self._item_readings[(kind, item_key(kind, gone.item))].append(gone)
            rows.append({"kind": kind, "key": key, "state": msgspec.json.encode(seat)})
        self._upsert(schema.seat, rows, ("kind", "key"))
        if departures:
            self._connection.execute(schema.departure.insert(), departures)

    def _write_items(self, changed: list[str], told_now: list[tuple[str, RegistryEvent]]) -> None:
        lines = {*self._item_readings, *self._stale_items}
        known = self._states(schema.item, lines)
        rows: list[Row] = []
        stays: list[Row] = []
        withdrawn: list[str] = []
        for line in sorted(lines):
            kind, key = line
            state = _items.decode(known[line]) if line in known else UnitTimeline()
            fresh = sorted(self._item_readings.get(line, ()), key=_departures_first)
            out = Changes()
            if line in self._stale_items or _late(state.tail, fresh):
                state = UnitTimeline()
                for reading in self._all_sightings(line):
                    advance_unit(kind, state, reading, out)
                changed += self._rewrite_events(_line_name("item", line), out)
                stays += self._rewritten_stays(line, out)
            else:
                for reading in fresh:
                    advance_unit(kind, state, reading, out)
                told_now += [(_line_name("item", line), event) for event in out.events.values()]
                withdrawn += sorted(out.withdrawn)
                stays += [self._stay_row(kind, *name, stay) for name, stay in out.stays.items()]
            rows.append({"kind": kind, "key": key, "state": msgspec.json.encode(state)})
        self._upsert(schema.item, rows, ("kind", "key"))
        self._upsert(
            schema.stay, stays, ("kind", "item_key", "seat", "opened_by"), keep=("recorded_ms",)
        )
        changed += self._withdraw(withdrawn)

    # reading

    def _states(self, table: Any, lines: Iterable[LineKey]) -> dict[LineKey, bytes]:
        found: dict[LineKey, bytes] = {}
        for kind in ("modem", "card"):
            keys = [key for one, key in lines if one == kind]
            for some in portions(keys):
                query = select(table.c.key, table.c.state).where(
                    table.c.kind == kind, table.c.key.in_(some)
                )
                found.update(
                    {(kind, row.key): row.state for row in self._connection.execute(query)}
                )
        return found

    def _all_readings(self, line: LineKey) -> list[Reading]:
        readings = [
            reading
            for told in reports_of_seat(self._connection, line)
            for found, reading in told.seats()
            if found == line
        ]
        return sorted(readings, key=lambda reading: reading.order)

    def _all_sightings(self, line: LineKey) -> list[Reading | Departure]:
        kind, key = line
        sightings: list[Reading | Departure] = [
            reading
            for told in reports_of_item(self._connection, line)
            for found, reading in told.items()
            if found == line
        ]
        left = schema.departure
        query = select(left).where(left.c.kind == kind, left.c.item_key == key)
        sightings += [
            Departure(_order.decode(row.orders), row.report, row.seat, row.item, row.cause)
            for row in self._connection.execute(query)
        ]
        return sorted(sightings, key=_departures_first)

    # writing

    def _upsert(
        self, table: Any, rows: Sequence[Row], key: tuple[str, ...], keep: tuple[str, ...] = ()
    ) -> None:
        if not rows:
            return
        statement = insert(table)
        others = [name for name in rows[0] if name not in key and name not in keep]
        statement = statement.on_conflict_do_update(
            index_elements=list(key), set_={name: statement.excluded[name] for name in others}
        )
        self._connection.execute(statement, rows)

    def _rewrite_departures(self, line: LineKey, out: Changes) -> None:
        kind, key = line
        table = schema.departure
        here = (table.c.kind == kind) & (table.c.seat == key)
        before = {
            (row.report, row.item, row.cause, bytes(row.orders)): row.item_key
            for row in self._connection.execute(select(table).where(here))
        }
        rows = [_departure_row(kind, gone) for gone in out.departures]
        after = {
            (row["report"], row["item"], row["cause"], row["orders"]): row["item_key"]
            for row in rows
        }
        if before == after:
            return
        self._connection.execute(delete(table).where(here))
        if rows:
            self._connection.execute(table.insert(), rows)
        differing = before.keys() ^ after.keys()
        self._stale_items.update((kind, {**before, **after}[name]) for name in differing)

    def _rewritten_stays(self, line: LineKey, out: Changes) -> list[Row]:
        kind, key = line
        table = schema.stay
        here = (table.c.kind == kind) & (table.c.item_key == key)
        recorded = {
            (row.seat, row.opened_by): row.recorded_ms
            for row in self._connection.execute(select(table).where(here))
        }
        self._connection.execute(delete(table).where(here))
        rows = [self._stay_row(kind, *name, stay) for name, stay in out.stays.items()]
        for row in rows:
            row["recorded_ms"] = recorded.get((row["seat"], row["opened_by"]), self._now_ms)
        return rows

    def _stay_row(self, kind: str, key: str, seat: str, opened_by: str, stay: Interval) -> Row:
        return {
            "kind": kind,
            "item_key": key,
            "seat": seat,
            "opened_by": opened_by,
            "first_ms": stay.first_ms,
            "last_ms": stay.last_ms,
            "last_by": stay.last_by,
            "closed_ms": stay.closed_ms,
            "closed_by": stay.closed_by,
            "cause": stay.cause,
            "gateway_id": stay.pair.gateway_id,
            "pair": msgspec.json.encode(stay.pair),
            "recorded_ms": self._now_ms,
        }

    def _rewrite_events(self, line: str, out: Changes) -> list[str]:
        table = schema.event
        query = select(table.c.id).where(table.c.line == line, ~table.c.withdrawn)
        gone = [row.id for row in self._connection.execute(query) if row.id not in out.events]
        changed = self._withdraw(gone)
        return changed + self._tell([(line, event) for event in out.events.values()])

    def _withdraw(self, ids: Sequence[str]) -> list[str]:
        table = schema.event
        statement = (
            update(table)
            .where(table.c.id == bindparam("gone"))
            .values(
                withdrawn=True,
                revision=table.c.revision + 1,
                position=bindparam("at"),
                recorded_ms=self._now_ms,
            )
        )
        rows = [{"gone": event_id, "at": self._next_position()} for event_id in ids]
        if rows:
            self._connection.execute(statement, rows)
        return list(ids)

    def _tell(self, told: Sequence[tuple[str, RegistryEvent]]) -> list[str]:
        """Write events that are new, and those that read differently now."""
        table = schema.event
        known: dict[str, Any] = {}
        for some in portions([event.id for _, event in told]):
            query = select(table).where(table.c.id.in_(some))
            known.update({row.id: row for row in self._connection.execute(query)})
        rows: list[Row] = []
        for line, event in sorted(told, key=lambda one: (one[1].at_ms, one[1].type, one[1].id)):
            row = _event_row(line, event)
            before = known.get(event.id)
            if before is not None:
                if not before.withdrawn and all(getattr(before, name) == row[name] for name in row):
                    continue
                row["revision"] = before.revision + 1
            else:
                row["revision"] = 1
            rows.append(
                {
                    **row,
                    "withdrawn": False,
                    "position": self._next_position(),
                    "recorded_ms": self._now_ms,
                }
            )
        self._upsert(table, rows, ("id",))
        written = [row["id"] for row in rows]
        self._tell_about([event for _, event in told if event.id in set(written)], known.keys())
        return written

    def _tell_about(self, events: Sequence[RegistryEvent], revised: Container[str]) -> None:
        """Keep which numbers an event speaks of, so that it is found from either side."""
        table = schema.event_about
        again = [event.id for event in events if event.id in revised]
        for some in portions(again):
            self._connection.execute(delete(table).where(table.c.event.in_(some)))
        about = {
            (kind, item_key(kind, number), event.id)
            for event in events
            for pair in (event.previous, event.new)
            if pair is not None
            for kind, number in (("modem", pair.imei), ("card", pair.iccid))
            if number is not None
        }
        rows = [dict(zip(("kind", "key", "event"), one, strict=True)) for one in sorted(about)]
        if rows:
            self._connection.execute(table.insert(), rows)

    def _next_position(self) -> int:
        if self._position is None:
            last = self._connection.execute(select(func.max(schema.event.c.position))).scalar()
            self._position = last or 0
        self._position += 1
        return self._position


def _late(tail: Order | None, fresh: Sequence[Reading | Departure]) -> bool:
    return bool(fresh) and tail is not None and fresh[0].order <= tail


def _departures_first(reading: Reading | Departure) -> tuple[Order, bool]:
    return reading.order, isinstance(reading, Reading)


def _line_name(what: str, line: LineKey) -> str:
    return f"{what}\t{line[0]}\t{line[1]}"


def _departure_row(kind: str, gone: Departure) -> Row:
    return {
        "kind": kind,
        "seat": gone.seat,
        "report": gone.report,
        "item": gone.item,
        "item_key": item_key(kind, gone.item),
        "cause": gone.cause,
        "orders": msgspec.json.encode(gone.order),
    }


def _event_row(line: str, event: RegistryEvent) -> Row:
    data: dict[str, Identities | bool | str | None] = {
        "previous": event.previous,
        "new": event.new,
        **event.extra,
        "report": event.report,
    }
    return {
        "id": event.id,
        "type": event.type,
        "at_ms": event.at_ms,
        "subject": event.subject,
        "gateway_id": event.gateway_id,
        "report": event.report,
        "line": line,
        "data": msgspec.json.encode(data),
    }
