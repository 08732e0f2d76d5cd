"""What the timelines of places and units are made of: readings, states, intervals and events.

A **place** holds one unit at a time: a position of a gateway holds a modem, a slot of a modem holds
a SIM. A **unit**, a modem or a SIM, is at one place at a time. :mod:`~modemagent.registry.fold`
derives states and :class:`Changes` from readings. The names of stored fields, where they differ
from those of the code, belong to schema version 1.
"""

from __future__ import annotations

from enum import StrEnum
from uuid import UUID, uuid5

import msgspec

from modemagent.identity.iccid import Iccid

_NAMESPACE = UUID("6d6f6465-6d61-5e6e-8472-656769737472")

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


class EventData(msgspec.Struct, kw_only=True):
    """Identities before and after a change; ``report`` is the first that shows the new state."""

    previous: Identities | None
    new: Identities | None
    tac_changed: bool | msgspec.UnsetType = msgspec.UNSET
    report: str


class RegistryEvent(msgspec.Struct, frozen=True):
    """A change. ``id`` is derived from what changed and the report that shows it first."""

    id: str
    type: str
    at_ms: int
    subject: str
    gateway_id: str
    report: str
    data: EventData


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

    def close(self, by: Reading | Departure, cause: str) -> None:
        self.closed_ms, self.closed_by, self.cause = by.order[0], by.report, cause


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

    @property
    def present(self) -> bool:
        return self.interval.cause is None


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
        self.intervals: dict[tuple[str, str], Interval] = {}  # by place and opening report

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
        data = EventData(previous=previous, new=new, report=reading.report)
        if kind == "modem.swapped" and previous and new and previous.imei and new.imei:
            data.tac_changed = previous.imei[:8] != new.imei[:8]
        self.withdrawn.discard(event_id)
        self.events[event_id] = RegistryEvent(
            id=event_id,
            type=kind,
            at_ms=reading.at_ms,
            subject=_subject(kind, new or previous or reading.identities),
            gateway_id=reading.order[1],
            report=reading.report,
            data=data,
        )
        return event_id

    def add_interval(self, interval: Interval) -> None:
        self.intervals[interval.place, interval.opened_by] = interval

    def withdraw(self, event_id: str) -> None:
        self.events.pop(event_id, None)
        self.withdrawn.add(event_id)


def unit_key(kind: UnitKind, number: str) -> str:
    """Return the key of a unit's timeline: 14 digits of an IMEI, 19 of an ICCID."""
    return number[:14] if kind == UnitKind.MODEM else number[:19]


def _subject(kind: str, identities: Identities) -> str:
    if kind in ("sim.first_seen", "sim.moved") and identities.iccid:
        return f"iccid:{identities.iccid}"
    return f"imei:{identities.imei}" if identities.imei else f"iccid:{identities.iccid}"
