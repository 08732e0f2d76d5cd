"""Models of the responses about the fleet: modems, SIMs, gateways, and their timelines."""

from __future__ import annotations

from typing import Literal

from modemagent.registry.api.documents import Document, LinkState
from modemagent.registry.api.event_documents import EventDocument

Cause = Literal["removed", "replaced", "moved"]


class ModemDocument(Document):
    """A modem and its current place, or the last one if ``present`` is false."""

    imei: str
    tac: str
    manufacturer: str | None
    model: str | None
    firmware: str | None
    imeisv: str | None
    meid: str | None
    serial_number: str | None
    present: bool
    gateway_id: str | None
    port: str | None
    first_seen: str
    last_seen: str
    first_report: str
    last_report: str
    last_seen_uncertainty_ms: int
    individuals: int
    link_state: LinkState
    ref: str


class SlotDocument(Document):
    """A SIM slot of a modem and the SIM in it; ``state`` is that of the last report."""

    slot: int
    state: str
    present: bool
    iccid: str | None
    imsi: str | None
    eid: str | None
    link_state: LinkState
    ref: str | None
    since: str | None


class KeptReading(Document):
    """A reading that is kept as evidence, with the range of its dates."""

    report: str
    earliest: str
    latest: str
    received: str


class PastSim(Document):
    """A SIM in a slot of a modem at a time."""

    slot: int
    iccid: str


class PastState(Document):
    """Where a modem or SIM was at a time; ``sims``: those in the modem, if it is about one.

    ``certain``: between two readings between which it cannot have left. ``probable``: between two
    readings that agree, across a reboot or missing reports. ``unknown``: otherwise. ``agreeing`` is
    the number of readings between ``before`` and ``after``, which are not kept because they agree.
    """

    certainty: Literal["certain", "probable", "unknown"]
    individual: int
    imei: str | None
    iccid: str | None
    slot: int | None
    sims: list[PastSim]
    gateway_id: str
    port: str
    opened_by: str
    closed_by: str | None
    before: KeptReading | None
    after: KeptReading | None
    agreeing: int
    sentence: str


class Past(Document):
    """State at the time ``as_of``, as it was known at ``known_at``; several if it is not known."""

    imei: str | None = None
    iccid: str | None = None
    ref: str
    as_of: str
    known_at: str | None
    sentence: str
    states: list[PastState]


class ModemDetail(ModemDocument):
    sims: list[SlotDocument]
    past: Past | None


class SimDocument(Document):
    """A SIM and the modem that holds it, or held it last if ``present`` is false.

    Gateway and port are null if the modem has left its gateway with the SIM in it.
    """

    iccid: str
    imsi: str | None
    eid: str | None
    present: bool
    imei: str | None
    slot: int | None
    gateway_id: str | None
    port: str | None
    link_state: LinkState
    first_seen: str
    last_seen: str
    first_report: str
    last_report: str
    last_seen_uncertainty_ms: int
    individuals: int
    ref: str


class HealthOfPort(Document):
    """State of a port; ``drops``: the most within 10 minutes since the heartbeat before."""

    port_id: str
    state: str
    drops: int


class GatewayHealth(Document):
    """Health of a gateway, by its last heartbeat."""

    outbox: int
    evicted: int
    restarts: int
    modems: list[HealthOfPort]


class Gateway(Document):
    """A gateway; ``forked`` if copies of its disk have reported."""

    gateway_id: str
    agent_version: str
    reports: int
    first_seen: str
    last_seen: str
    last_received: str
    first_report: str
    last_report: str
    last_seen_uncertainty_ms: int
    heartbeat_s: float | None
    health: GatewayHealth | None
    forked: bool
    clock_suspect: bool
    site: str | None
    ref: str


class SimDetail(SimDocument):
    past: Past | None


class GatewayDetail(Gateway):
    modems: list[ModemDocument]
    past: list[PastState] | None


class PlaceDocument(Document):
    """Stay of a modem at a port of a gateway, with the reports that opened and closed it.

    A time is the latest possible one; the earliest is ``..._uncertainty_ms`` before it.
    """

    imei: str | None
    gateway_id: str | None
    port: str | None
    first_seen: str
    first_seen_uncertainty_ms: int
    last_seen: str
    last_seen_uncertainty_ms: int
    closed_at: str | None
    closed_at_uncertainty_ms: int | None
    cause: Cause | None
    opened_by: str
    last_report: str
    closed_by: str | None
    recorded_at: str
    individual: int
    order_known: bool
    pending: bool


class Pairing(PlaceDocument):
    """Stay of a SIM in a slot of a modem; gateway and port are those where it began."""

    slot: int | None
    iccid: str | None
    imsi: str | None
    eid: str | None
    link_state: LinkState


class FactsDocument(Document):
    """Facts about a modem from a report on, as read from it."""

    manufacturer: str | None
    model: str | None
    firmware: str | None
    imeisv: str | None
    meid: str | None
    serial_number: str | None
    since: str
    first_report: str


class ModemTimeline(Document):
    imei: str
    ref: str
    places: list[PlaceDocument]
    pairings: list[Pairing]
    facts: list[FactsDocument]
    events: list[EventDocument]


class SimTimeline(Document):
    iccid: str
    ref: str
    pairings: list[Pairing]
    events: list[EventDocument]


class Match(Document):
    kind: str
    id: str
    modem: str | None
    sim: str | None
    gateway: str | None
    port: str | None
    link_state: LinkState
    last_seen: str | None
    last_report: str | None
    ref: str | None
    asset: str | None


class Matches(Document):
    """Matches of an identifier.

    ``candidates``: of 4 to 8 digits, the newest modems and SIMs whose IMEI or ICCID ends with them;
    without full-id scope, of 4 digits only. ``more_candidates``: there are more.
    """

    matches: list[Match]
    candidates: list[Match]
    more_candidates: bool


class Modems(Document):
    modems: list[ModemDocument]
    next: str | None


class Sims(Document):
    sims: list[SimDocument]
    next: str | None


class Gateways(Document):
    gateways: list[Gateway]
    next: str | None


class Pairings(Document):
    pairings: list[Pairing]
    next: str | None
