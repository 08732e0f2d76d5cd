"""Fold dated readings into intervals and events. No I/O, no clock, no database.

The fold has two sides:

* a **place** holds one unit at a time: a position of a gateway holds a modem, a slot of a modem
  holds a SIM;
* a **unit**, a modem or a SIM, is at one place at a time.

:func:`advance_place` takes the next reading of a place and records what changed there: another
unit, no unit, the same SIM with another IMSI. A unit that leaves yields a :class:`Departure`.
:func:`advance_unit` takes the next reading or departure of a unit and updates its *intervals*: the
places it was at, from when to when, opened and closed by which report. It also records when the
unit was first seen and when it moved.

The result is a function of the readings of a place or unit in order. The store calls the same two
functions with the next reading (the usual case) and with all readings from the start (after a late
one), so the order of arrival has no effect.

**Missing is not changed**: incomplete readings are filtered out before this module.

**Two modems with one IMEI** may be in two gateways at once. A gateway that saw its modem without
interruption (same stream, same boot, a continuing reason) and sees it again does not contradict the
other gateway: nothing moved and nothing was swapped. A move that such a reading disproves is
withdrawn. Within :data:`GRACE_MS` after the move, the reading is attributed to clocks that differ.

Longer than 300 lines because places and units are proven together.
"""

from __future__ import annotations

from enum import StrEnum
from uuid import UUID, uuid5

import msgspec

from modemagent.identity.changes import SimNumbers, compare_sims
from modemagent.identity.iccid import Iccid

GRACE_MS = 10 * 60 * 1000
_NAMESPACE = UUID("6d6f6465-6d61-5e6e-8472-656769737472")
_OCCUPANTS_KEPT = 8  # modems with the same IMEI whose view of a slot is kept in its state
_INTERVALS_KEPT = 64  # places kept in the state of a unit; the store has the older intervals

Order = tuple[int, str, str, int, int, int, int]  # date, gateway, stream, boot, uptime, seq, slot


class UnitKind(StrEnum):
    """Kind of a unit, with its value in the database (schema version 1)."""

    MODEM = "modem"
    SIM = "card"

    @property
    def event_prefix(self) -> str:
        return "modem" if self == UnitKind.MODEM else "sim"


class Identities(msgspec.Struct, omit_defaults=True):
    """Identifiers of a modem, its SIM and its gateway, as far as they were read."""

    imei: str | None = None
    slot: int | None = None
    iccid: str | None = None
    imsi: str | None = None
    eid: str | None = None
    gateway_id: str | None = None
    port: str | None = None

    def filled_from(self, older: Identities, *, no_sim: bool = False) -> Identities:
        """Return these identities with missing values taken from older ones.

        :param no_sim: the modem holds no SIM, so values of the older SIM are not taken
        """
        one_sim = not no_sim and (
            self.iccid is None or older.iccid is None or Iccid(self.iccid).same_sim(older.iccid)
        )
        return Identities(
            imei=self.imei or older.imei,
            slot=older.slot if self.slot is None and one_sim else self.slot,
            iccid=self.iccid or (older.iccid if one_sim else None),
            imsi=self.imsi or (older.imsi if one_sim else None),
            eid=self.eid or (older.eid if one_sim else None),
            gateway_id=self.gateway_id or older.gateway_id,
            port=self.port or older.port,
        )


class Reading(msgspec.Struct, frozen=True):
    """One complete reading of one place.

    :param report: key of the report, the evidence
    :param place: key of the place
    :param number: number of the unit (15 digits of IMEI, ICCID); None if the place was empty
    :param modem_place: place of the modem whose slot was read; empty in readings of modems
    :param session: stream and boot of the reading
    :param continuing: the modem was observed without interruption since the previous reading
    :param no_sim: the modem was read and holds no SIM
    """

    order: Order
    report: str
    place: str
    number: str | None
    identities: Identities
    modem_place: str
    session: str
    continuing: bool
    facts: dict[str, str]
    no_sim: bool = False

    @property
    def at_ms(self) -> int:
        return self.order[0]


class Departure(msgspec.Struct, frozen=True):
    """A unit left a place, according to the readings of that place.

    :param cause: ``removed`` or ``replaced``
    """

    order: Order
    report: str
    place: str
    number: str
    cause: str


class RegistryEvent(msgspec.Struct, frozen=True):
    """A change. ``id`` is derived from what changed and the report that shows it first."""

    id: str
    type: str
    at_ms: int
    subject: str
    gateway_id: str
    report: str
    previous: Identities | None
    new: Identities | None
    extra: dict[str, bool]


class Occupant(msgspec.Struct, rename={"number": "item", "identities": "pair"}):
    """The unit that a place holds, or held last (``occupied`` false)."""

    number: str
    identities: Identities
    occupied: bool
    session: str


class PlaceState(
    msgspec.Struct, rename={"last_order": "tail", "modem_place": "via", "occupants": "held"}
):
    """State of a place after its last reading.

    :param modem_place: the entry of ``occupants`` that counts
    :param occupants: the occupant by the place of the modem that was read
    """

    last_order: Order | None = None
    modem_place: str = ""
    occupants: dict[str, Occupant] = {}

    @property
    def occupant(self) -> Occupant | None:
        return self.occupants.get(self.modem_place)


class Interval(
    msgspec.Struct,
    rename={
        "place": "seat",
        "identities": "pair",
        "last_report": "last_by",
        "move_event": "move",
    },
):
    """A unit at a place, from ``first_ms`` to ``last_ms``; open until ``cause`` is set.

    :param cause: ``removed``, ``replaced`` or ``moved``
    :param move_event: id of the event that reports its beginning
    """

    place: str
    identities: Identities
    opened_by: str
    first_ms: int
    last_ms: int
    last_report: str
    session: str
    closed_ms: int | None = None
    closed_by: str | None = None
    cause: str | None = None
    move_event: str | None = None


class Unit(
    msgspec.Struct,
    rename={
        "first_report": "first_by",
        "last_report": "last_by",
        "place": "seat",
        "intervals": "stays",
    },
):
    """State of a modem or SIM after its last reading.

    :param number: its number in full, as last read
    :param place: the place where it last arrived
    :param intervals: its last interval at each place
    """

    number: str
    first_ms: int
    first_report: str
    last_ms: int
    last_report: str
    place: str
    intervals: dict[str, Interval]
    facts: dict[str, str]

    @property
    def interval(self) -> Interval:
        return self.intervals[self.place]


class UnitTimeline(msgspec.Struct, rename={"last_order": "tail", "units": "items"}):
    """All units under one key: one, unless the ICCIDs of SIMs differ only in the 20th digit."""

    last_order: Order | None = None
    units: list[Unit] = []


class Changes:
    """Results of readings of one kind: events by id, departures, and intervals that changed."""

    def __init__(self, kind: UnitKind) -> None:
        self.kind = kind
        self.events: dict[str, RegistryEvent] = {}
        self.withdrawn: set[str] = set()
        self.departures: list[Departure] = []
        self.intervals: dict[tuple[str, str, str], Interval] = {}

    def add_event(
        self,
        kind: str,
        subject_key: str,
        reading: Reading,
        *,
        previous: Identities | None = None,
        new: Identities | None = None,
    ) -> str:
        """Add an event about a place or unit, first shown by this reading, and return its id."""
        event_id = str(uuid5(_NAMESPACE, f"{kind}\n{subject_key}\n{reading.report}"))
        extra: dict[str, bool] = {}
        if kind == "modem.swapped" and previous and new and previous.imei and new.imei:
            extra["tac_changed"] = previous.imei[:8] != new.imei[:8]
        self.withdrawn.discard(event_id)
        self.events[event_id] = RegistryEvent(
            id=event_id,
            type=kind,
            at_ms=reading.at_ms,
            subject=_subject(kind, new or previous or reading.identities),
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


def unit_key(kind: UnitKind, number: str) -> str:
    """Return the key of a unit's timeline: 14 digits of an IMEI, 19 of an ICCID."""
    return number[:14] if kind == UnitKind.MODEM else number[:19]


def advance_place(state: PlaceState, reading: Reading, changes: Changes) -> None:
    """Apply the next reading of a place: a modem's position or a slot."""
    state.last_order = reading.order
    own = state.occupants.get(reading.modem_place)
    # the same slot of another modem with the same IMEI, observed without interruption
    twin = (
        reading.modem_place != state.modem_place
        and own is not None
        and reading.continuing
        and own.session == reading.session
    )
    after = _next_occupant(own if twin else state.occupant, reading, changes)
    if after is None:
        return
    if not twin:
        state.modem_place = reading.modem_place
    state.occupants.pop(reading.modem_place, None)
    state.occupants[reading.modem_place] = after
    while len(state.occupants) > _OCCUPANTS_KEPT:
        del state.occupants[next(key for key in state.occupants if key != state.modem_place)]


def _next_occupant(before: Occupant | None, reading: Reading, changes: Changes) -> Occupant | None:
    kind, number, identities = changes.kind, reading.number, reading.identities
    if number is None:
        if before is None:
            return None
        if before.occupied:
            name = f"{kind.event_prefix}.removed"
            changes.add_event(name, reading.place, reading, previous=before.identities)
            _depart(before, reading, "removed", changes)
        return Occupant(before.number, before.identities, False, reading.session)
    if before is None:
        return Occupant(number, identities, True, reading.session)
    if kind == UnitKind.MODEM:
        event = None if _same_unit(kind, before.number, number) else "modem.swapped"
    else:
        event = compare_sims(
            SimNumbers(before.number, before.identities.imsi, before.identities.eid),
            SimNumbers(number, identities.imsi, identities.eid),
        )
    replaced = event not in (None, "sim.imsi_switched")
    if not replaced:
        identities = identities.filled_from(before.identities, no_sim=reading.no_sim)
        number = max(number, before.number, key=len)
    if event:
        changes.add_event(event, reading.place, reading, previous=before.identities, new=identities)
    if before.occupied and replaced:
        _depart(before, reading, "replaced", changes)
    return Occupant(number, identities, True, reading.session)


def _depart(before: Occupant, reading: Reading, cause: str, changes: Changes) -> None:
    changes.departures.append(
        Departure(reading.order, reading.report, reading.place, before.number, cause)
    )


def advance_unit(timeline: UnitTimeline, reading: Reading | Departure, changes: Changes) -> None:
    """Apply the next reading of a unit, or its departure from a place."""
    kind = changes.kind
    timeline.last_order = reading.order
    number = reading.number
    if number is None:
        return
    unit = next((one for one in timeline.units if _same_unit(kind, one.number, number)), None)
    if isinstance(reading, Departure):
        if unit is not None:
            _close(unit, reading, changes)
        return
    if unit is None:
        unit = Unit(number, reading.at_ms, reading.report, 0, "", reading.place, {}, {})
        changes.add_event(
            f"{kind.event_prefix}.first_seen", f"{kind}:{number}", reading, new=reading.identities
        )
    else:
        timeline.units.remove(unit)
    timeline.units.insert(0, unit)  # a shorter number means the unit seen last
    unit.number = number if len(number) >= len(unit.number) else unit.number
    unit.last_ms, unit.last_report = reading.at_ms, reading.report
    unit.facts = {**unit.facts, **reading.facts}
    _place_unit(unit, reading, changes)


def _place_unit(unit: Unit, reading: Reading, changes: Changes) -> None:
    kind = changes.kind
    here = unit.intervals.get(reading.place)
    latest = unit.intervals.get(unit.place)
    if here is not None and reading.place == unit.place:
        if here.cause is not None:
            here = _open(unit, reading, None, changes)
        _extend(unit, here, reading, changes)
        return
    if here is not None and latest is not None and _continues(here, reading):
        if here.cause == "moved":
            if reading.at_ms - latest.first_ms <= GRACE_MS:
                return
            here.closed_ms = here.closed_by = here.cause = None
            if latest.move_event is not None:
                changes.withdraw(latest.move_event)
                latest.move_event = None
        _extend(unit, here, reading, changes)
        return
    move_event = None
    if latest is not None:
        if kind == UnitKind.MODEM or latest.identities.imei != reading.identities.imei:
            move_event = changes.add_event(
                f"{kind.event_prefix}.moved",
                f"{kind}:{unit_key(kind, unit.number)}",
                reading,
                previous=latest.identities,
                new=reading.identities,
            )
        if latest.cause is None:
            latest.closed_ms, latest.closed_by = reading.at_ms, reading.report
            latest.cause = "moved"
            _record(unit, latest, changes)
    unit.place = reading.place
    _open(unit, reading, move_event, changes)


def _continues(interval: Interval, reading: Reading) -> bool:
    same_session = reading.continuing and interval.session == reading.session
    return same_session and interval.cause in (None, "moved")


def _open(unit: Unit, reading: Reading, move_event: str | None, changes: Changes) -> Interval:
    interval = Interval(
        place=reading.place,
        identities=reading.identities,
        opened_by=reading.report,
        first_ms=reading.at_ms,
        last_ms=reading.at_ms,
        last_report=reading.report,
        session=reading.session,
        move_event=move_event,
    )
    unit.intervals.pop(reading.place, None)
    unit.intervals[reading.place] = interval
    while len(unit.intervals) > _INTERVALS_KEPT:
        del unit.intervals[next(iter(unit.intervals))]
    _record(unit, interval, changes)
    return interval


def _extend(unit: Unit, interval: Interval, reading: Reading, changes: Changes) -> None:
    interval.last_ms, interval.last_report = reading.at_ms, reading.report
    interval.session = reading.session
    interval.identities = reading.identities.filled_from(interval.identities, no_sim=reading.no_sim)
    _record(unit, interval, changes)


def _close(unit: Unit, departure: Departure, changes: Changes) -> None:
    interval = unit.intervals.get(departure.place)
    if interval is None or interval.cause is not None:
        return
    interval.closed_ms, interval.closed_by = departure.order[0], departure.report
    interval.cause = departure.cause
    _record(unit, interval, changes)


def _record(unit: Unit, interval: Interval, changes: Changes) -> None:
    key = unit_key(changes.kind, unit.number)
    changes.intervals[key, interval.place, interval.opened_by] = interval


def _same_unit(kind: UnitKind, one: str, other: str) -> bool:
    return one[:14] == other[:14] if kind == UnitKind.MODEM else Iccid(one).same_sim(other)


def _subject(kind: str, identities: Identities) -> str:
    if kind in ("sim.first_seen", "sim.moved") and identities.iccid:
        return f"iccid:{identities.iccid}"
    return f"imei:{identities.imei}" if identities.imei else f"iccid:{identities.iccid}"
