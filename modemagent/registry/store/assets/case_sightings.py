"""Reports of devices whose case is open: noted for each place, and found by ``case.sighted``.

The places of such a device are marked, so that each of its readings is kept as evidence. A device
that appears at another place is found there by its number, whether the place is new or not.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, select

from modemagent.identity.iccid import Iccid
from modemagent.registry.assets.case_fields import TRACKED, shown_cell
from modemagent.registry.lists.entries import candidates
from modemagent.registry.rules.inputs import ReportMoment, RuleFinding
from modemagent.registry.rules.sighted import MissingSince, SightedReport, is_sighting, sighted
from modemagent.registry.store.database import dialect
from modemagent.registry.store.database.engine import Database
from modemagent.registry.store.findings.finding_log import FindingLog, Subject
from modemagent.registry.store.history.units import UnitKind
from modemagent.registry.store.intake.batch import Batch
from modemagent.registry.store.intake.bodies import decompress
from modemagent.registry.store.intake.boots import load_boots
from modemagent.registry.store.intake.places import load_places
from modemagent.registry.store.intake.recorder import Recorder
from modemagent.registry.store.tables import schema
from modemagent.registry.store.tables.case_tables import (
    case_place,
    case_sighting,
    case_thing,
    device_case,
)

RULES = frozenset({"case.sighted"})
#: Interval at which the last report from a place is noted again.
_EVERY_MS = 60_000
_KEY = ("device_case", "unit", "place")
_FIRST = ("first_stream", "first_sequence", "first_lo", "first_hi")
_LAST = ("last_stream", "last_sequence", "last_lo", "last_hi")


class UnitAtPlace(NamedTuple):
    """The newest reading of a place at which a unit is."""

    unit: int
    place: int
    gateway: int
    watch: bool
    mcc: str
    at: ReportMoment
    received_ms: int


class CaseSighting(NamedTuple):
    """A reading of a unit of an open case that is news."""

    case: int
    reading: UnitAtPlace


# -- finding them -----------------------------------------------------------------------------


def update(database: Database) -> bool:
    """Note new reports of devices of open cases; return True if there were some."""
    with database.reading() as connection:
        is_new = bool(_news(connection))
    if is_new:
        Recorder(database).run(_record)
    return is_new


def _news(connection: Connection) -> list[CaseSighting]:
    """Return the sightings that are not noted yet, and those in places that are not watched."""
    cases = _open_cases(connection)
    units = units_of(connection, cases)
    readings = _readings(connection, {unit for found in units.values() for unit in found})
    noted = _noted(connection, readings)
    found = []
    for key, some in cases.items():
        for unit in units.get(key, ()):
            for one in readings.get(unit, ()):
                for case in some:
                    last = noted.get((case.case, unit, one.place))
                    is_news = last is None or one.at.hi_ms - last >= _EVERY_MS
                    if is_sighting(case, one.at, one.received_ms) and (is_news or not one.watch):
                        found.append(CaseSighting(case.case, one))
    return found


def _open_cases(connection: Connection) -> dict[tuple[int, str], list[MissingSince]]:
    """Return the open cases by kind and number of their things."""
    c, t = device_case.c, case_thing.c
    query = (
        select(c.id, c.opened_ms, c.happened_on, t.kind, t.number)
        .join(case_thing, t.device_case == c.id)
        .where(c.state == "open", c.kind.in_(sorted(TRACKED)))
    )
    found: dict[tuple[int, str], list[MissingSince]] = defaultdict(list)
    for case, opened_ms, happened_on, kind, number in connection.execute(query):
        since_ms = opened_ms
        if happened_on is not None:
            day = datetime.fromisoformat(happened_on).replace(tzinfo=UTC)
            since_ms = min(opened_ms, round(day.timestamp() * 1000))
        found[kind, number].append(MissingSince(case, since_ms, opened_ms))
    return found


def units_of(
    connection: Connection, numbers: Iterable[tuple[int, str]]
) -> dict[tuple[int, str], list[int]]:
    """Return the units with each kind and number."""
    keys: dict[tuple[int, str], list[tuple[int, str]]] = defaultdict(list)
    for kind, number in numbers:
        texts = [number]
        if kind == UnitKind.SIM:
            texts = [text for _, text in candidates(Iccid(number))]
        for text in texts:
            keys[kind, text].append((kind, number))
    rows: list[Any] = dialect.select_rows(
        connection, schema.unit, ("kind", "key"), ("id", "kind", "key"), sorted(keys)
    )
    found: dict[tuple[int, str], list[int]] = defaultdict(list)
    for unit, kind, key in sorted(rows):
        for one in keys[kind, key]:
            found[one].append(unit)
    return found


def _readings(connection: Connection, units: Iterable[int]) -> dict[int, list[UnitAtPlace]]:
    """Return the places at which units are, by their newest readings."""
    keys = [(unit,) for unit in sorted(set(units))]
    at: list[tuple[int, int]] = [
        (unit, place)
        for place, unit in dialect.select_rows(
            connection, schema.place, ("unit",), ("id", "unit"), keys
        )
    ]
    at += [
        (sim, place)
        for sim, place in dialect.select_rows(
            connection, schema.place_sim, ("sim",), ("sim", "place"), keys
        )
    ]
    places = {
        one.id: one
        for one in load_places(connection, ("id",), sorted({(place,) for _, place in at}))
    }
    boots = load_boots(connection, ("id",), sorted({(one.last.boot,) for one in places.values()}))
    found: dict[int, list[UnitAtPlace]] = defaultdict(list)
    for unit, key in sorted(set(at)):
        place = places[key]
        last = place.last
        lo, hi = boots[last.boot].date(last.uptime_ms, last.wall_ms, last.synchronized)
        moment = ReportMoment(last.stream, last.sequence, lo, hi)
        found[unit].append(
            UnitAtPlace(unit, key, place.gateway, place.watch, place.mcc, moment, last.received_ms)
        )
    return found


def _noted(
    connection: Connection, readings: dict[int, list[UnitAtPlace]]
) -> dict[tuple[int, int, int], int]:
    """Return when each case noted a unit at a place last."""
    keys = [(unit,) for unit in readings]
    rows: list[Any] = dialect.select_rows(
        connection, case_sighting, ("unit",), (*_KEY, "last_hi"), keys
    )
    return {row[:3]: row[3] for row in rows}


def _record(batch: Batch) -> None:
    connection = batch.connection
    news = _news(connection)
    _lock(batch, schema.gateway, {one.reading.gateway for one in news})
    _lock(batch, schema.unit, {one.reading.unit for one in news})
    cells = _cells(connection, news)
    rows = [
        (one.case, one.reading.unit, one.reading.place, *one.reading.at, *one.reading.at,
         one.reading.mcc, cells.get((one.case, *one.reading.at[:2])))
        for one in news
    ]  # fmt: skip
    columns = (*_KEY, *_FIRST, *_LAST, "mcc", "cell")
    dialect.insert_new(connection, case_sighting, columns, rows)
    later = [(*row[7:], *row[:3]) for row in rows]
    dialect.update_rows(connection, case_sighting, _KEY, (*_LAST, "mcc", "cell"), later)
    marked = [(True, one.reading.place) for one in news if not one.reading.watch]
    dialect.update_rows(connection, schema.place, ("id",), ("watch",), marked)
    watched = sorted({(one.case, one.reading.place) for one in news})
    dialect.insert_new(connection, case_place, ("device_case", "place"), watched)
    _judge(batch, {one.reading.unit for one in news})


def _cells(connection: Connection, news: Sequence[CaseSighting]) -> dict[tuple[int, int, int], str]:
    """Return the serving cells in the reports of cases that ask for them, where they are kept.

    :returns: the JSON form, by case, stream and sequence
    """
    keys = [(one,) for one in sorted({one.case for one in news})]
    rows = dialect.select_rows(connection, device_case, ("id",), ("id", "cell"), keys)
    asking = {case for case, asks in rows if asks}
    wanted = {(one.case, *one.reading.at[:2]) for one in news if one.case in asking}
    names = ("stream", "sequence")
    bodies: list[Any] = dialect.select_rows(
        connection, schema.report, names, (*names, "body"), sorted({key[1:] for key in wanted})
    )
    found: dict[tuple[int, int], str] = {}
    for stream, sequence, body in bodies:
        network = msgspec.json.decode(decompress(body)).get("network")
        cell = shown_cell(network) if isinstance(network, dict) else None
        if cell is not None:
            found[stream, sequence] = msgspec.json.encode(cell).decode()
    return {key: found[key[1:]] for key in wanted if key[1:] in found}


def _judge(batch: Batch, units: Iterable[int]) -> None:
    """Make the findings about locked units those of the open cases."""
    wanted = sorted(set(units))
    log = FindingLog(batch, RULES)
    log.load("unit", wanted)
    found = _findings(batch.connection, wanted)
    first = _first_places(batch.connection, wanted)
    for unit in wanted:
        gateway, place = first.get(unit, (None, None))
        log.set(Subject("unit", unit, gateway, place), found.get(unit, []))
    log.write()


def _first_places(connection: Connection, units: Sequence[int]) -> dict[int, tuple[int, int]]:
    """Return gateway and place of the first sighting of each unit."""
    rows: list[Any] = dialect.select_rows(
        connection, case_sighting, ("unit",), ("unit", "first_hi", "place"), [(x,) for x in units]
    )
    first = {unit: place for unit, _, place in sorted(rows, reverse=True)}
    gateways: dict[Any, Any] = dict(
        dialect.select_rows(
            connection, schema.place, ("id",), ("id", "gateway"), {(x,) for x in first.values()}
        )
    )
    return {unit: (gateways[place], place) for unit, place in first.items()}


def _findings(connection: Connection, units: Sequence[int]) -> dict[int, list[RuleFinding]]:
    names = ("device_case", "unit", *_FIRST, *_LAST)
    rows: list[Any] = dialect.select_rows(
        connection, case_sighting, ("unit",), names, [(unit,) for unit in units]
    )
    states: dict[Any, Any] = dict(
        dialect.select_rows(
            connection, device_case, ("id",), ("id", "state"), {(row[0],) for row in rows}
        )
    )  # fmt: skip
    reports: dict[int, list[SightedReport]] = defaultdict(list)
    for case, unit, *moments in rows:
        if states.get(case) == "open":
            reports[unit].append(SightedReport(case, ReportMoment(*moments[:4])))
            reports[unit].append(SightedReport(case, ReportMoment(*moments[4:])))
    return {unit: [*sighted(some)] for unit, some in reports.items()}


# -- beginning and end of a case --------------------------------------------------------------


def watch(batch: Batch, case: int, units: Sequence[int]) -> None:
    """Mark the places at which units of a case are."""
    readings = [one for some in _readings(batch.connection, units).values() for one in some]
    _lock(batch, schema.gateway, {one.gateway for one in readings})
    places = sorted({one.place for one in readings})
    marked = [(True, place) for place in places]
    dialect.update_rows(batch.connection, schema.place, ("id",), ("watch",), marked)
    rows = [(case, place) for place in places]
    dialect.insert_new(batch.connection, case_place, ("device_case", "place"), rows)


def end(batch: Batch, case: int, units: Sequence[int]) -> None:
    """Take back the marks and the findings of a case that is closed now."""
    connection = batch.connection
    mine: list[Any] = dialect.select_rows(
        connection, case_place, ("device_case",), ("place",), [(case,)]
    )
    dialect.delete_rows(connection, case_place, ("device_case",), [(case,)])
    c = case_place.c
    query = select(c.place).where(c.place.in_([place for (place,) in mine]))
    others = set(connection.execute(query).scalars())
    free = sorted({place for (place,) in mine} - others)
    keys = [(place,) for place in free]
    gateways = dialect.select_rows(connection, schema.place, ("id",), ("gateway",), keys)
    _lock(batch, schema.gateway, {gateway for (gateway,) in gateways})
    dialect.update_rows(
        connection, schema.place, ("id",), ("watch",), [(False, place) for place in free]
    )
    _lock(batch, schema.unit, units)
    _judge(batch, units)


def _lock(batch: Batch, table: Any, rows: Iterable[int]) -> None:
    keys = [(row,) for row in sorted(set(rows))]
    dialect.select_rows(batch.connection, table, ("id",), ("id",), keys, lock=True)
