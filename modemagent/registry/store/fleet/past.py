"""The state of a modem or SIM at a past time, and how certain it is.

``certain``: the time is between two readings in one span, so the unit cannot have been elsewhere.
``probable``: between two readings that agree, across a reboot or missing numbers. ``unknown``:
after the last reading, or if the readings on both sides differ or their order is not known.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, select

from modemagent.registry.history.readings import Seen
from modemagent.registry.store.fleet.documents import Document, to_rfc3339
from modemagent.registry.store.fleet.stays import StayRow, load_stays, prefetch
from modemagent.registry.store.fleet.unit_numbers import find_unit
from modemagent.registry.store.fleet.view import View
from modemagent.registry.store.history.units import UnitKind
from modemagent.registry.store.intake.places import ROW_COLUMNS, Row, load_places, row_of
from modemagent.registry.store.intake.slots import unpack
from modemagent.registry.store.tables import schema


class _Kept(NamedTuple):
    """A kept reading of a place with its dates."""

    row: Row
    lo_ms: int
    hi_ms: int


def state_at(
    connection: Connection,
    kind: UnitKind,
    number: str,
    as_of: int,
    known_at: int | None = None,
) -> Document | None:
    """Return where a unit was at a time, as it was known at a time; None: no such unit.

    :param known_at: None: as it is known now
    """
    view = View(connection)
    unit = find_unit(view, kind, number)
    if unit is None:
        return None
    stays = load_stays(view, "unit", [unit], known_at)
    prefetch(view, stays)
    current = [one for one in stays if _may_hold(one, as_of)]
    held = _held(view, kind, current, as_of, known_at)
    answers = [_answer(view, kind, one, held, as_of, known_at) for one in current]
    name = view.units([unit])[unit]
    what = "The modem" if kind == UnitKind.MODEM else "The SIM"
    if answers:
        sentence = " ".join(one["sentence"] for one in answers)
    elif stays and as_of < stays[0].from_lo:
        sentence = (
            f"{what} had not been read yet; its first reading is of {to_rfc3339(stays[0].from_hi)}."
        )
    elif stays:
        sentence = f"{what} was in no known place."
    else:
        sentence = "No report of its place had been received."
    return {
        "imei" if kind == UnitKind.MODEM else "iccid": name.number,
        "ref": name.ref,
        "as_of": to_rfc3339(as_of),
        "known_at": to_rfc3339(known_at),
        "sentence": sentence,
        "states": answers,
    }


def _may_hold(one: StayRow, at_ms: int) -> bool:
    return one.from_lo <= at_ms and (one.to_hi is None or at_ms < one.to_hi)


def _held(
    view: View, kind: UnitKind, stays: Sequence[StayRow], at_ms: int, known_at: int | None
) -> list[StayRow]:
    """Return the stays of SIMs in some modems at a time, by slot."""
    if kind != UnitKind.MODEM or not stays:
        return []
    found = load_stays(view, "holder", [one.unit for one in stays], known_at)
    held = [one for one in found if _may_hold(one, at_ms)]
    view.units(one.unit for one in held)
    return sorted(held, key=lambda one: one.slot or 0)


def _answer(
    view: View,
    kind: UnitKind,
    one: StayRow,
    held: Sequence[StayRow],
    at_ms: int,
    known_at: int | None,
) -> Document:
    place_row = one.place if kind == UnitKind.MODEM else _place_of_holder(view, one, at_ms)
    before, after, agreeing = _around(view, place_row, at_ms, known_at)
    certainty = _certainty(kind, one, before, after, at_ms)
    place = view.places([place_row])[place_row]
    where = f"at {place.device_id} of gateway {place.gateway_id}"
    holder = view.units([one.holder])[one.holder].number if one.holder else None
    if holder is not None:
        where = f"in slot {one.slot} of modem {holder}, {where}"
    what = "The modem" if kind == UnitKind.MODEM else "The SIM"
    verb = {"certain": "was", "probable": "was probably", "unknown": "was last known"}[certainty]
    return {
        "certainty": certainty,
        "individual": one.individual,
        "imei": holder if kind == UnitKind.SIM else view.units([one.unit])[one.unit].number,
        "iccid": view.units([one.unit])[one.unit].number if kind == UnitKind.SIM else None,
        "slot": one.slot,
        "sims": [
            {"slot": each.slot, "iccid": view.units([each.unit])[each.unit].number}
            for each in held
            if (each.holder, each.holder_individual) == (one.unit, one.individual)
        ],
        "gateway_id": place.gateway_id,
        "port": place.device_id,
        "opened_by": view.report(one.opened_stream, one.opened_sequence),
        "closed_by": view.report(one.closed_stream, one.closed_sequence),
        "before": _reading(view, before),
        "after": _reading(view, after),
        "agreeing": agreeing,
        "sentence": f"{what} {verb} {where}.",
    }


def _place_of_holder(view: View, one: StayRow, at_ms: int) -> int:
    """Return the place of the modem that held a SIM at a time; where the stay began, if unknown."""
    holders = load_stays(view, "unit", [one.holder] if one.holder else [])
    mine = [
        stay
        for stay in holders
        if stay.individual == one.holder_individual and _may_hold(stay, at_ms)
    ]
    return mine[-1].place if mine else one.place


def _around(
    view: View, place: int, at_ms: int, known_at: int | None
) -> tuple[_Kept | None, _Kept | None, int]:
    """Return the kept readings of a place before and after a time, and how many agree between."""
    c = schema.sighting.c
    query = select(*(c[name] for name in ROW_COLUMNS)).where(c.place == place, c.counts)
    rows = [row_of(tuple(row)) for row in view.connection.execute(query.order_by(c.position))]
    (found,) = load_places(view.connection, ("id",), [(place,)])
    if rows and rows[-1].position == found.first_position < found.last.position:
        newest = Row(0, found.last, rows[-1].content, gap_before=False, agreeing=found.agreeing)
        rows.append(newest)
    if known_at is not None:
        rows = [row for row in rows if row.at.received_ms <= known_at]
    boots = view.boots(row.at.boot for row in rows)
    before: _Kept | None = None
    for row in rows:
        at = row.at
        lo, hi = boots[at.boot].date(at.uptime_ms, at.wall_ms, at.synchronized)
        if hi > at_ms:
            return before, _Kept(row, lo, hi), row.agreeing
        before = _Kept(row, lo, hi)
    return before, None, 0


def _certainty(
    kind: UnitKind, one: StayRow, before: _Kept | None, after: _Kept | None, at_ms: int
) -> str:
    if before is None or after is None or after.lo_ms < at_ms:
        return "unknown"
    if not (_shows(kind, one, before.row) and _shows(kind, one, after.row)):
        return "unknown"
    same_boot = before.row.at.boot == after.row.at.boot
    return "certain" if same_boot and not after.row.gap_before else "probable"


def _shows(kind: UnitKind, one: StayRow, row: Row) -> bool:
    """Return True if a reading shows the unit of a stay where the stay says."""
    if row.content.seen != Seen.HERE:
        return False
    if kind == UnitKind.MODEM:
        return row.content.unit == one.unit
    slots = unpack(row.content.slots)
    return row.content.unit == one.holder and any(
        (slot.slot, slot.sim) == (one.slot, one.unit) for slot in slots
    )


def _reading(view: View, kept: _Kept | None) -> Document | None:
    if kept is None:
        return None
    return {
        "report": view.report(kept.row.at.stream, kept.row.at.sequence),
        "earliest": to_rfc3339(kept.lo_ms),
        "latest": to_rfc3339(kept.hi_ms),
        "received": to_rfc3339(kept.row.at.received_ms),
    }


def modems_at(
    connection: Connection, gateway: int, as_of: int, known_at: int | None = None
) -> list[Document]:
    """Return the modems that may have been in a gateway at a time, by place."""
    view = View(connection)
    places = load_places(view.connection, ("gateway",), [(gateway,)])
    stays = [
        one
        for one in load_stays(view, "place", [place.id for place in places], known_at)
        if _may_hold(one, as_of)
    ]
    prefetch(view, stays)
    order = {place.id: place.device_id for place in places}
    stays.sort(key=lambda one: (order[one.place], one.from_hi))
    held = _held(view, UnitKind.MODEM, stays, as_of, known_at)
    return [_answer(view, UnitKind.MODEM, one, held, as_of, known_at) for one in stays]
