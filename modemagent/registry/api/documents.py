"""Models of requests and responses, published in ``/openapi.json``.

Fields may be added, never renamed or removed. Times are RFC 3339 in UTC with milliseconds. Reports,
the evidence of each statement, are referred to as ``gateway/stream/sequence``.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from modemagent.registry.api.problem_details import CONTENT_TYPE
from modemagent.registry.store.tokens import GATEWAY_ID

#: Response of a route that may end with an error, and the errors of every route of the API.
PROBLEM: dict[str, Any] = {
    "description": "Problem document (RFC 9457)",
    "content": {CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}},
}
PROBLEMS: dict[int | str, dict[str, Any]] = dict.fromkeys((400, 401, 403, 422, 429, 503), PROBLEM)

#: Text of people: not only spaces, without control characters.
PRINTABLE = r"^[^\x00-\x1F\x7F]*[^\s\x00-\x1F\x7F][^\x00-\x1F\x7F]*$"

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


class PastState(Document):
    """Where a modem or SIM was at a time.

    ``certain``: between two readings between which it cannot have left. ``probable``: between two
    readings that agree, across a reboot or missing reports. ``unknown``: otherwise. ``agreeing`` is
    the number of readings between ``before`` and ``after``, which are not kept because they agree.
    """

    certainty: Literal["certain", "probable", "unknown"]
    individual: int
    imei: str | None
    iccid: str | None
    slot: int | None
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
    """Identities before and after a change. ``report`` is the first that shows the new state.

    A link has the ``imei``, ``slot``, ``iccid`` and ``policy``; a case its id, its kind, and the
    outcome of one that was closed.
    """

    previous: IdentityDocument | None
    new: IdentityDocument | None
    report: str | None
    tac_changed: bool | None = None
    imei: str | None = None
    slot: int | None = None
    iccid: str | None = None
    policy: str | None = None
    case: str | None = None
    kind: str | None = None
    outcome: str | None = None


class EventDocument(Document):
    """An event with the attributes of CloudEvents 1.0.

    ``id`` never changes; ``revision`` increases if a late report changes the event. An event that
    no longer follows is listed again as ``withdrawn``; ``replaces`` is the id of a withdrawn event
    whose place another one takes. ``held`` events wait for missing reports. Cases have no ``ref``.
    """

    specversion: Literal["1.0"]
    id: str
    type: str
    source: str
    subject: str
    ref: str | None
    time: str
    uncertainty_ms: int
    datacontenttype: Literal["application/json"]
    revision: int
    withdrawn: bool
    held: bool
    replaces: str | None
    recordedtime: str
    data: ChangeDocument


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


class Pairings(Document):
    pairings: list[Pairing]
    next: str | None


class EvidenceDocument(Document):
    """A report that shows a finding; ``individual`` is 0 if it is not about individuals."""

    individual: int
    report: str


class FindingEntryDocument(Document):
    """The entry of a list that a finding about a listed number follows from."""

    id: str
    list: Literal["prohibited", "tracked"]
    kind: str
    valid_from: str | None
    valid_to: str | None
    source: str
    reason: str


class FindingDocument(Document):
    """A finding of a rule.

    ``part`` is the slot, field or port that it is about. ``late``: when it was found, a newer
    reading contradicted it already. ``again`` counts the earlier findings of its kind and part.
    """

    id: str
    type: str
    severity: Literal["error", "warning", "note"]
    grade: Literal["certain", "probable", "possible"] | None
    state: Literal["undecided", "acknowledged", "resolved", "suppressed"]
    until: str | None
    assignee: str | None
    revision: int
    sentence: str
    remedy: str
    subject: str
    part: str | None
    late: bool
    again: int
    imei: str | None
    iccid: str | None
    gateway_id: str | None
    port: str | None
    ref: str | None
    first_seen: str | None
    first_report: str | None
    evidence: list[EvidenceDocument]
    entry: FindingEntryDocument | None
    recorded_at: str


class RuleDocument(Document):
    """A kind of finding; ``lasting``: a condition, which is resolved when its cause is gone."""

    name: str
    severity: Literal["error", "warning", "note"]
    sentence: str
    remedy: str
    lasting: bool


class Rules(Document):
    rules: list[RuleDocument]


class DecisionDocument(Document):
    """What changed a finding; the actor ``registry`` notes what late reports have changed."""

    revision: int
    action: Literal[
        "acknowledge", "resolve", "suppress", "authorise", "assign", "changed", "cause_gone"
    ]
    actor: str
    reason: str
    until: str | None
    assignee: str | None
    time: str


class FindingPolicyDocument(Document):
    ref: str
    name: str
    mode: Literal["observe", "learn", "enforce"]


class FindingWindowDocument(Document):
    """Announced work that covers the modem of a finding."""

    id: str
    name: str
    reason: str
    from_: Annotated[str, Field(alias="from")]
    to: str
    announced_by: str


class FindingDetail(FindingDocument):
    """A finding with what a decision about it rests on.

    ``change`` is the event that the finding is about; ``policy`` covers the modem now; ``windows``
    is the work that was announced for the time of the change; ``allowed``: whether the SIM was
    allowed in the modem then, null if the change is not about that.
    """

    change: EventDocument | None
    policy: FindingPolicyDocument | None
    windows: list[FindingWindowDocument]
    allowed: Literal["by_policy", "not_by_policy", "announced", "no_policy"] | None
    history: list[DecisionDocument]


def _text(value: object) -> object:
    """Return a text as it is; a number would be taken for seconds since 1970."""
    if value is not None and not isinstance(value, str):
        raise ValueError("a time must be a text")
    return value


TimeOfText = Annotated[AwareDatetime, BeforeValidator(_text)]


class DecisionRequest(BaseModel):
    """A decision: ``until`` is required to acknowledge and suppress, ``assignee`` to assign."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[str, Field(min_length=1, max_length=2000, pattern=PRINTABLE)]
    until: TimeOfText | None = None
    assignee: Annotated[str, Field(min_length=1, max_length=256, pattern=PRINTABLE)] | None = None


class Findings(Document):
    findings: list[FindingDocument]
    next: str | None


class ConflictDocument(Document):
    """Another body that was received under the same key."""

    received: str
    report: dict[str, Any]
    redacted: bool
    old_digest: str | None


class StoredReport(BaseModel):
    """A report. If ``kept`` is false, ``same_as`` is the kept report that states the same.

    ``same_as`` is null if several could be meant; ``one_of`` has all of them. ``redacted``: numbers
    of an erased SIM were cut out of the body, whose digest was ``old_digest``.
    """

    key: str
    kept: bool
    received: str | None = None
    report: dict[str, Any] | None = None
    redacted: bool = False
    old_digest: str | None = None
    same_as: str | None = None
    one_of: list[str] | None = None
    conflicts: list[ConflictDocument]


class EventPage(Document):
    events: list[EventDocument]
    next: str | None


class Enrolment(Document):
    gateway_id: Annotated[str, Field(min_length=1, max_length=256, pattern=GATEWAY_ID)]


class Enrolled(Document):
    """The token of a gateway, and the number of the unused token that it replaces."""

    token: str
    replaced: int | None
