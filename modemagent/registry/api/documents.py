"""The shapes of the answers, as ``/openapi.json`` describes them.

Fields may be added, never renamed or removed. Times are RFC 3339 in UTC with milliseconds. A
report is named ``gateway/stream/sequence``: the evidence.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

LinkState = Literal["unlinked", "armed", "linked", "differed"]
Cause = Literal["removed", "replaced", "moved"]


class Document(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")


class ProblemDocument(BaseModel):
    """An error (RFC 9457)."""

    type: str
    title: str
    status: int
    code: str
    detail: str


class ModemDocument(Document):
    """A modem and where it is, or was last (``present`` false)."""

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


class SlotDocument(Document):
    """A modem's slot and the card in it; ``state`` as in the last report."""

    slot: int
    state: str
    present: bool
    iccid: str | None
    imsi: str | None
    eid: str | None
    link_state: LinkState


class ModemDetail(ModemDocument):
    sims: list[SlotDocument]


class SimDocument(Document):
    """A card and where it is, or was last (``present`` false)."""

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


class Gateway(Document):
    gateway_id: str
    agent_version: str
    reports: int
    first_seen: str
    last_seen: str
    last_received: str


class GatewayDetail(Gateway):
    modems: list[ModemDocument]


class PlaceDocument(Document):
    """A modem in a gateway's port, from when to when, by which reports."""

    imei: str | None
    gateway_id: str | None
    port: str | None
    first_seen: str
    last_seen: str
    closed_at: str | None
    cause: Cause | None
    opened_by: str
    last_report: str
    closed_by: str | None
    recorded_at: str


class Pairing(PlaceDocument):
    """A card in a modem's slot, from when to when, by which reports."""

    slot: int | None
    iccid: str | None
    imsi: str | None
    eid: str | None


class IdentityDocument(Document):
    """Who was with whom, as far as known."""

    imei: str | None
    slot: int | None
    iccid: str | None
    imsi: str | None
    eid: str | None
    gateway_id: str | None
    port: str | None


class ChangeDocument(BaseModel):
    """What changed. ``report`` first shows the new state."""

    previous: IdentityDocument | None
    new: IdentityDocument | None
    report: str
    tac_changed: bool | None = None


class EventDocument(Document):
    """An event with the fields of CloudEvents 1.0.

    ``id`` stays the same however often the event is told; ``revision`` counts up when a late
    report changed what is known of it.
    """

    specversion: Literal["1.0"]
    id: str
    type: str
    source: str
    subject: str
    time: str
    datacontenttype: Literal["application/json"]
    revision: int
    recordedtime: str
    data: ChangeDocument


class ModemTimeline(Document):
    imei: str
    places: list[PlaceDocument]
    pairings: list[Pairing]
    events: list[EventDocument]


class SimTimeline(Document):
    iccid: str
    pairings: list[Pairing]
    events: list[EventDocument]


class Match(Document):
    kind: str
    id: str
    modem: str | None
    sim: str | None
    gateway: str | None
    link_state: LinkState
    last_seen: str | None


class Matches(Document):
    matches: list[Match]


class Modems(Document):
    modems: list[ModemDocument]
    next: str | None


class Sims(Document):
    sims: list[SimDocument]
    next: str | None


class Gateways(Document):
    gateways: list[Gateway]
    next: str | None


class EventPage(Document):
    events: list[EventDocument]
    next: str | None


class Enrolment(Document):
    gateway_id: Annotated[str, Field(min_length=1, max_length=256)]


class Enrolled(Document):
    token: str
