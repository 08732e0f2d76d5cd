"""Modems and their slots as documents: where each is, what it says about itself, what it holds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from sqlalchemy import select

from modemagent.registry.store.database import dialect
from modemagent.registry.store.fleet.documents import Document, to_rfc3339
from modemagent.registry.store.fleet.stays import StayRow, latest, load_stays, prefetch
from modemagent.registry.store.fleet.view import View
from modemagent.registry.store.intake.slots import unpack
from modemagent.registry.store.tables import schema

_FACT = ("unit", "make", "serial_number", "imeisv", "meid", "stream", "sequence", "lo_ms", "hi_ms",
         "recorded_from", "recorded_to")  # fmt: skip
FACTS = ("manufacturer", "model", "firmware", "imeisv", "meid", "serial_number")
_NOT_READ = (None, None, None)


def modem_documents(
    view: View, units: Sequence[int], known_at: int | None = None
) -> list[Document]:
    """Return modems; those without a stay are left out."""
    of_unit: defaultdict[int, list[StayRow]] = defaultdict(list)
    stays = load_stays(view, "unit", units, known_at)
    for stay in stays:
        of_unit[stay.unit].append(stay)
    prefetch(view, stays)
    view.load(links=units)
    facts = current_facts(view, units, known_at)
    return [
        _modem(view, of_unit[unit], now, facts.get(unit, {}))
        for unit in units
        if (now := latest(of_unit[unit])) is not None
    ]


def _modem(view: View, stays: list[StayRow], now: StayRow, facts: Document) -> Document:
    first = stays[0]
    name = view.units([now.unit])[now.unit]
    place = view.places([now.place])[now.place]
    return {
        "imei": name.number,
        "tac": name.number[:8],
        **{one: facts.get(one) for one in FACTS},
        "present": now.is_open,
        "gateway_id": place.gateway_id,
        "port": place.device_id,
        "first_seen": to_rfc3339(first.from_hi),
        "last_seen": to_rfc3339(now.last_hi),
        "first_report": view.report(first.opened_stream, first.opened_sequence),
        "last_report": view.report(now.last_stream, now.last_sequence),
        "last_seen_uncertainty_ms": now.last_hi - now.last_lo,
        "individuals": len({one.individual for one in stays}),
        "link_state": view.link_state(now.unit),
        "ref": name.ref,
    }


def current_facts(
    view: View, units: Iterable[int], known_at: int | None = None
) -> dict[int, Document]:
    """Return the facts of modems that were read last."""
    return {unit: facts[-1] for unit, facts in fact_history(view, units, known_at).items()}


def fact_history(
    view: View, units: Iterable[int], known_at: int | None = None
) -> dict[int, list[Document]]:
    """Return the facts of modems and the report that each was first read in, oldest first."""
    keys = [(unit,) for unit in sorted(set(units))]
    rows = dialect.select_rows(view.connection, schema.fact, ("unit",), _FACT, keys)
    now = 2**62 if known_at is None else known_at
    rows = [row for row in rows if row[9] <= now and (row[10] is None or row[10] > now)]
    rows.sort(key=lambda row: (row[8], row[7], row[5], row[6]))
    view.load(
        makes=[row[1] for row in rows],
        numbers=[number for row in rows for number in row[2:5]],
        streams=[row[5] for row in rows],
    )
    makes, numbers = view.makes(()), view.numbers(())
    found: defaultdict[int, list[Document]] = defaultdict(list)
    for unit, make, serial, imeisv, meid, stream, sequence, _, hi, _, _ in rows:
        manufacturer, model, firmware = makes.get(make, _NOT_READ)
        found[unit].append(
            {
                "manufacturer": manufacturer or None,
                "model": model or None,
                "firmware": firmware or None,
                "imeisv": numbers.get(imeisv),
                "meid": numbers.get(meid),
                "serial_number": numbers.get(serial),
                "since": to_rfc3339(hi),
                "first_report": view.report(stream, sequence),
            }
        )
    return found


def slot_documents(view: View, modem: int, known_at: int | None = None) -> list[Document]:
    """Return the slots of a modem: the SIM in each, and the state in the newest reading."""
    current = latest(load_stays(view, "unit", [modem], known_at))
    if current is None:
        return []
    held: dict[int, StayRow] = {}
    for stay in load_stays(view, "holder", [modem], known_at):
        if stay.is_open and stay.holder_individual == current.individual and stay.slot is not None:
            held[stay.slot] = stay
    prefetch(view, held.values())
    states = slot_states(view, current.place, modem)
    found = []
    for slot in sorted({*held, *states}):
        sim = held.get(slot)
        numbers = view.numbers([sim.imsi, sim.eid]) if sim else {}
        found.append(
            {
                "slot": slot,
                "state": states.get(slot, "unknown"),
                "present": sim is not None,
                "iccid": view.units([sim.unit])[sim.unit].number if sim else None,
                "imsi": numbers.get(sim.imsi or 0) if sim else None,
                "eid": numbers.get(sim.eid or 0) if sim else None,
                "link_state": view.link_state(modem, slot),
                "ref": view.units([sim.unit])[sim.unit].ref if sim else None,
                "since": to_rfc3339(sim.from_hi) if sim else None,
            }
        )
    return found


def slot_states(view: View, place: int, modem: int) -> dict[int, str]:
    """Return the state of each slot in the newest reading of a modem at a place."""
    c = schema.sighting.c
    query = (
        select(c.slots)
        .where(c.place == place, c.unit == modem, c.counts)
        .order_by(c.position.desc())
        .limit(1)
    )
    packed = view.connection.execute(query).scalar()
    return {one.slot: one.state for one in unpack(bytes(packed))} if packed else {}
