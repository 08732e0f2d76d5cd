"""Derives the history of units again (simple form: the whole fleet at once)."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

from modemagent.registry.history.derive import derive_units
from modemagent.registry.history.events import Occurrence, gateway_findings
from modemagent.registry.history.places import fold_place
from modemagent.registry.history.readings import Sighting
from modemagent.registry.store import dialect, event_log, schema
from modemagent.registry.store.batch import Batch
from modemagent.registry.store.event_log import NO_SIDE, NewEvent, Side
from modemagent.registry.store.sightings import load_all_sightings

_STAY = (
    "id", "unit", "individual", "place", "holder", "holder_individual", "slot", "imsi", "eid",
    "opened_stream", "opened_sequence", "from_lo", "from_hi",
    "last_stream", "last_sequence", "last_lo", "last_hi",
    "closed_stream", "closed_sequence", "to_lo", "to_hi", "cause", "order_known", "pending",
    "recorded_from",
)  # fmt: skip


def refold(batch: Batch) -> None:
    """Derive the history of the dirty units of a batch and write the differences."""
    c = batch.connection
    gateways = [row[0] for row in c.exec_driver_sql("SELECT id FROM gateway")]
    places = load_all_sightings(c, gateways)
    history = derive_units(interval for place in places for interval in fold_place(place))
    at: dict[Any, Sighting] = {one.at.report: one for place in places for one in place}
    newest: dict[tuple[Any, Any, int], tuple[Any, Any]] = {}
    for one in sorted(at.values(), key=lambda one: one.at.hi_ms):
        for slot in one.reading.slots:
            if slot.sim is not None:
                old = newest.get((one.reading.unit, slot.sim, slot.slot), (None, None))
                newest[one.reading.unit, slot.sim, slot.slot] = (
                    slot.imsi or old[0], slot.eid or old[1],
                )  # fmt: skip
    rows = []
    for related in (*history.modems.values(), *history.sims.values()):
        for individual in related.individuals:
            for stay in individual.stays:
                place: Any = stay.place
                holder: tuple[Any, ...] = (None, None, None)
                ids: tuple[Any, Any] = (None, None)
                if isinstance(place, tuple):
                    holder = place
                    ids = newest.get((place[0], stay.unit, place[2]), ids)
                    place = at[stay.opened_by.report].place
                o, last, closed = stay.opened_by, stay.last, stay.closed_by
                end: tuple[Any, ...] = (None,) * 4
                if closed is not None:
                    end = (*closed.report, closed.lo_ms, closed.hi_ms)
                rows.append((batch.key(), stay.unit, individual.number, place, *holder, *ids,
                             *o.report, o.lo_ms, o.hi_ms, *last.report, last.lo_ms, last.hi_ms,
                             *end, stay.cause, True, False, batch.now_ms))  # fmt: skip
    c.exec_driver_sql("DELETE FROM stay")
    dialect.insert_rows(c, schema.stay, _STAY, rows)
    wanted = {_event_id(batch, one): one for one in history.events}
    query = "SELECT id, event_id FROM event WHERE NOT superseded AND NOT withdrawn"
    live = {bytes(row[1]): row[0] for row in c.exec_driver_sql(query)}
    event_log.write(
        batch,
        [_event(key, one, at) for key, one in wanted.items() if key not in live],
        [row for key, row in live.items() if key not in wanted],
    )
    c.exec_driver_sql("DELETE FROM finding")
    found = list(history.findings)
    for row, forked in list(c.exec_driver_sql("SELECT id, forked FROM gateway")):
        suspects = c.exec_driver_sql(
            f"SELECT count(*) FROM boot WHERE gateway = {row} AND suspect AND NOT alien"  # noqa: S608
        ).scalar()
        found += gateway_findings(row, forked=bool(forked), suspect=bool(suspects))
    dialect.insert_rows(
        c, schema.finding,
        ("id", "finding_id", "type", "severity", "grade", "unit", "gateway", "stream", "sequence",
         "lo_ms", "hi_ms", "state", "recorded_from"),
        [
            (batch.key(), _id(batch, f"{one.kind}\n{one.subject}"), one.kind, "error", one.grade,
             None if one.kind.startswith("gateway") else one.subject,
             one.subject if one.kind.startswith("gateway") else None,
             *((*one.at.report, one.at.lo_ms, one.at.hi_ms) if one.at else (0, 0, 0, 0)),
             "undecided", batch.now_ms)
            for one in found
        ],
    )  # fmt: skip


def _id(batch: Batch, text: str) -> bytes:
    return hmac.digest(batch.secret, text.encode(), hashlib.sha256)[:16]


def _event_id(batch: Batch, one: Occurrence) -> bytes:
    return _id(batch, repr(one.key))


def _event(key: bytes, one: Occurrence, at: dict[Any, Sighting]) -> NewEvent:
    here = at[one.at.report].place
    sides: list[Side] = []
    for side in (one.previous, one.new):
        if side is None:
            sides.append(NO_SIDE)
        else:
            sides.append((side.place or here, side.modem, side.slot, side.sim, side.imsi, side.eid))
    subject: Any = one.subject
    if isinstance(subject, tuple):
        subject = subject[0]
    if one.kind == "modem.swapped":
        assert one.new is not None
        subject = one.new.modem
    report: Any = one.at.report
    return NewEvent(key, one.kind, subject, *report, one.at.lo_ms, one.at.hi_ms, sides[0], sides[1])
