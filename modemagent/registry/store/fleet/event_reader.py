"""Events as documents, in the order of their positions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import CompoundSelect, Row, select, union_all

from modemagent.registry.store.fleet.documents import Document, to_rfc3339
from modemagent.registry.store.fleet.view import View
from modemagent.registry.store.history.units import UnitKind
from modemagent.registry.store.tables import schema

_SIM_SUBJECTS = frozenset({"sim.first_seen", "sim.moved"})


def event_documents(view: View, rows: Sequence[Row[Any]]) -> list[Document]:
    """Return events as CloudEvents."""
    sides = [(row.old_place, row.new_place) for row in rows]
    view.places(one for side in sides for one in side)
    names = ("unit", "old_modem", "old_sim", "new_modem", "new_sim")
    view.units(getattr(row, name) for row in rows for name in names)
    numbers = ("old_imsi", "old_eid", "new_imsi", "new_eid")
    view.numbers(getattr(row, name) for row in rows for name in numbers)
    view.streams(row.stream for row in rows)
    return [_event(view, row) for row in rows]


def events_after(view: View, after: int, limit: int) -> list[tuple[int, Document]]:
    """Return events, revisions and retractions with their positions."""
    c = schema.event.c
    query = (
        select(schema.event)
        .where(c.position > after, ~c.superseded, ~c.withdrawn | (c.first_position <= after))
        .order_by(c.position)
        .limit(limit)
    )
    rows = view.connection.execute(query).all()
    documents = event_documents(view, rows)
    return [(row.position, document) for row, document in zip(rows, documents, strict=True)]


def ids_about(units: Iterable[int]) -> CompoundSelect[tuple[int]]:
    """Return the query for the rows of events whose subject or one of whose sides is a unit.

    One list of rows: with "or", and with an order, PostgreSQL reads all events by their numbers.
    """
    c, wanted = schema.event.c, list(units)
    sides = (c.old_modem, c.old_sim, c.new_modem, c.new_sim)
    own = select(c.id).where(c.unit.in_(wanted))
    return union_all(own, *(select(c.id).where(one.in_(wanted), one != c.unit) for one in sides))


def events_about(
    view: View,
    units: Iterable[int],
    *,
    newest: int | None = None,
    until_ms: int | None = None,
    sequence: int | None = None,
) -> list[Document]:
    """Return the valid events about units, held ones included, by date.

    :param newest: only as many, the newest ones
    :param until_ms: only those of this time or before
    :param sequence: only those that reports with this number show
    """
    c = schema.event.c
    query = select(schema.event).where(c.id.in_(ids_about(units)), ~c.superseded, ~c.withdrawn)
    query = query if sequence is None else query.where(c.sequence == sequence)
    query = query if until_ms is None else query.where(c.hi_ms <= until_ms)
    order = (c.hi_ms, c.stream, c.sequence, c.type, c.id)
    if newest is None:
        return event_documents(view, view.connection.execute(query.order_by(*order)).all())
    limited = query.order_by(*(one.desc() for one in order)).limit(newest)
    return event_documents(view, view.connection.execute(limited).all()[::-1])


def _event(view: View, row: Row[Any]) -> Document:
    data: Document = {
        "previous": _side(view, row, "old"),
        "new": _side(view, row, "new"),
        "report": view.report(row.stream, row.sequence),
    }
    previous, new = data["previous"], data["new"]
    if row.type == "modem.swapped" and previous and new:
        data["tac_changed"] = (previous["imei"] or "")[:8] != (new["imei"] or "")[:8]
    unit = view.units([row.unit])[row.unit]
    kind = "imei" if unit.kind == UnitKind.MODEM else "iccid"
    gateway_id = view.streams([row.stream])[row.stream][0]
    return {
        "specversion": "1.0",
        "id": str(UUID(bytes=bytes(row.event_id))),
        "type": row.type,
        "source": f"/gateways/{gateway_id}",
        "subject": f"{kind}:{unit.number}",
        "ref": unit.ref,
        "time": to_rfc3339(row.hi_ms),
        "uncertainty_ms": row.hi_ms - row.lo_ms,
        "datacontenttype": "application/json",
        "revision": row.revision,
        "withdrawn": bool(row.withdrawn),
        "held": row.position is None,
        "replaces": str(UUID(bytes=bytes(row.replaces))) if row.replaces else None,
        "recordedtime": to_rfc3339(row.recorded_ms),
        "data": data,
    }


def _side(view: View, row: Row[Any], side: str) -> Document | None:
    place, modem, slot, sim, imsi, eid = (
        getattr(row, f"{side}_{name}") for name in ("place", "modem", "slot", "sim", "imsi", "eid")
    )
    if (place, modem, sim) == (None, None, None):
        return None
    units, numbers = view.units([modem, sim]), view.numbers([imsi, eid])
    where = view.places([place])[place] if place else None
    return {
        "imei": units[modem].number if modem else None,
        "slot": slot,
        "iccid": units[sim].number if sim else None,
        "imsi": numbers.get(imsi or 0),
        "eid": numbers.get(eid or 0),
        "gateway_id": where.gateway_id if where else None,
        "port": where.device_id if where else None,
    }
