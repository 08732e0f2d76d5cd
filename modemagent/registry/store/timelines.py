"""Updates of the timelines of places and units in the database: places first, then units.

If all new readings of a timeline follow its last one, they are applied to the stored state. If one
is late, or the date of a stored report was corrected, the timeline is derived again from all its
readings and the difference is written: an event that no longer follows is withdrawn, one that
differs gets a new revision. Both ways produce the same rows.

Longer than 300 lines because both ways must agree row by row.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, bindparam, delete, func, select, update
from sqlalchemy.dialects.sqlite import insert

from modemagent.registry.sightings import Sighting, TimelineKey
from modemagent.registry.store import schema
from modemagent.registry.store.replay import chunks, sightings_at_place, sightings_of_unit
from modemagent.registry.timeline import (
    Changes,
    Departure,
    Interval,
    Order,
    PlaceState,
    Reading,
    RegistryEvent,
    UnitKind,
    UnitTimeline,
    advance_place,
    advance_unit,
    unit_key,
)

_orders = msgspec.json.Decoder(Order)
_place_states = msgspec.json.Decoder(PlaceState)
_unit_timelines = msgspec.json.Decoder(UnitTimeline)

Row = dict[str, Any]
#: Name of a timeline, and an event of it.
NamedEvent = tuple[str, RegistryEvent]


class TimelineWriter:
    """The timelines that one batch of reports changes.

    :param now_ms: time at which the changes are recorded
    """

    def __init__(self, connection: Connection, now_ms: int) -> None:
        self._connection = connection
        self._now_ms = now_ms
        self._position: int | None = None
        self._place_readings: defaultdict[TimelineKey, list[Reading]] = defaultdict(list)
        self._unit_readings: defaultdict[TimelineKey, list[Reading | Departure]] = defaultdict(list)
        self._stale_places: set[TimelineKey] = set()
        self._stale_units: set[TimelineKey] = set()

    def add(self, sighting: Sighting) -> None:
        """Add a new report, already stored."""
        for timeline, reading in sighting.place_readings():
            self._place_readings[timeline].append(reading)
        for timeline, reading in sighting.unit_readings():
            self._unit_readings[timeline].append(reading)

    def redate(self, sighting: Sighting) -> None:
        """Mark the timelines of a stored report whose date has changed."""
        self._stale_places.update(timeline for timeline, _ in sighting.place_readings())
        self._stale_units.update(timeline for timeline, _ in sighting.unit_readings())

    def write(self) -> list[str]:
        """Update all timelines; return the ids of new and changed events."""
        changed: list[str] = []
        events: list[NamedEvent] = []
        self._write_places(changed, events)
        self._write_units(changed, events)
        return changed + self._write_events(events)

    def _write_places(self, changed: list[str], events: list[NamedEvent]) -> None:
        states = self._states(schema.place, {*self._place_readings, *self._stale_places})
        rows: list[Row] = []
        departures: list[Row] = []
        for timeline, stored in states.items():
            kind, key = timeline
            state = _place_states.decode(stored) if stored else PlaceState()
            readings = sorted(self._place_readings.get(timeline, ()), key=lambda one: one.order)
            changes = Changes(kind)
            name = _timeline_name("seat", timeline)
            stale = timeline in self._stale_places or _late(state.last_order, readings)
            if stale:
                state, readings = PlaceState(), self._all_place_readings(timeline)
            for reading in readings:
                advance_place(state, reading, changes)
            if stale:
                changed += self._rewrite_events(name, changes)
                self._rewrite_departures(timeline, changes)
            else:
                events += [(name, event) for event in changes.events.values()]
                departures += [_departure_row(kind, one) for one in changes.departures]
                for one in changes.departures:
                    self._unit_readings[kind, unit_key(kind, one.number)].append(one)
            rows.append({"kind": kind, "key": key, "state": msgspec.json.encode(state)})
        self._upsert(schema.place, rows, ("kind", "key"))
        if departures:
            self._connection.execute(schema.departure.insert(), departures)

    def _write_units(self, changed: list[str], events: list[NamedEvent]) -> None:
        states = self._states(schema.unit, {*self._unit_readings, *self._stale_units})
        rows: list[Row] = []
        intervals: list[Row] = []
        withdrawn: list[str] = []
        for timeline, stored in states.items():
            kind, key = timeline
            state = _unit_timelines.decode(stored) if stored else UnitTimeline()
            readings = sorted(self._unit_readings.get(timeline, ()), key=_departures_first)
            changes = Changes(kind)
            name = _timeline_name("item", timeline)
            stale = timeline in self._stale_units or _late(state.last_order, readings)
            if stale:
                state, readings = UnitTimeline(), self._all_unit_readings(timeline)
            for reading in readings:
                advance_unit(state, reading, changes)
            written = [self._interval_row(kind, *k, one) for k, one in changes.intervals.items()]
            if stale:
                changed += self._rewrite_events(name, changes)
                self._delete_intervals(timeline, written)
            else:
                events += [(name, event) for event in changes.events.values()]
                withdrawn += sorted(changes.withdrawn)
            intervals += written
            rows.append({"kind": kind, "key": key, "state": msgspec.json.encode(state)})
        self._upsert(schema.unit, rows, ("kind", "key"))
        key_columns = ("kind", "item_key", "seat", "opened_by")
        self._upsert(schema.interval, intervals, key_columns, keep=("recorded_ms",))
        changed += self._withdraw(withdrawn)

    # reading

    def _states(
        self, table: Any, timelines: Iterable[TimelineKey]
    ) -> dict[TimelineKey, bytes | None]:
        """Return the stored states of timelines in the order of their keys."""
        found: dict[TimelineKey, bytes | None] = dict.fromkeys(sorted(timelines))
        for kind in UnitKind:
            for some in chunks([key for one, key in found if one == kind]):
                query = select(table.c.key, table.c.state).where(
                    table.c.kind == kind, table.c.key.in_(some)
                )
                found.update(
                    {(kind, row.key): row.state for row in self._connection.execute(query)}
                )
        return found

    def _all_place_readings(self, timeline: TimelineKey) -> list[Reading]:
        readings = [
            reading
            for sighting in sightings_at_place(self._connection, timeline)
            for found, reading in sighting.place_readings()
            if found == timeline
        ]
        return sorted(readings, key=lambda reading: reading.order)

    def _all_unit_readings(self, timeline: TimelineKey) -> list[Reading | Departure]:
        kind, key = timeline
        readings: list[Reading | Departure] = [
            reading
            for sighting in sightings_of_unit(self._connection, timeline)
            for found, reading in sighting.unit_readings()
            if found == timeline
        ]
        table = schema.departure
        query = select(table).where(table.c.kind == kind, table.c.item_key == key)
        readings += [
            Departure(_orders.decode(row.orders), row.report, row.seat, row.item, row.cause)
            for row in self._connection.execute(query)
        ]
        return sorted(readings, key=_departures_first)

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

    def _rewrite_departures(self, timeline: TimelineKey, changes: Changes) -> None:
        kind, key = timeline
        table = schema.departure
        here = (table.c.kind == kind) & (table.c.seat == key)
        before = {
            (row.report, row.item, row.cause, bytes(row.orders)): row.item_key
            for row in self._connection.execute(select(table).where(here))
        }
        rows = [_departure_row(kind, departure) for departure in changes.departures]
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
        self._stale_units.update((kind, {**before, **after}[name]) for name in differing)

    def _delete_intervals(self, timeline: TimelineKey, rewritten: Sequence[Row]) -> None:
        """Delete the intervals of a unit; those written again keep the time of recording."""
        kind, key = timeline
        table = schema.interval
        here = (table.c.kind == kind) & (table.c.item_key == key)
        recorded = {
            (row.seat, row.opened_by): row.recorded_ms
            for row in self._connection.execute(select(table).where(here))
        }
        self._connection.execute(delete(table).where(here))
        for row in rewritten:
            row["recorded_ms"] = recorded.get((row["seat"], row["opened_by"]), self._now_ms)

    def _interval_row(
        self, kind: UnitKind, key: str, place: str, opened_by: str, interval: Interval
    ) -> Row:
        return {
            "kind": kind,
            "item_key": key,
            "seat": place,
            "opened_by": opened_by,
            "first_ms": interval.first_ms,
            "last_ms": interval.last_ms,
            "last_by": interval.last_report,
            "closed_ms": interval.closed_ms,
            "closed_by": interval.closed_by,
            "cause": interval.cause,
            "gateway_id": interval.identities.gateway_id,
            "pair": msgspec.json.encode(interval.identities),
            "recorded_ms": self._now_ms,
        }

    def _rewrite_events(self, timeline: str, changes: Changes) -> list[str]:
        table = schema.event
        query = select(table.c.id).where(table.c.line == timeline, ~table.c.withdrawn)
        stored = self._connection.execute(query).scalars()
        changed = self._withdraw([one for one in stored if one not in changes.events])
        return changed + self._write_events([(timeline, one) for one in changes.events.values()])

    def _withdraw(self, ids: Sequence[str]) -> list[str]:
        table = schema.event
        statement = (
            update(table)
            .where(table.c.id == bindparam("withdrawn_id"))
            .values(
                withdrawn=True,
                revision=table.c.revision + 1,
                position=bindparam("next_position"),
                recorded_ms=self._now_ms,
            )
        )
        rows = [{"withdrawn_id": one, "next_position": self._next_position()} for one in ids]
        if rows:
            self._connection.execute(statement, rows)
        return list(ids)

    def _write_events(self, events: Sequence[NamedEvent]) -> list[str]:
        """Write events that are new or differ from the stored ones; return their ids."""
        table = schema.event
        known: dict[str, Any] = {}
        for some in chunks([event.id for _, event in events]):
            query = select(table).where(table.c.id.in_(some))
            known.update({row.id: row for row in self._connection.execute(query)})
        rows: list[Row] = []
        for timeline, event in sorted(
            events, key=lambda one: (one[1].at_ms, one[1].type, one[1].id)
        ):
            row = _event_row(timeline, event)
            before = known.get(event.id)
            same = all(getattr(before, name, None) == row[name] for name in row)
            if before is not None and same and not before.withdrawn:
                continue
            rows.append(
                {
                    **row,
                    "revision": 1 if before is None else before.revision + 1,
                    "withdrawn": False,
                    "position": self._next_position(),
                    "recorded_ms": self._now_ms,
                }
            )
        self._upsert(table, rows, ("id",))
        written = [row["id"] for row in rows]
        self._index_events([one for _, one in events if one.id in set(written)], known.keys())
        return written

    def _index_events(self, events: Sequence[RegistryEvent], revised: Container[str]) -> None:
        """Store the units that events are about, so that both find them."""
        table = schema.event_about
        for some in chunks([event.id for event in events if event.id in revised]):
            self._connection.execute(delete(table).where(table.c.event.in_(some)))
        about = {
            (kind, unit_key(kind, number), event.id)
            for event in events
            for identities in (event.previous, event.new)
            if identities is not None
            for kind, number in (
                (UnitKind.MODEM, identities.imei),
                (UnitKind.SIM, identities.iccid),
            )
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


def _late(last_order: Order | None, readings: Sequence[Reading | Departure]) -> bool:
    return bool(readings) and last_order is not None and readings[0].order <= last_order


def _departures_first(reading: Reading | Departure) -> tuple[Order, bool]:
    return reading.order, isinstance(reading, Reading)


def _timeline_name(table: str, timeline: TimelineKey) -> str:
    return f"{table}\t{timeline[0]}\t{timeline[1]}"


def _departure_row(kind: UnitKind, departure: Departure) -> Row:
    return {
        "kind": kind,
        "seat": departure.place,
        "report": departure.report,
        "item": departure.number,
        "item_key": unit_key(kind, departure.number),
        "cause": departure.cause,
        "orders": msgspec.json.encode(departure.order),
    }


def _event_row(timeline: str, event: RegistryEvent) -> Row:
    sides = {"previous": event.previous, "new": event.new}
    data = {**sides, **event.extra, "report": event.report}
    names = ("id", "type", "at_ms", "subject", "gateway_id", "report")
    return {
        **{name: getattr(event, name) for name in names},
        "line": timeline,
        "data": msgspec.json.encode(data),
    }
