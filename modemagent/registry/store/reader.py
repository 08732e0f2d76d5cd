"""What the HTTP API and the command line read: plain JSON-ready values, identifiers in full.

Masking is the caller's: it knows who asks.

Above 300 lines: a function for each question; hardly one calls another.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, RowMapping, and_, func, select

from modemagent.identity.cleaning import without_separators
from modemagent.identity.iccid import Iccid
from modemagent.registry.store import schema
from modemagent.registry.timeline import Identities, PlaceState, Unit, UnitTimeline

Document = dict[str, Any]

_lines = msgspec.json.Decoder(UnitTimeline)
_seats = msgspec.json.Decoder(PlaceState)
_pairs = msgspec.json.Decoder(Identities)

LINK_STATE = "unlinked"  # no pairing policy exists yet


def to_rfc3339(at_ms: int | None) -> str | None:
    """Return milliseconds since 1970 as an RFC 3339 time in UTC."""
    if at_ms is None:
        return None
    at = datetime.fromtimestamp(at_ms // 1000, UTC).replace(microsecond=at_ms % 1000 * 1000)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def modems(connection: Connection, *, limit: int, after: int) -> tuple[list[Document], int | None]:
    """Return modems in the order they became known, and the cursor of the next page."""
    found, following = _items(connection, "modem", limit, after)
    return [_modem(connection, line) for line in found], following


def modem(connection: Connection, imei: str) -> Document | None:
    """Return one modem with its slots, by 14 to 16 digits of IMEI or IMEISV."""
    key = _digits(imei)[:14]
    line = _line(connection, "modem", key)
    if line is None:
        return None
    return {**_modem(connection, line), "sims": _slots(connection, key)}


def sims(connection: Connection, *, limit: int, after: int) -> tuple[list[Document], int | None]:
    """Return cards in the order they became known, and the cursor of the next page."""
    found, following = _items(connection, "card", limit, after)
    return [_card(item) for line in found for item in reversed(line.items)], following


def sim(connection: Connection, iccid: str) -> Document | None:
    """Return one card, by its ICCID of 18 to 20 digits."""
    item = _card_item(connection, iccid)
    return _card(item) if item else None


def modem_timeline(connection: Connection, imei: str) -> Document | None:
    """Return where a modem was, which cards it held, and its events; oldest first."""
    key = _digits(imei)[:14]
    line = _line(connection, "modem", key)
    if line is None:
        return None
    stay = schema.stay
    held = and_(stay.c.kind == "card", stay.c.seat.between(f"{key}\t", f"{key}\t\x7f"))
    return {
        "imei": line.items[0].number,
        "places": _stays(connection, and_(stay.c.kind == "modem", stay.c.item_key == key)),
        "pairings": _stays(connection, held),
        "events": _events_about(connection, "modem", key),
    }


def sim_timeline(connection: Connection, iccid: str) -> Document | None:
    """Return in which modems a card was, and its events; oldest first."""
    item = _card_item(connection, iccid)
    if item is None:
        return None
    stay = schema.stay
    key = item.number[:19]
    pairings = [
        found
        for found in _stays(connection, and_(stay.c.kind == "card", stay.c.item_key == key))
        if found["iccid"] and Iccid(found["iccid"]).same_sim(item.number)
    ]
    return {
        "iccid": item.number,
        "pairings": pairings,
        "events": _events_about(connection, "card", key),
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
    """Return one gateway with the modems that are in it."""
    table = schema.gateway
    row = (
        connection.execute(select(table).where(table.c.gateway_id == gateway_id)).mappings().first()
    )
    if row is None:
        return None
    stay = schema.stay
    query = (
        select(stay.c.item_key)
        .where(stay.c.kind == "modem", stay.c.gateway_id == gateway_id, stay.c.closed_ms.is_(None))
        .order_by(stay.c.seat)
    )
    inside = [_line(connection, "modem", key) for key in connection.execute(query).scalars()]
    return {**_gateway(row), "modems": [_modem(connection, line) for line in inside if line]}


def events(
    connection: Connection, *, limit: int, after: int | None = None, descending: bool = False
) -> tuple[list[Document], int | None]:
    """Return live events in the order they became known, and the cursor of the next page."""
    found = event_rows(connection, limit=limit + 1, after=after, descending=descending)
    following = found[limit - 1][0] if len(found) > limit else None
    return [document for _, document in found[:limit]], following


def event_rows(
    connection: Connection, *, limit: int, after: int | None = None, descending: bool = False
) -> list[tuple[int, Document]]:
    """Return live events with their positions."""
    table = schema.event
    query = select(table).where(~table.c.withdrawn)
    if after is not None:
        beyond = table.c.position < after if descending else table.c.position > after
        query = query.where(beyond)
    order = table.c.position.desc() if descending else table.c.position
    rows = connection.execute(query.order_by(order).limit(limit)).mappings()
    return [(row["position"], _event(row)) for row in rows]


def last_position(connection: Connection) -> int:
    """Return the position of the newest event, 0 when there is none."""
    return connection.execute(select(func.max(schema.event.c.position))).scalar() or 0


def counts(connection: Connection) -> dict[str, int]:
    """Return how many rows of each kind there are."""

    def size(table: Any, *where: Any) -> int:
        query = select(func.count()).select_from(table).where(*where)
        return connection.execute(query).scalar() or 0

    return {
        "reports": size(schema.report),
        "conflicts": size(schema.conflict),
        "gateways": size(schema.gateway),
        "modems": size(schema.item, schema.item.c.kind == "modem"),
        "sims": size(schema.item, schema.item.c.kind == "card"),
        "events": size(schema.event, ~schema.event.c.withdrawn),
    }


def lookup(connection: Connection, wanted: str) -> list[Document]:
    """Return all that any identifier can mean: a number, a serial number, a gateway id."""
    matches: list[Document] = []
    cleaned = _digits(wanted)
    found: dict[tuple[str, str], str] = {}
    if len(cleaned) in (14, 15, 16):
        found["modem", cleaned[:14]] = "imeisv" if len(cleaned) == 16 else "imei"
    if 18 <= len(cleaned) <= 20:
        found["card", cleaned[:19]] = "iccid"
    alias = schema.alias
    values = {wanted.strip(), cleaned, cleaned[-14:] if len(cleaned) == 16 else cleaned}
    for row in connection.execute(select(alias).where(alias.c.value.in_(values))):
        found.setdefault((row.item_kind, row.item_key), row.kind)
    for (kind, key), by in found.items():
        line = _line(connection, kind, key)
        for item in line.items if line else ():
            if kind == "card" and by == "iccid" and not Iccid(item.number).same_sim(cleaned):
                continue
            matches.append(_match(connection, kind, by, item))
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


def _match(connection: Connection, kind: str, by: str, item: Unit) -> Document:
    stay = item.stays[item.seat]
    imei: str | None
    iccid: str | None
    if kind == "modem":
        held = [slot["iccid"] for slot in _slots(connection, item.number[:14]) if slot["present"]]
        number = item.number if by == "imei" else item.facts.get(by, item.number)
        imei, iccid = item.number, held[0] if held else None
    else:
        number = item.number if by == "iccid" else item.facts.get(by, item.number)
        holder = stay.pair.imei if stay.cause is None else None
        imei, iccid = holder, item.number
    return {
        "kind": by,
        "id": number,
        "modem": imei,
        "sim": iccid,
        "gateway": stay.pair.gateway_id if stay.cause is None else None,
        "link_state": LINK_STATE,
        "last_seen": to_rfc3339(item.last_ms),
    }


def _digits(text: str) -> str:
    return without_separators(text).upper().rstrip("F")


def _items(
    connection: Connection, kind: str, limit: int, after: int
) -> tuple[list[UnitTimeline], int | None]:
    table = schema.item
    query = (
        select(table.c.number, table.c.state)
        .where(table.c.kind == kind, table.c.number > after)
        .order_by(table.c.number)
        .limit(limit + 1)
    )
    rows = connection.execute(query).all()
    following = rows[limit - 1].number if len(rows) > limit else None
    lines = [_lines.decode(row.state) for row in rows[:limit]]
    return [line for line in lines if line.items], following


def _line(connection: Connection, kind: str, key: str) -> UnitTimeline | None:
    table = schema.item
    query = select(table.c.state).where(table.c.kind == kind, table.c.key == key)
    state = connection.execute(query).scalar()
    line = _lines.decode(state) if state else None
    return line if line and line.items else None


def _card_item(connection: Connection, iccid: str) -> Unit | None:
    number = _digits(iccid)
    line = _line(connection, "card", number[:19])
    items: Sequence[Unit] = line.items if line else ()
    return next((item for item in items if Iccid(item.number).same_sim(number)), None)


def _seen(item: Unit) -> Document:
    return {
        "first_seen": to_rfc3339(item.first_ms),
        "last_seen": to_rfc3339(item.last_ms),
        "first_report": item.first_by,
        "last_report": item.last_by,
    }


def _modem(connection: Connection, line: UnitTimeline) -> Document:
    item = line.items[0]
    stay = item.stays[item.seat]
    names = ("manufacturer", "model", "firmware", "imeisv", "meid", "serial_number")
    return {
        "imei": item.number,
        "tac": item.number[:8],
        **{name: item.facts.get(name) for name in names},
        "present": stay.cause is None,
        "gateway_id": stay.pair.gateway_id,
        "port": stay.pair.port,
        **_seen(item),
    }


def _card(item: Unit) -> Document:
    stay = item.stays[item.seat]
    return {
        "iccid": item.number,
        "imsi": item.facts.get("imsi"),
        "eid": item.facts.get("eid"),
        "present": stay.cause is None,
        "imei": stay.pair.imei,
        "slot": stay.pair.slot,
        "gateway_id": stay.pair.gateway_id,
        "port": stay.pair.port,
        "link_state": LINK_STATE,
        **_seen(item),
    }


def _slots(connection: Connection, imei_key: str) -> list[Document]:
    """Return a modem's slots: the card each holds, and the state it was last seen in."""
    table = schema.seat
    query = select(table.c.key, table.c.state).where(
        table.c.kind == "card", table.c.key.between(f"{imei_key}\t", f"{imei_key}\t\x7f")
    )
    held = {}
    for row in connection.execute(query):
        seat = _seats.decode(row.state)
        if seat.via in seat.held:
            held[int(row.key.partition("\t")[2])] = seat.held[seat.via]
    report, reading = schema.report, schema.card_reading
    last = (
        select(report.c.number)
        .where(report.c.imei_key == imei_key, report.c.reason != "removed")
        .order_by(report.c.at_ms.desc(), report.c.number.desc())
        .limit(1)
        .scalar_subquery()
    )
    states = {
        row.slot: row.state
        for row in connection.execute(
            select(reading.c.slot, reading.c.state).where(reading.c.report == last)
        )
    }
    slots = []
    for slot in sorted({*held, *states}):
        here = held.get(slot)
        pair = here.pair if here and here.occupied else Identities()
        slots.append(
            {
                "slot": slot,
                "state": states.get(slot, "unknown"),
                "present": here is not None and here.occupied,
                "iccid": pair.iccid,
                "imsi": pair.imsi,
                "eid": pair.eid,
                "link_state": LINK_STATE,
            }
        )
    return slots


def _gateway(row: RowMapping) -> Document:
    return {
        "gateway_id": row["gateway_id"],
        "agent_version": row["agent_version"],
        "reports": row["reports"],
        "first_seen": to_rfc3339(row["first_ms"]),
        "last_seen": to_rfc3339(row["last_ms"]),
        "last_received": to_rfc3339(row["last_received_ms"]),
    }


def _stays(connection: Connection, which: Any) -> list[Document]:
    table = schema.stay
    query = select(table).where(which).order_by(table.c.first_ms, table.c.seat, table.c.opened_by)
    found = []
    for row in connection.execute(query):
        pair = _pairs.decode(row.pair)
        card = {"slot": pair.slot, "iccid": pair.iccid, "imsi": pair.imsi, "eid": pair.eid}
        found.append(
            {
                "imei": pair.imei,
                **(card if row.kind == "card" else {}),
                "gateway_id": pair.gateway_id,
                "port": pair.port,
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


def _events_about(connection: Connection, kind: str, key: str) -> list[Document]:
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
