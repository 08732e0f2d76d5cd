"""The history of a fleet, as a pure fold over dated readings. No I/O, no clock, no database.

There are two kinds of thing, and both exist twice:

* a **seat** holds one item at a time: a gateway's port holds a modem, a modem's slot holds a card;
* an **item** is at one seat at a time: a modem in a port, a card in a slot.

:func:`advance_place` takes a seat's next reading and returns what changed there: another item, none
more, the same card with another IMSI. When an item leaves, a *departure* tells the item so.
:func:`advance_unit` takes an item's next sighting or departure and keeps its *stays*: where it was,
from when to when, opened and closed by which report; it says when the item is first seen and when
it moved.

Given a seat's or an item's readings in order, the outcome is a function of them alone. The store
calls the same two functions for the next reading (the usual case) and for all readings from the
start (after a late one), so that the order of arrival can not matter.

**Missing is not changed**: a reading that is not complete never gets here.

**Two units with one number.** Two modems may answer the same IMEI, in two gateways at once. A
gateway that had its modem before its eyes all the time (same stream, same boot, a reason that
continues) and sees it again does not contradict the other: nothing moved, nothing was swapped.
A move that such a reading disproves is withdrawn; up to :data:`GRACE_MS` after the move it is
taken for two clocks that disagree.

This module is longer than most because it is one idea, and nothing in it is of use alone.

Above 300 lines: seats and items are one argument, and are proven together.
"""

from __future__ import annotations

from uuid import UUID, uuid5

import msgspec

from modemagent.identity.changes import SimNumbers, compare_sims
from modemagent.identity.iccid import Iccid

GRACE_MS = 10 * 60 * 1000
_NAMESPACE = UUID("6d6f6465-6d61-5e6e-8472-656769737472")
_VIAS_KEPT = 8  # other units with the same number that a seat remembers
_STAYS_KEPT = 64  # seats an item remembers; older ones are in the store

Order = tuple[int, str, str, int, int, int, int]  # date, gateway, stream, boot, uptime, seq, slot


class Identities(msgspec.Struct, omit_defaults=True):
    """Who was with whom, as far as known."""

    imei: str | None = None
    slot: int | None = None
    iccid: str | None = None
    imsi: str | None = None
    eid: str | None = None
    gateway_id: str | None = None
    port: str | None = None

    def filled_from(self, older: Identities, *, bare: bool = False) -> Identities:
        """Return this pair, with what it does not know taken from an older one.

        :param bare: no card is there: the older card is not taken over
        """
        one_card = not bare and (
            self.iccid is None or older.iccid is None or Iccid(self.iccid).same_sim(older.iccid)
        )
        return Identities(
            imei=self.imei or older.imei,
            slot=older.slot if self.slot is None and one_card else self.slot,
            iccid=self.iccid or (older.iccid if one_card else None),
            imsi=self.imsi or (older.imsi if one_card else None),
            eid=self.eid or (older.eid if one_card else None),
            gateway_id=self.gateway_id or older.gateway_id,
            port=self.port or older.port,
        )


class Reading(msgspec.Struct, frozen=True):
    """One complete reading of one seat.

    :param report: key of the report, the evidence
    :param seat: key of the seat
    :param item: the item's own number (15 digits of IMEI, ICCID), None: the seat was seen empty
    :param via: by whose eyes: the gateway's place
    :param session: stream and boot of the reading
    :param bare: the modem was seen to hold no card
    """

    order: Order
    report: str
    seat: str
    item: str | None
    pair: Identities
    via: str
    session: str
    continuing: bool
    facts: dict[str, str]
    bare: bool = False

    @property
    def at_ms(self) -> int:
        return self.order[0]


class Departure(msgspec.Struct, frozen=True):
    """An item is no longer at a seat, as the seat's own readings show."""

    order: Order
    report: str
    seat: str
    item: str
    cause: str


class RegistryEvent(msgspec.Struct, frozen=True):
    """Something that changed. ``id`` follows from what changed and by which report."""

    id: str
    type: str
    at_ms: int
    subject: str
    gateway_id: str
    report: str
    previous: Identities | None
    new: Identities | None
    extra: dict[str, bool]


class Occupant(msgspec.Struct):
    """What a seat holds by one pair of eyes."""

    item: str
    pair: Identities
    occupied: bool
    session: str


class PlaceState(msgspec.Struct):
    """State of a seat after its last reading."""

    tail: Order | None = None
    via: str = ""
    held: dict[str, Occupant] = {}


class Interval(msgspec.Struct):
    """An item at a seat, from ``first_ms`` to ``last_ms``; open while nothing closed it.

    :param cause: ``removed``, ``replaced`` or ``moved``
    :param move: id of the event that told of its beginning
    """

    seat: str
    pair: Identities
    opened_by: str
    first_ms: int
    last_ms: int
    last_by: str
    session: str
    closed_ms: int | None = None
    closed_by: str | None = None
    cause: str | None = None
    move: str | None = None


class Unit(msgspec.Struct):
    """State of an item after its last sighting.

    :param number: its number in full, as last read
    :param seat: where it was last seen to arrive
    :param stays: its last stay at each seat
    """

    number: str
    first_ms: int
    first_by: str
    last_ms: int
    last_by: str
    seat: str
    stays: dict[str, Interval]
    facts: dict[str, str]


class UnitTimeline(msgspec.Struct):
    """All items under one key: one, unless cards differ only in their 20th digit."""

    tail: Order | None = None
    items: list[Unit] = []


class Changes:
    """What readings led to: events and departures by id, stays touched."""

    def __init__(self) -> None:
        self.events: dict[str, RegistryEvent] = {}
        self.withdrawn: set[str] = set()
        self.departures: list[Departure] = []
        self.stays: dict[tuple[str, str, str], Interval] = {}

    def add_event(self, kind: str, about: str, reading: Reading, **what: Identities | None) -> str:
        """Add an event about a seat or item, shown first by this reading; return its id."""
        previous, new = what.get("previous"), what.get("new")
        event_id = str(uuid5(_NAMESPACE, f"{kind}\n{about}\n{reading.report}"))
        extra: dict[str, bool] = {}
        if kind == "modem.swapped" and previous and new and previous.imei and new.imei:
            extra["tac_changed"] = previous.imei[:8] != new.imei[:8]
        self.withdrawn.discard(event_id)
        self.events[event_id] = RegistryEvent(
            id=event_id,
            type=kind,
            at_ms=reading.at_ms,
            subject=_subject(kind, new or previous or reading.pair),
            gateway_id=reading.order[1],
            report=reading.report,
            previous=previous,
            new=new,
            extra=extra,
        )
        return event_id

    def withdraw(self, event_id: str) -> None:
        self.events.pop(event_id, None)
        self.withdrawn.add(event_id)


def item_key(kind: str, number: str) -> str:
    """Return under what an item's sightings are kept: 14 digits of an IMEI, 19 of an ICCID."""
    return number[:14] if kind == "modem" else number[:19]


def advance_place(kind: str, seat: PlaceState, reading: Reading, out: Changes) -> None:
    """Take the next reading of a seat; ``kind`` is ``modem`` (a port) or ``card`` (a slot)."""
    seat.tail = reading.order
    own = seat.held.get(reading.via)
    twin = (
        reading.via != seat.via
        and own is not None
        and reading.continuing
        and own.session == reading.session
    )
    before = own if twin else seat.held.get(seat.via)
    after = _change(kind, before, reading, out)
    if after is None:
        return
    if not twin:
        seat.via = reading.via
    seat.held.pop(reading.via, None)
    seat.held[reading.via] = after
    while len(seat.held) > _VIAS_KEPT:
        del seat.held[next(via for via in seat.held if via != seat.via)]


def _change(kind: str, before: Occupant | None, reading: Reading, out: Changes) -> Occupant | None:
    if reading.item is None:
        if before is None:
            return None
        if before.occupied:
            name = "modem.removed" if kind == "modem" else "sim.removed"
            out.add_event(name, reading.seat, reading, previous=before.pair, new=None)
            _depart(before, reading, "removed", out)
        return Occupant(before.item, before.pair, False, reading.session)
    if before is None:
        return Occupant(reading.item, reading.pair, True, reading.session)
    if kind == "modem":
        event = None if _same(kind, before.item, reading.item) else "modem.swapped"
    else:
        event = compare_sims(
            SimNumbers(before.item, before.pair.imsi, before.pair.eid),
            SimNumbers(reading.item, reading.pair.imsi, reading.pair.eid),
        )
    if event is None or event == "sim.imsi_switched":
        pair = reading.pair.filled_from(before.pair, bare=reading.bare)
        if event is not None:
            out.add_event(event, reading.seat, reading, previous=before.pair, new=pair)
        longer = max(reading.item, before.item, key=len)
        return Occupant(longer, pair, True, reading.session)
    out.add_event(event, reading.seat, reading, previous=before.pair, new=reading.pair)
    if before.occupied:
        _depart(before, reading, "replaced", out)
    return Occupant(reading.item, reading.pair, True, reading.session)


def _depart(before: Occupant, reading: Reading, cause: str, out: Changes) -> None:
    out.departures.append(
        Departure(reading.order, reading.report, reading.seat, before.item, cause)
    )


def advance_unit(kind: str, line: UnitTimeline, reading: Reading | Departure, out: Changes) -> None:
    """Take the next sighting of an item, or the news that it left a seat."""
    line.tail = reading.order
    number = reading.item
    if number is None:
        return
    item = next((known for known in line.items if _same(kind, known.number, number)), None)
    if isinstance(reading, Departure):
        if item is not None:
            _leave(kind, item, reading, out)
        return
    if item is None:
        item = Unit(number, reading.at_ms, reading.report, 0, "", reading.seat, {}, {})
        out.add_event(f"{_prefix(kind)}.first_seen", f"{kind}:{number}", reading, new=reading.pair)
    else:
        line.items.remove(item)
    line.items.insert(0, item)  # the one seen last is the first that a shorter number can mean
    item.number = number if len(number) >= len(item.number) else item.number
    item.last_ms, item.last_by = reading.at_ms, reading.report
    item.facts = {**item.facts, **reading.facts}
    _arrive(kind, item, reading, out)


def _arrive(kind: str, item: Unit, reading: Reading, out: Changes) -> None:
    stay = item.stays.get(reading.seat)
    there = item.stays.get(item.seat)
    if stay is not None and reading.seat == item.seat:
        if stay.cause is not None:
            stay = _open(kind, item, reading, None, out)
        _extend(kind, item, stay, reading, out)
        return
    if stay is not None and there is not None and _continues(stay, reading):
        if stay.cause == "moved":
            if reading.at_ms - there.first_ms <= GRACE_MS:
                return
            stay.closed_ms = stay.closed_by = stay.cause = None
            if there.move is not None:
                out.withdraw(there.move)
                there.move = None
        _extend(kind, item, stay, reading, out)
        return
    move = None
    if there is not None:
        if there.pair.imei != reading.pair.imei or kind == "modem":
            move = out.add_event(
                f"{_prefix(kind)}.moved",
                f"{kind}:{item_key(kind, item.number)}",
                reading,
                previous=there.pair,
                new=reading.pair,
            )
        if there.cause is None:
            there.closed_ms, there.closed_by = reading.at_ms, reading.report
            there.cause = "moved"
            _touch(kind, item, there, out)
    item.seat = reading.seat
    _open(kind, item, reading, move, out)


def _continues(stay: Interval, reading: Reading) -> bool:
    return reading.continuing and stay.session == reading.session and stay.cause in (None, "moved")


def _open(kind: str, item: Unit, reading: Reading, move: str | None, out: Changes) -> Interval:
    stay = Interval(
        seat=reading.seat,
        pair=reading.pair,
        opened_by=reading.report,
        first_ms=reading.at_ms,
        last_ms=reading.at_ms,
        last_by=reading.report,
        session=reading.session,
        move=move,
    )
    item.stays.pop(reading.seat, None)
    item.stays[reading.seat] = stay
    while len(item.stays) > _STAYS_KEPT:
        del item.stays[next(iter(item.stays))]
    _touch(kind, item, stay, out)
    return stay


def _extend(kind: str, item: Unit, stay: Interval, reading: Reading, out: Changes) -> None:
    stay.last_ms, stay.last_by = reading.at_ms, reading.report
    stay.session = reading.session
    stay.pair = reading.pair.filled_from(stay.pair, bare=reading.bare)
    _touch(kind, item, stay, out)


def _leave(kind: str, item: Unit, departure: Departure, out: Changes) -> None:
    stay = item.stays.get(departure.seat)
    if stay is None or stay.cause is not None:
        return
    stay.closed_ms, stay.closed_by = departure.order[0], departure.report
    stay.cause = departure.cause
    _touch(kind, item, stay, out)


def _touch(kind: str, item: Unit, stay: Interval, out: Changes) -> None:
    out.stays[(item_key(kind, item.number), stay.seat, stay.opened_by)] = stay


def _same(kind: str, one: str, other: str) -> bool:
    return one[:14] == other[:14] if kind == "modem" else Iccid(one).same_sim(other)


def _prefix(kind: str) -> str:
    return "modem" if kind == "modem" else "sim"


def _subject(kind: str, pair: Identities) -> str:
    if kind in ("sim.first_seen", "sim.moved") and pair.iccid:
        return f"iccid:{pair.iccid}"
    return f"imei:{pair.imei}" if pair.imei else f"iccid:{pair.iccid}"
