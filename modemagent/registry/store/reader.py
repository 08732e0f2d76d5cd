"""Queries of the HTTP API and the command line: JSON-ready documents with full identifiers.

Identifiers are masked by the caller, which has the token of the request. A page of a collection is
``{NAME: entries, "next": cursor or None}``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, func, select, text

from modemagent.identity.cleaning import without_separators
from modemagent.identity.iccid import Iccid
from modemagent.registry.sightings import sim_place
from modemagent.registry.store import documents, schema
from modemagent.registry.store.documents import Document
from modemagent.registry.timeline import Identities, Unit, UnitKind, unit_key


def modems(connection: Connection, *, limit: int, after: int = 0) -> Document:
    """Return a page of modems in the order of their first report."""
    return _units(connection, UnitKind.MODEM, "modems", documents.modem, limit, after)


def modem(connection: Connection, imei: str) -> Document | None:
    """Return a modem and its slots, by 14 to 16 digits of its IMEI or IMEISV."""
    unit = _unit(connection, UnitKind.MODEM, imei)
    return (
        None if unit is None else {**documents.modem(unit), "sims": _slots(connection, unit.number)}
    )


def sims(connection: Connection, *, limit: int, after: int = 0) -> Document:
    """Return a page of SIMs in the order of their first report."""
    return _units(connection, UnitKind.SIM, "sims", documents.sim, limit, after)


def sim(connection: Connection, iccid: str) -> Document | None:
    """Return a SIM by the 18 to 20 digits of its ICCID."""
    unit = _unit(connection, UnitKind.SIM, iccid)
    return None if unit is None else documents.sim(unit)


def modem_timeline(connection: Connection, imei: str) -> Document | None:
    """Return the places of a modem, its SIMs, and its events, oldest first."""
    unit = _unit(connection, UnitKind.MODEM, imei)
    if unit is None:
        return None
    c, key = schema.interval.c, unit_key(UnitKind.MODEM, unit.number)
    of_slots = and_(c.kind == UnitKind.SIM, _in_slots_of(c.place, key))
    return {
        "imei": unit.number,
        "places": _intervals(connection, and_(c.kind == UnitKind.MODEM, c.key == key)),
        "pairings": _intervals(connection, of_slots),
        "events": _events_about(connection, UnitKind.MODEM, key),
    }


def sim_timeline(connection: Connection, iccid: str) -> Document | None:
    """Return the modems that held a SIM, and its events, oldest first."""
    unit = _unit(connection, UnitKind.SIM, iccid)
    if unit is None:
        return None
    c, key = schema.interval.c, unit_key(UnitKind.SIM, unit.number)
    return {
        "iccid": unit.number,
        "pairings": [
            found
            for found in _intervals(connection, and_(c.kind == UnitKind.SIM, c.key == key))
            if found["iccid"] and Iccid(found["iccid"]).same_sim(unit.number)
        ],
        "events": _events_about(connection, UnitKind.SIM, key),
    }


def gateways(connection: Connection, *, limit: int, after: str = "") -> Document:
    """Return a page of gateways by id."""
    c = schema.gateway.c
    query = select(schema.gateway).where(c.gateway_id > after).order_by(c.gateway_id)
    rows, following = _page(connection, query, "gateway_id", limit)
    return {"gateways": [documents.gateway(row) for row in rows], "next": following}


def gateway(connection: Connection, gateway_id: str) -> Document | None:
    """Return a gateway and the modems in it."""
    table, c = schema.gateway, schema.interval.c
    row = connection.execute(select(table).where(table.c.gateway_id == gateway_id)).first()
    if row is None:
        return None
    keys = (
        select(c.key)
        .where(c.kind == UnitKind.MODEM, c.gateway_id == gateway_id, c.closed_ms.is_(None))
        .order_by(c.place)
    )
    units = [_unit(connection, UnitKind.MODEM, key) for key in connection.execute(keys).scalars()]
    return {**documents.gateway(row), "modems": [documents.modem(unit) for unit in units if unit]}


def events(
    connection: Connection, *, limit: int, after: int | None = None, order: str = "asc"
) -> Document:
    """Return a page of valid events in the order of recording, or newest first (``desc``)."""
    rows, following = _page(connection, _valid_events(after, order), "position", limit)
    return {"events": [documents.event(row) for row in rows], "next": following}


def event_rows(connection: Connection, *, limit: int, after: int) -> list[tuple[int, Document]]:
    """Return valid events with their positions."""
    rows = connection.execute(_valid_events(after, "asc").limit(limit))
    return [(row.position, documents.event(row)) for row in rows]


def last_position(connection: Connection) -> int:
    """Return the position of the newest event, 0 if there are none."""
    return connection.execute(select(func.max(schema.event.c.position))).scalar() or 0


def counts(connection: Connection) -> dict[str, int]:
    """Return the number of stored rows by kind."""

    def size(table: Any, *where: Any) -> int:
        query = select(func.count()).select_from(table).where(*where)
        return connection.execute(query).scalar() or 0

    return {
        "reports": size(schema.report),
        "conflicts": size(schema.conflict),
        "gateways": size(schema.gateway),
        "modems": size(schema.unit, schema.unit.c.kind == UnitKind.MODEM),
        "sims": size(schema.unit, schema.unit.c.kind == UnitKind.SIM),
        "events": size(schema.event, ~schema.event.c.withdrawn),
    }


def size_bytes(connection: Connection) -> int:
    """Return the size of the database file, without its write-ahead log."""
    query = text("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")
    return connection.execute(query).scalar() or 0


def lookup(connection: Connection, wanted: str) -> Document:
    """Return all matches of an identifier, serial number or gateway id."""
    cleaned = _digits(wanted)
    found: dict[tuple[UnitKind, str], str] = {}
    if len(cleaned) in (14, 15, 16):
        found[UnitKind.MODEM, cleaned[:14]] = "imeisv" if len(cleaned) == 16 else "imei"
    if 18 <= len(cleaned) <= 20:
        found[UnitKind.SIM, cleaned[:19]] = "iccid"
    alias = schema.alias
    values = {wanted.strip(), cleaned, cleaned[-14:] if len(cleaned) == 16 else cleaned}
    for row in connection.execute(select(alias).where(alias.c.value.in_(values))):
        found.setdefault((UnitKind(row.unit_kind), row.unit_key), row.kind)
    matches = [
        _match(connection, kind, by, unit)
        for (kind, key), by in found.items()
        for unit in _units_of_key(connection, kind, key)
        if by != "iccid" or Iccid(unit.number).same_sim(cleaned)
    ]
    if (named := gateway(connection, wanted.strip())) is not None:
        id_ = named["gateway_id"]
        matches.append(documents.match("gateway", id_, None, None, id_, named["last_seen"]))
    return {"matches": matches}


def _match(connection: Connection, kind: UnitKind, by: str, unit: Unit) -> Document:
    identities = unit.interval.identities if unit.present else Identities()
    modem: str | None = identities.imei
    sim: str | None = unit.number
    if kind == UnitKind.MODEM:
        held = (slot["iccid"] for slot in _slots(connection, unit.number) if slot["present"])
        modem, sim = unit.number, next(held, None)
    seen = documents.to_rfc3339(unit.last_ms)
    id_ = unit.number if by in ("imei", "iccid") else unit.facts.get(by, unit.number)
    return documents.match(by, id_, modem, sim, identities.gateway_id, seen)


def _digits(text: str) -> str:
    return without_separators(text).upper().rstrip("F")


def _in_slots_of(column: Any, imei: str) -> Any:
    """Return the condition that a column holds the place of a slot of a modem."""
    first = sim_place(imei, 0).removesuffix("0")
    return column.between(first, f"{first}\x7f")


def _page(
    connection: Connection, query: Select[Any], cursor: str, limit: int
) -> tuple[Sequence[Row[Any]], str | None]:
    """Return at most ``limit`` rows, and the cursor of the next page if there are more."""
    rows = connection.execute(query.limit(limit + 1)).all()
    following = str(rows[limit - 1]._mapping[cursor]) if len(rows) > limit else None
    return rows[:limit], following


def _units(
    connection: Connection,
    kind: UnitKind,
    name: str,
    document: Callable[[Unit], Document],
    limit: int,
    after: int,
) -> Document:
    c = schema.unit.c
    query = select(c.number, c.state).where(c.kind == kind, c.number > after).order_by(c.number)
    rows, following = _page(connection, query, "number", limit)
    entries = [document(unit) for row in rows for unit in reversed(row.state.units)]
    return {name: entries, "next": following}


def _units_of_key(connection: Connection, kind: UnitKind, key: str) -> Sequence[Unit]:
    c = schema.unit.c
    query = select(c.state).where(c.kind == kind, c.key == key)
    timeline = connection.execute(query).scalar()
    return timeline.units if timeline else ()


def _unit(connection: Connection, kind: UnitKind, number: str) -> Unit | None:
    digits = _digits(number)
    for unit in _units_of_key(connection, kind, unit_key(kind, digits)):
        if kind == UnitKind.MODEM or Iccid(unit.number).same_sim(digits):
            return unit
    return None


def _slots(connection: Connection, imei: str) -> list[Document]:
    """Return the slots of a modem: the SIM in each, and the state in the last report."""
    imei_key = unit_key(UnitKind.MODEM, imei)
    place, report, reading = schema.place.c, schema.report.c, schema.sim_reading.c
    of_slots = select(place.key, place.state).where(
        place.kind == UnitKind.SIM, _in_slots_of(place.key, imei_key)
    )
    occupants = {
        int(row.key.partition("\t")[2]): row.state.occupant
        for row in connection.execute(of_slots)
        if row.state.occupant
    }
    last = (
        select(report.number)
        .where(report.imei_key == imei_key, report.reason != "removed")
        .order_by(report.at_ms.desc(), report.number.desc())
        .limit(1)
        .scalar_subquery()
    )
    of_last = select(reading.slot, reading.state).where(reading.report == last)
    states = {row.slot: row.state for row in connection.execute(of_last)}
    slots = []
    for slot in sorted({*occupants, *states}):
        occupant = occupants.get(slot)
        held = occupant.identities if occupant and occupant.occupied else None
        slots.append(
            {
                "slot": slot,
                "state": states.get(slot, "unknown"),
                "present": held is not None,
                **documents.members(held or Identities(), "iccid", "imsi", "eid"),
                "link_state": documents.LINK_STATE,
            }
        )
    return slots


def _intervals(connection: Connection, which: ColumnElement[bool]) -> list[Document]:
    c = schema.interval.c
    query = select(schema.interval).where(which).order_by(c.first_ms, c.place, c.opened_by)
    return [documents.interval(row) for row in connection.execute(query)]


def _valid_events(after: int | None, order: str) -> Select[Any]:
    c = schema.event.c
    query = select(schema.event).where(~c.withdrawn)
    if after is not None:
        query = query.where(c.position < after if order == "desc" else c.position > after)
    return query.order_by(c.position.desc() if order == "desc" else c.position)


def _events_about(connection: Connection, kind: UnitKind, key: str) -> list[Document]:
    c, about = schema.event.c, schema.event_about.c
    query = (
        select(schema.event)
        .join(schema.event_about)
        .where(about.kind == kind, about.key == key, ~c.withdrawn)
        .order_by(c.at_ms, c.position)
    )
    return [documents.event(row) for row in connection.execute(query)]
