"""Updates of the timelines of places and units in the database: places first, then units.

If all new readings of a timeline follow its last one, they are applied to the stored state. If one
is late, or the date of a stored report was corrected, the timeline is derived again from all its
readings and the difference is written: an event that no longer follows is withdrawn, one that
differs gets a new revision. Both ways produce the same rows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

from sqlalchemy import Connection, Table, bindparam, delete, select, tuple_, update

from modemagent.registry.fold import advance_place, advance_unit
from modemagent.registry.sightings import Sighting, TimelineKey
from modemagent.registry.store import schema
from modemagent.registry.store.reader import last_position
from modemagent.registry.store.replay import Readings, in_order, readings_at_place, readings_of_unit
from modemagent.registry.store.statements import Row, row_of, rows_with, upsert
from modemagent.registry.timeline import (
    Changes,
    Order,
    PlaceState,
    RegistryEvent,
    UnitKind,
    UnitTimeline,
    unit_key,
)


class TimelineWriter:
    """The timelines that one batch of reports changes.

    :param now_ms: time at which the changes are recorded
    """

    def __init__(self, connection: Connection, now_ms: int) -> None:
        self._connection = connection
        self._now_ms = now_ms
        self._positions = count(last_position(connection) + 1)
        self._place_readings: defaultdict[TimelineKey, Readings] = defaultdict(list)
        self._unit_readings: defaultdict[TimelineKey, Readings] = defaultdict(list)
        self._stale_places: set[TimelineKey] = set()
        self._stale_units: set[TimelineKey] = set()
        self._events: list[tuple[str, RegistryEvent]] = []  # each with the name of its timeline
        self._withdrawn: list[str] = []

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

    def write(self) -> bool:
        """Update all timelines; return True if an event was added or changed."""
        self._write_places()
        self._write_units()
        self._withdraw_events()
        return self._write_events() or bool(self._withdrawn)

    def _write_places(self) -> None:
        departures: list[Row] = []
        for (kind, key), changes, rederived in self._fold(
            schema.place,
            PlaceState,
            advance_place,
            self._place_readings,
            self._stale_places,
            readings_at_place,
        ):
            rows = [
                row_of(schema.departure, one, kind=kind, key=unit_key(kind, one.number))
                for one in changes.departures
            ]
            departures += rows
            if rederived:
                self._replace_departures(kind, key, rows)
            else:
                for one in changes.departures:
                    self._unit_readings[kind, unit_key(kind, one.number)].append(one)
        if departures:
            self._connection.execute(schema.departure.insert(), departures)

    def _write_units(self) -> None:
        intervals: list[Row] = []
        for (kind, key), changes, rederived in self._fold(
            schema.unit,
            UnitTimeline,
            advance_unit,
            self._unit_readings,
            self._stale_units,
            readings_of_unit,
        ):
            if rederived:
                self._delete_other_intervals(kind, key, changes)
            intervals += [
                row_of(
                    schema.interval,
                    interval,
                    kind=kind,
                    key=key,
                    gateway_id=interval.identities.gateway_id,
                    recorded_ms=self._now_ms,
                )
                for interval in changes.intervals.values()
            ]
        key_columns = ("kind", "key", "place", "opened_by")
        upsert(self._connection, schema.interval, intervals, key_columns, keep=("recorded_ms",))

    def _fold(
        self,
        table: Table,
        initial: Callable[[], Any],
        advance: Callable[[Any, Any, Changes], None],
        fresh: dict[TimelineKey, Readings],
        stale: set[TimelineKey],
        load: Callable[[Connection, TimelineKey], Readings],
    ) -> list[tuple[TimelineKey, Changes, bool]]:
        """Apply the new readings of places or units; store the states, collect the events.

        :returns: changes by timeline, and whether they were derived again from all readings
        """
        c = table.c
        timelines = sorted({*fresh, *stale})
        stored = {
            (row.kind, row.key): row.state
            for row in rows_with(
                self._connection, select(c.kind, c.key, c.state), tuple_(c.kind, c.key), timelines
            )
        }
        rows: list[Row] = []
        found: list[tuple[TimelineKey, Changes, bool]] = []
        for timeline in timelines:
            kind, key = timeline
            state = stored.get(timeline) or initial()
            readings = in_order(fresh.get(timeline, ()))
            rederived = timeline in stale or _late(state.last_order, readings)
            if rederived:
                state, readings = initial(), load(self._connection, timeline)
            changes = Changes(kind)
            for reading in readings:
                advance(state, reading, changes)
            name = f"{table.name}\t{kind}\t{key}"
            self._events += [(name, event) for event in changes.events.values()]
            self._withdrawn += (
                self._events_except(name, changes) if rederived else sorted(changes.withdrawn)
            )
            rows.append({"kind": kind, "key": key, "state": state})
            found.append((timeline, changes, rederived))
        upsert(self._connection, table, rows, ("kind", "key"))
        return found

    def _replace_departures(self, kind: UnitKind, place: str, rows: list[Row]) -> None:
        """Delete the departures from a place; mark the units of those that differ from ``rows``."""
        table = schema.departure
        here = (table.c.kind == kind) & (table.c.place == place)
        stored = self._connection.execute(select(table).where(here))
        before = {row.report: dict(zip(table.c.keys(), row, strict=True)) for row in stored}
        after = {row["report"]: row for row in rows}
        for some, others in ((before, after), (after, before)):
            self._stale_units.update(
                (kind, row["key"]) for report, row in some.items() if others.get(report) != row
            )
        self._connection.execute(delete(table).where(here))

    def _delete_other_intervals(self, kind: UnitKind, key: str, changes: Changes) -> None:
        """Delete the intervals of a unit that are not among its changes."""
        c = schema.interval.c
        unit = (c.kind == kind) & (c.key == key)
        stored = self._connection.execute(select(c.place, c.opened_by).where(unit))
        gone = [
            {"gone_place": place, "gone_report": opened_by}
            for place, opened_by in stored
            if (place, opened_by) not in changes.intervals
        ]
        if gone:
            which = (c.place == bindparam("gone_place")) & (c.opened_by == bindparam("gone_report"))
            self._connection.execute(delete(schema.interval).where(unit, which), gone)

    def _events_except(self, timeline: str, changes: Changes) -> list[str]:
        """Return the ids of stored events of a timeline that are not among its changes."""
        c = schema.event.c
        query = select(c.id).where(c.timeline == timeline, ~c.withdrawn)
        stored = self._connection.execute(query).scalars()
        return [one for one in stored if one not in changes.events]

    def _withdraw_events(self) -> None:
        table = schema.event
        statement = (
            update(table)
            .where(table.c.id == bindparam("event_id"))
            .values(
                withdrawn=True,
                revision=table.c.revision + 1,
                position=bindparam("next_position"),
                recorded_ms=self._now_ms,
            )
        )
        rows = [
            {"event_id": one, "next_position": next(self._positions)} for one in self._withdrawn
        ]
        if rows:
            self._connection.execute(statement, rows)

    def _write_events(self) -> bool:
        """Write events that are new or differ from the stored ones; return True if any do."""
        table = schema.event
        ids = [event.id for _, event in self._events]
        known = {row.id: row for row in rows_with(self._connection, select(table), table.c.id, ids)}
        written: list[RegistryEvent] = []
        rows: list[Row] = []
        for timeline, event in sorted(self._events, key=_by_date):
            row = row_of(table, event, timeline=timeline, withdrawn=False)
            before = known.get(event.id)
            if before and all(getattr(before, name) == value for name, value in row.items()):
                continue
            written.append(event)
            row["revision"] = before.revision + 1 if before else 1
            row["position"] = next(self._positions)
            row["recorded_ms"] = self._now_ms
            rows.append(row)
        if rows:
            upsert(self._connection, table, rows, ("id",))
            self._index_events(written)
        return bool(rows)

    def _index_events(self, events: list[RegistryEvent]) -> None:
        """Store the units that events are about, so that both find them."""
        table = schema.event_about
        self._connection.execute(
            delete(table).where(table.c.event == bindparam("revised")),
            [{"revised": event.id} for event in events],
        )
        rows = [
            {"kind": kind, "key": key, "event": event.id}
            for event in events
            for kind, key in sorted(set(_units_of(event)))
        ]
        if rows:
            self._connection.execute(table.insert(), rows)


def _units_of(event: RegistryEvent) -> Iterator[TimelineKey]:
    for identities in (event.data.previous, event.data.new):
        if identities and identities.imei:
            yield UnitKind.MODEM, unit_key(UnitKind.MODEM, identities.imei)
        if identities and identities.iccid:
            yield UnitKind.SIM, unit_key(UnitKind.SIM, identities.iccid)


def _by_date(named: tuple[str, RegistryEvent]) -> tuple[int, str, str]:
    event = named[1]
    return event.at_ms, event.type, event.id


def _late(last_order: Order | None, readings: Readings) -> bool:
    return bool(readings) and last_order is not None and readings[0].order <= last_order
