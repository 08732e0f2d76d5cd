"""Queries of the HTTP API and the command line: JSON-ready documents with full identifiers.

Identifiers are masked by the caller, which has the token of the request. A page of a collection is
``{NAME: entries, "next": cursor or None}``. A unit is named by its number or by its reference.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select, func, select

from modemagent.registry.store.database import dialect
from modemagent.registry.store.findings.finding_reader import finding, findings, rules
from modemagent.registry.store.fleet import documents
from modemagent.registry.store.fleet.documents import Document
from modemagent.registry.store.fleet.event_reader import event_documents, events_after
from modemagent.registry.store.fleet.fleet import gateway_documents, gateway_row, modems_in
from modemagent.registry.store.fleet.link_filter import pairs_in_state
from modemagent.registry.store.fleet.lookup import lookup
from modemagent.registry.store.fleet.modems import modem_documents, slot_documents
from modemagent.registry.store.fleet.past import modems_at, state_at
from modemagent.registry.store.fleet.report_reader import Gone, stored_report
from modemagent.registry.store.fleet.sims import sim_documents
from modemagent.registry.store.fleet.stays import StayRow, load_stays, prefetch
from modemagent.registry.store.fleet.unit_filters import UnitFilter
from modemagent.registry.store.fleet.unit_history import modem_timeline, sim_timeline
from modemagent.registry.store.fleet.unit_numbers import find_unit
from modemagent.registry.store.fleet.unit_search import UnitSearch
from modemagent.registry.store.fleet.view import View
from modemagent.registry.store.history.units import UnitKind
from modemagent.registry.store.outbound.notice_reader import last_logged, logged_notices
from modemagent.registry.store.tables import schema

__all__ = [
    "Gone", "event_rows", "events", "finding", "findings", "gateway", "gateways", "last_position",
    "lookup", "modem", "modem_timeline", "modems", "pairings", "rules", "sim", "sim_timeline",
    "sims", "size_bytes", "stored_report",
]  # fmt: skip


def modems(
    connection: Connection,
    *,
    limit: int,
    after: int = 0,
    **filters: str | None,
) -> Document:
    """Return a page of modems in the order of their first report.

    :param filters: fields of :class:`.unit_filters.UnitFilter`
    """
    return _units(connection, UnitKind.MODEM, UnitFilter(**filters), limit, after)


def modem(
    connection: Connection, imei: str, *, as_of: int | None = None, known_at: int | None = None
) -> Document | None:
    """Return a modem and its slots, by 14 to 16 digits of its IMEI or IMEISV.

    :param as_of: add where it was at this time
    :param known_at: as it was known at this time
    """
    view = View(connection)
    unit = find_unit(view, UnitKind.MODEM, imei)
    found = modem_documents(view, [unit], known_at) if unit is not None else []
    if unit is None or not found:
        return None
    past = None if as_of is None else state_at(connection, UnitKind.MODEM, imei, as_of, known_at)
    return {**found[0], "sims": slot_documents(view, unit, known_at), "past": past}


def sims(
    connection: Connection,
    *,
    limit: int,
    after: int = 0,
    **filters: str | None,
) -> Document:
    """Return a page of SIMs in the order of their first report.

    :param filters: fields of :class:`.unit_filters.UnitFilter`; a SIM in no modem is unlinked
    """
    return _units(connection, UnitKind.SIM, UnitFilter(**filters), limit, after)


def sim(
    connection: Connection, iccid: str, *, as_of: int | None = None, known_at: int | None = None
) -> Document | None:
    """Return a SIM by the 18 to 20 digits of its ICCID; the times are as for a modem."""
    view = View(connection)
    unit = find_unit(view, UnitKind.SIM, iccid)
    found = sim_documents(view, [unit], known_at) if unit is not None else []
    if not found:
        return None
    past = None if as_of is None else state_at(connection, UnitKind.SIM, iccid, as_of, known_at)
    return {**found[0], "past": past}


def pairings(
    connection: Connection, *, limit: int, after: int = 0, link_state: str | None = None
) -> Document:
    """Return a page of the SIMs that are in a modem now, in the order of recording.

    :param link_state: only those in slots in this state
    """
    view = View(connection)
    if link_state is None:
        c = schema.stay.c
        query = (
            select(c.id)
            .where(c.id > after, c.holder.is_not(None), c.recorded_to.is_(None), c.cause.is_(None))
            .order_by(c.id)
        )
        found, following = _page(connection, query, "id", limit)
        rows = [row.id for row in found]
    else:
        rows, following = pairs_in_state(view, link_state, limit, after)
    keys = [(row,) for row in rows]
    sims = dialect.select_rows(connection, schema.stay, ("id",), ("unit",), keys)
    stays: dict[int, StayRow] = {
        one.id: one for one in load_stays(view, "unit", [sim for (sim,) in sims])
    }
    wanted = [stays[row] for row in rows]
    prefetch(view, wanted)
    entries = [documents.pairing(view, one) for one in wanted]
    return {"pairings": entries, "next": following}


def gateways(
    connection: Connection, *, limit: int, after: str = "", site: str | None = None
) -> Document:
    """Return a page of gateways by id.

    :param site: only those at this site
    """
    c = schema.gateway.c
    query = select(c.id, c.gateway_id).where(c.gateway_id > after).order_by(c.gateway_id)
    query = query if site is None else query.where(c.site == site)
    rows, following = _page(connection, query, "gateway_id", limit)
    entries = gateway_documents(View(connection), [row.id for row in rows])
    return {"gateways": entries, "next": following}


def gateway(
    connection: Connection,
    gateway_id: str,
    *,
    as_of: int | None = None,
    known_at: int | None = None,
) -> Document | None:
    """Return a gateway and the modems in it, by its id or its reference.

    :param as_of: add the modems that were in it at this time, as known at ``known_at``
    """
    row = gateway_row(connection, gateway_id)
    view = View(connection)
    found = gateway_documents(view, [row])
    if not found:
        return None
    modems = modem_documents(view, modems_in(view, row))
    past = None if as_of is None else modems_at(connection, row, as_of, known_at)
    return {**found[0], "modems": modems, "past": past}


def events(
    connection: Connection, *, limit: int, after: int | None = None, order: str = "asc"
) -> Document:
    """Return a page of events in the order of recording, or newest first (``desc``).

    A retraction is listed to those who may have seen the event: it was published up to ``after``.
    """
    c = schema.event.c
    query = select(schema.event).where(c.position.is_not(None), ~c.superseded)
    if order == "desc":
        query = query.where(~c.withdrawn)
        query = query if after is None else query.where(c.position < after)
    else:
        seen = after or 0
        query = query.where(c.position > seen, ~c.withdrawn | (c.first_position <= seen))
    is_backward = order == "desc"
    query = query.order_by(c.position.desc() if is_backward else c.position).limit(limit + 1)
    rows = connection.execute(query).all()
    documents_of = event_documents(View(connection), rows)
    found = [(row.position, one) for row, one in zip(rows, documents_of, strict=True)]
    begin = (2**62 if is_backward else 0) if after is None else after
    found += logged_notices(connection, begin, limit + 1, is_backward=is_backward)
    found.sort(key=lambda one: one[0], reverse=is_backward)
    following = str(found[limit - 1][0]) if len(found) > limit else None
    return {"events": [one for _, one in found[:limit]], "next": following}


def event_rows(connection: Connection, *, limit: int, after: int) -> list[tuple[int, Document]]:
    """Return events, revisions and retractions with their positions."""
    found = events_after(View(connection), after, limit)
    found += logged_notices(connection, after, limit)
    return sorted(found, key=lambda one: one[0])[:limit]


def last_position(connection: Connection) -> int:
    """Return the position of the newest event, 0 if there are none."""
    found = connection.execute(select(func.max(schema.event.c.position))).scalar() or 0
    return max(found, last_logged(connection))


def size_bytes(connection: Connection) -> int:
    """Return the size of the database, on SQLite without its write-ahead log."""
    return dialect.database_bytes(connection)


def _page(
    connection: Connection, query: Select[Any], cursor: str, limit: int
) -> tuple[Sequence[Row[Any]], str | None]:
    """Return at most ``limit`` rows, and the cursor of the next page if there are more."""
    rows = connection.execute(query.limit(limit + 1)).all()
    following = str(rows[limit - 1]._mapping[cursor]) if len(rows) > limit else None
    return rows[:limit], following


def _units(
    connection: Connection, kind: UnitKind, wanted: UnitFilter, limit: int, after: int
) -> Document:
    view = View(connection)
    found = UnitSearch(view=view, kind=kind, wanted=wanted).find(limit, after)
    following = None if found.following is None else str(found.following)
    return {UNIT_LISTS[kind]: unit_documents(view, kind, found.units), "next": following}


#: Names of the lists of units.
UNIT_LISTS = {UnitKind.MODEM: "modems", UnitKind.SIM: "sims"}


def unit_documents(view: View, kind: UnitKind, units: Sequence[int]) -> list[Document]:
    """Return modems or SIMs as documents."""
    return (modem_documents if kind == UnitKind.MODEM else sim_documents)(view, units)
