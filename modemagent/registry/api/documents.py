"""Models of requests and responses, published in ``/openapi.json``.

Fields may be added, never renamed or removed. Times are RFC 3339 in UTC with milliseconds. Reports,
the evidence of each statement, are referred to as ``gateway/stream/sequence``.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from modemagent.registry.api.problem_details import CONTENT_TYPE

#: Response of a route that may end with an error, and the errors of every route of the API.
PROBLEM: dict[str, Any] = {
    "description": "Problem document (RFC 9457)",
    "content": {CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}},
}
PROBLEMS: dict[int | str, dict[str, Any]] = dict.fromkeys((401, 403, 422), PROBLEM)

LinkState = Literal["unlinked", "armed", "linked", "differed"]
Cause = Literal["removed", "replaced", "moved"]


class Document(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")


class ProblemDocument(BaseModel):
    """Problem details of an error (RFC 9457)."""

    type: str
    title: str
    status: int
    code: str
    detail: str


class ReceiptDocument(BaseModel):
    """Result of one report of a batch."""

    report_id: str | None
    status: Literal["accepted", "duplicate", "conflict", "rejected"]
    problem: ProblemDocument | None = None


class Receipts(BaseModel):
    """Results of a batch, one per report, in the same order."""

    results: list[ReceiptDocument]


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


class SlotDocument(Document):
    """A SIM slot of a modem and the SIM in it; ``state`` is that of the last report."""

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
    """A SIM and its current place, or the last one if ``present`` is false."""

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
    """Interval of a modem at a port of a gateway, with the reports that opened and closed it."""

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
    """Interval of a SIM in a slot of a modem, with the reports that opened and closed it."""

    slot: int | None
    iccid: str | None
    imsi: str | None
    eid: str | None


class IdentityDocument(Document):
    """Identifiers of a modem, its SIM and its gateway, as far as they were read."""

    imei: str | None
    slot: int | None
    iccid: str | None
    imsi: str | None
    eid: str | None
    gateway_id: str | None
    port: str | None


class ChangeDocument(BaseModel):
    """Identities before and after a change. ``report`` is the first that shows the new state."""

    previous: IdentityDocument | None
    new: IdentityDocument | None
    report: str
    tac_changed: bool | None = None


class EventDocument(Document):
    """An event with the attributes of CloudEvents 1.0.

    ``id`` never changes; ``revision`` increases if a late report changes the event.
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
    """The token of a gateway, and the number of the unused token that it replaces."""

    token: str
    replaced: int | None
