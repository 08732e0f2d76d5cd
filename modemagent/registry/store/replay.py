"""Readings of stored reports, for timelines that are derived again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from sqlalchemy import ColumnElement, Connection, and_, select, tuple_

from modemagent.registry.sightings import Sighting, TimelineKey
from modemagent.registry.store.schema import departure, report, sim_reading
from modemagent.registry.store.statements import chunks
from modemagent.registry.timeline import Departure, Reading, UnitKind
from modemagent.registry.validation import SimReading

Readings = list[Reading | Departure]


def readings_at_place(connection: Connection, timeline: TimelineKey) -> Readings:
    """Return all readings of a place in order."""
    kind, key = timeline
    left, _, right = key.partition("\t")
    if kind == UnitKind.MODEM:
        which = and_(report.c.gateway_id == left, report.c.device_id == right)
    else:
        which = report.c.imei_key == left
    return in_order(
        reading
        for sighting in _load(connection, which)
        for found, reading in sighting.place_readings()
        if found == timeline
    )


def readings_of_unit(connection: Connection, timeline: TimelineKey) -> Readings:
    """Return all readings of a unit and its departures from places in order."""
    kind, key = timeline
    which: ColumnElement[bool] = report.c.imei_key == key
    if kind == UnitKind.SIM:
        numbers = select(sim_reading.c.report).where(sim_reading.c.iccid_key == key)
        which = report.c.number.in_(numbers)
    readings: Readings = [
        reading
        for sighting in _load(connection, which)
        for found, reading in sighting.unit_readings()
        if found == timeline
    ]
    columns = (departure.c[name] for name in Departure.__struct_fields__)
    query = select(*columns).where(tuple_(departure.c.kind, departure.c.key) == timeline)
    return in_order([*readings, *(Departure(*row) for row in connection.execute(query))])


def in_order(readings: Iterable[Reading | Departure]) -> Readings:
    """Sort readings; of one report, departures come first."""
    return sorted(readings, key=lambda one: (one.order, isinstance(one, Reading)))


def sightings_numbered(connection: Connection, numbers: Sequence[int]) -> list[Sighting]:
    """Return the reports with these row numbers."""
    return [
        sighting
        for some in chunks(numbers)
        for sighting in _load(connection, report.c.number.in_(some))
    ]


def _load(connection: Connection, which: ColumnElement[bool]) -> list[Sighting]:
    sims: defaultdict[int, list[SimReading]] = defaultdict(list)
    stored = [name for name in SimReading.__struct_fields__ if name in sim_reading.c]
    of_sims = (
        select(sim_reading.c.report, *(sim_reading.c[name] for name in stored))
        .join(report, report.c.number == sim_reading.c.report)
        .where(which)
        .order_by(sim_reading.c.report, sim_reading.c.slot)
    )
    for number, *values in connection.execute(of_sims):
        sims[number].append(SimReading(*values))
    columns = [report.c[name] for name in Sighting.__struct_fields__ if name != "sims"]
    return [
        Sighting(*(*values, tuple(sims.get(number, ()))))
        for number, *values in connection.execute(select(report.c.number, *columns).where(which))
    ]
