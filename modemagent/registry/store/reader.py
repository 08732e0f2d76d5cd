"""Queries of the HTTP API and the command line: JSON-ready documents with full identifiers.

Identifiers are masked by the caller, which has the token of the request.

Longer than 300 lines: one function for each query, nearly all independent of each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, RowMapping, and_, func, select, text

from modemagent.identity.cleaning import without_separators
from modemagent.identity.iccid import Iccid
from modemagent.registry.sightings import sim_place
from modemagent.registry.store import schema
from modemagent.registry.timeline import (
    Identities,
    PlaceState,
    Unit,
    UnitKind,
    UnitTimeline,
    unit_key,
)

Document = dict[str, Any]

_unit_timelines = msgspec.json.Decoder(UnitTimeline)
_place_states = msgspec.json.Decoder(PlaceState)
_identities = msgspec.json.Decoder(Identities)

LINK_STATE = "unlinked"  # pairing policies are not implemented yet


def to_rfc3339(at_ms: int | None) -> str | None:
    """Return milliseconds since 1970 as an RFC 3339 time in UTC."""
    if at_ms is None:
        return None
    at = datetime.fromtimestamp(at_ms // 1000, UTC).replace(microsecond=at_ms % 1000 * 1000)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def modems(connection: Connection, *, limit: int, after: int) -> tuple[list[Document], int | None]:
    """Return modems in the order of their first report, and the cursor of the next page."""
    timelines, following = _units(connection, UnitKind.MODEM, limit, after)
    return [_modem(timeline.units[0]) for timeline in timelines], following


def modem(connection: Connection, imei: str) -> Document | None:
    """Return a modem and its slots, by 14 to 16 digits of its IMEI or IMEISV."""
    unit = _unit(connection, UnitKind.MODEM, imei)
    return None if unit is None else {**_modem(unit), "sims": _slots(connection, unit.number)}


def sims(connection: Connection, *, limit: int, after: int) -> tuple[list[Document], int | None]:
    """Return SIMs in the order of their first report, and the cursor of the next page."""
    timelines, following = _units(connection, UnitKind.SIM, limit, after)
    return [_sim(unit) for timeline in timelines for unit in reversed(timeline.units)], following


def sim(connection: Connection, iccid: str) -> Document | None:
    """Return a SIM by the 18 to 20 digits of its ICCID."""
    unit = _unit(connection, UnitKind.SIM, iccid)
    return None if unit is None else _sim(unit)


def modem_timeline(connection: Connection, imei: str) -> Document | None:
    """Return the places of a modem, its SIMs, and its events, oldest first."""
    unit = _unit(connection, UnitKind.MODEM, imei)
    if unit is None:
        return None
    columns, key = schema.interval.c, unit_key(UnitKind.MODEM, unit.number)
    of_slots = and_(columns.kind == UnitKind.SIM, _in_slots_of(columns.seat, key))
    of_modem = and_(columns.kind == UnitKind.MODEM, columns.item_key == key)
    return {
        "imei": unit.number,
        "places": _intervals(connection, of_modem),
        "pairings": _intervals(connection, of_slots),
        "events": _events_about(connection, UnitKind.MODEM, key),
    }


def sim_timeline(connection: Connection, iccid: str) -> Document | None:
    """Return the modems that held a SIM, and its events, oldest first."""
    unit = _unit(connection, UnitKind.SIM, iccid)
    if unit is None:
        return None
    columns, key = schema.interval.c, unit_key(UnitKind.SIM, unit.number)
    of_sim = and_(columns.kind == UnitKind.SIM, columns.item_key == key)
    return {
        "iccid": unit.number,
        "pairings": [
            found
            for found in _intervals(connection, of_sim)
            if found["iccid"] and Iccid(found["iccid"]).same_sim(unit.number)
        ],
        "events": _events_about(connection, UnitKind.SIM, key),
    }


def gateways(
    connection: Connection, *, limit: int, after: str
) -> tuple[list[Document], str | None]:
    """Return gateways by id, and the cursor of the next page."""
    table = schema.gateway
    query = (
        select(table)
        .where(table.c.gateway_id > after)
        .order_by(table.c.gateway_id)
        .limit(limit + 1)
    )
    rows = connection.execute(query).mappings().all()
    following = rows[limit - 1]["gateway_id"] if len(rows) > limit else None
    return [_gateway(row) for row in rows[:limit]], following


def gateway(connection: Connection, gateway_id: str) -> Document | None:
    """Return a gateway and the modems in it."""
    table, columns = schema.gateway, schema.interval.c
    query = select(table).where(table.c.gateway_id == gateway_id)
    row = connection.execute(query).mappings().first()
    if row is None:
        return None
    keys = (
        select(columns.item_key)
        .where(
            columns.kind == UnitKind.MODEM,
            columns.gateway_id == gateway_id,
            columns.closed_ms.is_(None),
        )
        .order_by(columns.seat)
    )
    units = [
        _unit(connection, UnitKind.MODEM, key) for key in connection.execute(keys).scalars().all()
    ]
    return {**_gateway(row), "modems": [_modem(unit) for unit in units if unit]}


def events(
    connection: Connection, *, limit: int, after: int | None = None, descending: bool = False
) -> tuple[list[Document], int | None]:
    """Return valid events in the order of recording, and the cursor of the next page."""
    found = event_rows(connection, limit=limit + 1, after=after, descending=descending)
    following = found[limit - 1][0] if len(found) > limit else None
    return [document for _, document in found[:limit]], following


def event_rows(
    connection: Connection, *, limit: int, after: int | None = None, descending: bool = False
) -> list[tuple[int, Document]]:
    """Return valid events with their positions."""
    table = schema.event
    query = select(table).where(~table.c.withdrawn)
    if after is not None:
        beyond = table.c.position < after if descending else table.c.position > after
        query = query.where(beyond)
    order = table.c.position.desc() if descending else table.c.position
    rows = connection.execute(query.order_by(order).limit(limit)).mappings()
    return [(row["position"], _event(row)) for row in rows]


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


def lookup(connection: Connection, wanted: str) -> list[Document]:
    """Return all matches of an identifier, serial number or gateway id."""
    matches: list[Document] = []
    cleaned = _digits(wanted)
    found: dict[tuple[UnitKind, str], str] = {}
    if len(cleaned) in (14, 15, 16):
        found[UnitKind.MODEM, cleaned[:14]] = "imeisv" if len(cleaned) == 16 else "imei"
    if 18 <= len(cleaned) <= 20:
        found[UnitKind.SIM, cleaned[:19]] = "iccid"
    alias = schema.alias
    values = {wanted.strip(), cleaned, cleaned[-14:] if len(cleaned) == 16 else cleaned}
    for row in connection.execute(select(alias).where(alias.c.value.in_(values))):
        found.setdefault((UnitKind(row.item_kind), row.item_key), row.kind)
    for (kind, key), by in found.items():
        for unit in _units_of_key(connection, kind, key):
            if by != "iccid" or Iccid(unit.number).same_sim(cleaned):
                matches.append(_match(connection, kind, by, unit))
    named = gateway(connection, wanted.strip())
    if named is not None:
        matches.append(
            {
                "kind": "gateway",
                "id": named["gateway_id"],
                "modem": None,
                "sim": None,
                "gateway": named["gateway_id"],
                "link_state": LINK_STATE,
                "last_seen": named["last_seen"],
            }
        )
    return matches


def _match(connection: Connection, kind: UnitKind, by: str, unit: Unit) -> Document:
    interval = unit.interval
    present = interval.cause is None
    imei: str | None
    iccid: str | None
    if kind == UnitKind.MODEM:
        slots = _slots(connection, unit.number)
        imei, iccid = unit.number, next((one["iccid"] for one in slots if one["present"]), None)
    else:
        imei, iccid = interval.identities.imei if present else None, unit.number
    return {
        "kind": by,
        "id": unit.number if by in ("imei", "iccid") else unit.facts.get(by, unit.number),
        "modem": imei,
        "sim": iccid,
        "gateway": interval.identities.gateway_id if present else None,
        "link_state": LINK_STATE,
        "last_seen": to_rfc3339(unit.last_ms),
    }


def _digits(text: str) -> str:
    return without_separators(text).upper().rstrip("F")


def _in_slots_of(column: Any, imei: str) -> Any:
    """Return the condition that a column holds the place of a slot of a modem."""
    first = sim_place(imei, 0).removesuffix("0")
    return column.between(first, f"{first}\x7f")


def _units(
    connection: Connection, kind: UnitKind, limit: int, after: int
) -> tuple[list[UnitTimeline], int | None]:
    table = schema.unit
    query = (
        select(table.c.number, table.c.state)
        .where(table.c.kind == kind, table.c.number > after)
        .order_by(table.c.number)
        .limit(limit + 1)
    )
    rows = connection.execute(query).all()
    following = rows[limit - 1].number if len(rows) > limit else None
    timelines = [_unit_timelines.decode(row.state) for row in rows[:limit]]
    return [timeline for timeline in timelines if timeline.units], following


def _units_of_key(connection: Connection, kind: UnitKind, key: str) -> Sequence[Unit]:
    table = schema.unit
    query = select(table.c.state).where(table.c.kind == kind, table.c.key == key)
    state = connection.execute(query).scalar()
    return _unit_timelines.decode(state).units if state else ()


def _unit(connection: Connection, kind: UnitKind, number: str) -> Unit | None:
    digits = _digits(number)
    for unit in _units_of_key(connection, kind, unit_key(kind, digits)):
        if kind == UnitKind.MODEM or Iccid(unit.number).same_sim(digits):
            return unit
    return None


def _seen(unit: Unit) -> Document:
    return {
        "first_seen": to_rfc3339(unit.first_ms),
        "last_seen": to_rfc3339(unit.last_ms),
        "first_report": unit.first_report,
        "last_report": unit.last_report,
    }


def _modem(unit: Unit) -> Document:
    interval = unit.interval
    names = ("manufacturer", "model", "firmware", "imeisv", "meid", "serial_number")
    return {
        "imei": unit.number,
        "tac": unit.number[:8],
        **{name: unit.facts.get(name) for name in names},
        "present": interval.cause is None,
        "gateway_id": interval.identities.gateway_id,
        "port": interval.identities.port,
        **_seen(unit),
    }


def _sim(unit: Unit) -> Document:
    interval = unit.interval
    return {
        "iccid": unit.number,
        "imsi": unit.facts.get("imsi"),
        "eid": unit.facts.get("eid"),
        "present": interval.cause is None,
        **_members(interval.identities, "imei", "slot", "gateway_id", "port"),
        "link_state": LINK_STATE,
        **_seen(unit),
    }


def _members(identities: Identities, *names: str) -> Document:
    return {name: getattr(identities, name) for name in names}


def _slots(connection: Connection, imei: str) -> list[Document]:
    """Return the slots of a modem: the SIM in each, and the state in the last report."""
    imei_key = unit_key(UnitKind.MODEM, imei)
    table = schema.place
    query = select(table.c.key, table.c.state).where(
        table.c.kind == UnitKind.SIM, _in_slots_of(table.c.key, imei_key)
    )
    occupants = {
        int(row.key.partition("\t")[2]): _place_states.decode(row.state).occupant
        for row in connection.execute(query)
    }
    report, reading = schema.report, schema.sim_reading
    last = (
        select(report.c.number)
        .where(report.c.imei_key == imei_key, report.c.reason != "removed")
        .order_by(report.c.at_ms.desc(), report.c.number.desc())
        .limit(1)
        .scalar_subquery()
    )
    of_last = select(reading.c.slot, reading.c.state).where(reading.c.report == last)
    states = {row.slot: row.state for row in connection.execute(of_last)}
    slots = []
    for slot in sorted({*(slot for slot, one in occupants.items() if one), *states}):
        occupant = occupants.get(slot)
        present = occupant is not None and occupant.occupied
        identities = occupant.identities if occupant and present else Identities()
        slots.append(
            {
                "slot": slot,
                "state": states.get(slot, "unknown"),
                "present": present,
                **_members(identities, "iccid", "imsi", "eid"),
                "link_state": LINK_STATE,
            }
        )
    return slots


def _gateway(row: RowMapping) -> Document:
    return {
        **{name: row[name] for name in ("gateway_id", "agent_version", "reports")},
        "first_seen": to_rfc3339(row["first_ms"]),
        "last_seen": to_rfc3339(row["last_ms"]),
        "last_received": to_rfc3339(row["last_received_ms"]),
    }


def _intervals(connection: Connection, which: Any) -> list[Document]:
    table = schema.interval
    query = select(table).where(which).order_by(table.c.first_ms, table.c.seat, table.c.opened_by)
    found = []
    for row in connection.execute(query):
        identities = _identities.decode(row.pair)
        of_sim = ("slot", "iccid", "imsi", "eid") if row.kind == UnitKind.SIM else ()
        found.append(
            {
                **_members(identities, "imei", *of_sim, "gateway_id", "port"),
                "first_seen": to_rfc3339(row.first_ms),
                "last_seen": to_rfc3339(row.last_ms),
                "closed_at": to_rfc3339(row.closed_ms),
                "cause": row.cause,
                "opened_by": row.opened_by,
                "last_report": row.last_by,
                "closed_by": row.closed_by,
                "recorded_at": to_rfc3339(row.recorded_ms),
            }
        )
    return found


def _events_about(connection: Connection, kind: UnitKind, key: str) -> list[Document]:
    table, about = schema.event, schema.event_about
    query = (
        select(table)
        .join(about, about.c.event == table.c.id)
        .where(about.c.kind == kind, about.c.key == key, ~table.c.withdrawn)
        .order_by(table.c.at_ms, table.c.position)
    )
    return [_event(row) for row in connection.execute(query).mappings()]


def _event(row: RowMapping) -> Document:
    data = msgspec.json.decode(row["data"])
    for side in ("previous", "new"):
        if data[side] is not None:
            data[side] = {name: data[side].get(name) for name in Identities.__struct_fields__}
    return {
        "specversion": "1.0",
        "id": row["id"],
        "type": row["type"],
        "source": f"/gateways/{row['gateway_id']}",
        "subject": row["subject"],
        "time": to_rfc3339(row["at_ms"]),
        "datacontenttype": "application/json",
        "revision": row["revision"],
        "recordedtime": to_rfc3339(row["recorded_ms"]),
        "data": data,
    }
