"""SIMs as documents: in which modem each is, and in which gateway that modem is now."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from modemagent.registry.history.readings import Seen
from modemagent.registry.store import dialect, schema
from modemagent.registry.store.documents import Document, to_rfc3339
from modemagent.registry.store.places import Place
from modemagent.registry.store.stays import StayRow, latest, load_stays, prefetch
from modemagent.registry.store.view import UNLINKED, View


class Holding(NamedTuple):
    """A SIM in a slot of a place whose modem could not be read.

    :param hi_ms: date of the newest reading
    """

    slot: int
    place: Place
    lo_ms: int
    hi_ms: int


def sim_documents(view: View, units: Sequence[int], known_at: int | None = None) -> list[Document]:
    """Return SIMs; those that no counting report has are left out."""
    of_unit: defaultdict[int, list[StayRow]] = defaultdict(list)
    stays = load_stays(view, "unit", units, known_at)
    for stay in stays:
        of_unit[stay.unit].append(stay)
    holders: defaultdict[int, list[StayRow]] = defaultdict(list)
    for stay in load_stays(view, "unit", {one.holder for one in stays if one.holder}, known_at):
        holders[stay.unit].append(stay)
    unread = {} if known_at is not None else unread_holdings(view, units)
    prefetch(view, [*stays, *(one for some in holders.values() for one in some)])
    found = (_sim(view, unit, of_unit[unit], holders, unread.get(unit)) for unit in units)
    return [one for one in found if one is not None]


def holder_stay(one: StayRow, holders: dict[int, list[StayRow]]) -> StayRow | None:
    """Return where the modem is that holds a SIM; None if it has left or the SIM has."""
    if not one.is_open or one.holder is None:
        return None
    mine = [
        stay for stay in holders.get(one.holder, []) if stay.individual == one.holder_individual
    ]
    now = latest(mine)
    return now if now is not None and now.is_open else None


def _sim(
    view: View,
    unit: int,
    stays: list[StayRow],
    holders: dict[int, list[StayRow]],
    unread: Holding | None,
) -> Document | None:
    now = latest(stays)
    name = view.units([unit])[unit]
    if unread is not None and (now is None or unread.hi_ms >= now.last_hi):
        return _unread(view, unit, stays, unread)
    if now is None:
        return None
    at = holder_stay(now, holders)
    # a closed stay shows where the SIM was last
    place = view.places([at.place])[at.place] if at else None
    if not now.is_open:
        place = view.places([now.place])[now.place]
    numbers = view.numbers([now.imsi, now.eid])
    first = stays[0]
    return {
        "iccid": name.number,
        "imsi": numbers.get(now.imsi or 0),
        "eid": numbers.get(now.eid or 0),
        "present": now.is_open,
        "imei": view.units([now.holder])[now.holder].number if now.holder else None,
        "slot": now.slot,
        "gateway_id": place.gateway_id if place else None,
        "port": place.device_id if place else None,
        "link_state": view.link_state(now.holder, now.slot) if now.is_open else UNLINKED,
        "first_seen": to_rfc3339(first.from_hi),
        "last_seen": to_rfc3339(now.last_hi),
        "first_report": view.report(first.opened_stream, first.opened_sequence),
        "last_report": view.report(now.last_stream, now.last_sequence),
        "last_seen_uncertainty_ms": now.last_hi - now.last_lo,
        "individuals": len({one.individual for one in stays}),
        "ref": name.ref,
    }


def _unread(view: View, unit: int, stays: list[StayRow], held: Holding) -> Document:
    """Return a SIM in a modem whose IMEI could not be read: only its place is known."""
    name, place = view.units([unit])[unit], held.place
    last_report = view.report(place.last.stream, place.last.sequence)
    seen = to_rfc3339(held.hi_ms)
    first = stays[0] if stays else None
    return {
        "iccid": name.number,
        "imsi": None,
        "eid": None,
        "present": True,
        "imei": None,
        "slot": held.slot,
        "gateway_id": view.places([place.id])[place.id].gateway_id,
        "port": place.device_id,
        "link_state": UNLINKED,
        "first_seen": to_rfc3339(first.from_hi) if first else seen,
        "last_seen": seen,
        "first_report": (
            view.report(first.opened_stream, first.opened_sequence) if first else last_report
        ),
        "last_report": last_report,
        "last_seen_uncertainty_ms": held.hi_ms - held.lo_ms,
        "individuals": len({one.individual for one in stays}),
        "ref": name.ref,
    }


def unread_holdings(view: View, sims: Iterable[int]) -> dict[int, Holding]:
    """Return the SIMs in modems whose IMEI could not be read in the newest reading of a place."""
    keys = [(sim,) for sim in sorted(set(sims))]
    rows: list[Any] = dialect.select_rows(
        view.connection, schema.place_sim, ("sim",), ("sim", "slot", "place"), keys
    )
    stored = view.place_rows({place for _, _, place in rows})
    places = {row: stored[row] for _, _, row in rows if stored[row].seen == Seen.UNREAD}
    view.boots(place.last.boot for place in places.values())
    found: dict[int, Holding] = {}
    for sim, slot, row in rows:
        place = places.get(row)
        if place is None:
            continue
        last = place.last
        boot = view.boots([last.boot])[last.boot]
        lo, hi = boot.date(last.uptime_ms, last.wall_ms, last.synchronized)
        if sim not in found or hi > found[sim].hi_ms:
            found[sim] = Holding(slot, place, lo, hi)
    return found
