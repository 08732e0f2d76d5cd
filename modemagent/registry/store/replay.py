"""Stored reports loaded as sightings, for timelines that are derived again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import TypeVar

import msgspec
from sqlalchemy import ColumnElement, Connection, and_, select

from modemagent.registry.sightings import Sighting, TimelineKey
from modemagent.registry.store.schema import report, sim_reading
from modemagent.registry.timeline import UnitKind
from modemagent.registry.validation import SimReading

T = TypeVar("T")

_PARAMETERS = 400  # SQLite takes 32,766 in one statement, older builds 999

_facts = msgspec.json.Decoder(dict[str, str])


def chunks(values: Sequence[T], size: int = _PARAMETERS) -> Iterator[Sequence[T]]:
    """Split a sequence into parts that fit the parameters of one statement."""
    for start in range(0, len(values), size):
        yield values[start : start + size]


def sightings_at_place(connection: Connection, timeline: TimelineKey) -> list[Sighting]:
    """Return all reports about a place, in no particular order."""
    kind, key = timeline
    left, _, right = key.partition("\t")
    if kind == UnitKind.MODEM:
        return _load(connection, and_(report.c.gateway_id == left, report.c.place == right))
    return _load(connection, report.c.imei_key == left)


def sightings_of_unit(connection: Connection, timeline: TimelineKey) -> list[Sighting]:
    """Return all reports that contain a unit, in no particular order."""
    kind, key = timeline
    if kind == UnitKind.MODEM:
        return _load(connection, report.c.imei_key == key)
    numbers = select(sim_reading.c.report).where(sim_reading.c.iccid_key == key)
    return _load(connection, report.c.number.in_(numbers))


def sightings_numbered(connection: Connection, numbers: Sequence[int]) -> list[Sighting]:
    """Return the reports with these row numbers."""
    return [
        sighting
        for some in chunks(numbers)
        for sighting in _load(connection, report.c.number.in_(some))
    ]


def _load(connection: Connection, which: ColumnElement[bool]) -> list[Sighting]:
    sims: defaultdict[int, list[SimReading]] = defaultdict(list)
    sim_columns = [sim_reading.c[name] for name in SimReading.__struct_fields__]
    of_sims = (
        select(sim_reading.c.report, *sim_columns)
        .join(report, report.c.number == sim_reading.c.report)
        .where(which)
        .order_by(sim_reading.c.report, sim_reading.c.slot)
    )
    for number, *values in connection.execute(of_sims):
        sims[number].append(SimReading(*values))
    columns = [
        report.c["place" if name == "device_id" else name]
        for name in Sighting.__struct_fields__
        if name != "sims"
    ]
    return [
        Sighting(*(*values, _facts.decode(facts), tuple(sims.get(number, ()))))
        for number, *values, facts in connection.execute(
            select(report.c.number, *columns).where(which)
        )
    ]
