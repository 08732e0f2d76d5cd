"""SIMs as documents: in which modem each is, and in which gateway that modem is now."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from modemagent.registry.history.readings import Seen
from modemagent.registry.store.fleet.documents import Document, to_rfc3339
from modemagent.registry.store.fleet.stays import (
    StayRow,
    latest,
    prefetch,
    read_stays,
    stays_of,
    with_newest_readings,
)
from modemagent.registry.store.fleet.view import UNLINKED, View
from modemagent.registry.store.intake.places import Place


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
    (rows,) = view.load(read_stays(view, "unit", units), holdings=units)
    stays = stays_of(rows, known_at)
    (rows,) = view.load(
        read_stays(view, "unit", {one.holder for one in stays if one.holder}),
        place_rows=[place for unit in units for _, place in view.holdings(units)[unit]],
    )
    modems = stays_of(rows, known_at)
    if known_at is None:
        stays, modems = with_newest_readings(view, stays), with_newest_readings(view, modems)
    of_unit, holders = _by_unit(stays), _by_unit(modems)
    unread = {} if known_at is not None else unread_holdings(view, units)
    prefetch(view, [*stays, *modems])
    found = (_sim(view, unit, of_unit[unit], holders, unread.get(unit)) for unit in units)
    return [one for one in found if one is not None]


def _by_unit(stays: Iterable[StayRow]) -> defaultdict[int, list[StayRow]]:
    found: defaultdict[int, list[StayRow]] = defaultdict(list)
    for one in stays:
        found[one.unit].append(one)
    return found


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


def unread_holdings(view: View, sims: Sequence[int]) -> dict[int, Holding]:
    """Return the SIMs in modems whose IMEI could not be read in the newest reading of a place."""
    holdings = view.holdings(sims)
    rows = [(sim, *one) for sim in sims for one in holdings[sim]]
    places = view.place_rows({place for _, _, place in rows})
    found: dict[int, Holding] = {}
    for sim, slot, row in rows:
        place = places[row]
        if place.seen != Seen.UNREAD:
            continue
        last = place.last
        boot = view.boots([last.boot])[last.boot]
        lo, hi = boot.date(last.uptime_ms, last.wall_ms, last.synchronized)
        if sim not in found or hi > found[sim].hi_ms:
            found[sim] = Holding(slot, place, lo, hi)
    return found
