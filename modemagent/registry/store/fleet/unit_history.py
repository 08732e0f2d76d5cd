"""The history of a modem or SIM: its stays, facts and events, oldest first."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from modemagent.registry.store.fleet.documents import Document, pairing, place_stay
from modemagent.registry.store.fleet.event_reader import events_about
from modemagent.registry.store.fleet.modems import fact_history
from modemagent.registry.store.fleet.stays import StayRow, load_stays, prefetch
from modemagent.registry.store.fleet.unit_numbers import find_unit
from modemagent.registry.store.fleet.view import View
from modemagent.registry.store.history.units import UnitKind


def modem_timeline(
    connection: Connection,
    imei: str,
    *,
    as_of: int | None = None,
    known_at: int | None = None,
    newest: int | None = None,
    until_ms: int | None = None,
) -> Document | None:
    """Return the places of a modem, its SIMs, its facts and its events, oldest first.

    :param newest: only as many events, and stays of each kind, the newest ones
    :param until_ms: only events of this time or before
    """
    view = View(connection)
    unit = find_unit(view, UnitKind.MODEM, imei)
    places = load_stays(view, "unit", [unit], known_at) if unit is not None else []
    if unit is None or not places:
        return None
    held = load_stays(view, "holder", [unit], known_at)
    earlier = 0
    if newest is not None:
        earlier = max(0, len(places) - newest) + max(0, len(held) - newest)
        places, held = places[-newest:], held[-newest:]
    prefetch(view, [*places, *held])
    name = view.units([unit])[unit]
    return {
        "imei": name.number,
        "ref": name.ref,
        "places": [place_stay(view, one) for one in _begun(places, as_of)],
        "pairings": [pairing(view, one) for one in _begun(held, as_of)],
        "facts": fact_history(view, [unit], known_at).get(unit, []),
        "events": events_about(view, [unit], newest=newest, until_ms=until_ms),
        **({"earlier": earlier} if earlier else {}),
    }


def sim_timeline(
    connection: Connection,
    iccid: str,
    *,
    as_of: int | None = None,
    known_at: int | None = None,
    newest: int | None = None,
    until_ms: int | None = None,
) -> Document | None:
    """Return the modems that held a SIM, and its events, as for a modem."""
    view = View(connection)
    unit = find_unit(view, UnitKind.SIM, iccid)
    stays = load_stays(view, "unit", [unit], known_at) if unit is not None else []
    if unit is None or not stays:
        return None
    earlier = 0 if newest is None else max(0, len(stays) - newest)
    stays = stays[earlier:]
    prefetch(view, stays)
    name = view.units([unit])[unit]
    return {
        "iccid": name.number,
        "ref": name.ref,
        "pairings": [pairing(view, one) for one in _begun(stays, as_of)],
        "events": events_about(view, [unit], newest=newest, until_ms=until_ms),
        **({"earlier": earlier} if earlier else {}),
    }


def _begun(stays: Sequence[StayRow], as_of: int | None) -> list[StayRow]:
    """Return the stays that may have begun by a time."""
    return [one for one in stays if as_of is None or one.from_lo <= as_of]
