"""Models of the requests and responses about findings, rules and decisions."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from modemagent.registry.api.documents import PRINTABLE, Document
from modemagent.registry.api.event_documents import EventDocument


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
        "acknowledge",
        "resolve",
        "suppress",
        "authorise",
        "assign",
        "withdraw",
        "changed",
        "cause_gone",
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


class AuthorisedDocument(Document):
    """What authorising the finding allowed; ``once``: until another SIM was read in the slot."""

    once: bool
    ended_at: str | None


class FindingDetail(FindingDocument):
    """A finding with what a decision about it rests on.

    ``change`` is the event that the finding is about; ``policy`` covers the modem now; ``windows``
    is the work that was announced for the time of the change; ``allowed``: whether the SIM was
    allowed in the modem then, null if the change is not about that; ``allowed_now``: by the policy
    as it is now; ``authorised``: what authorising the finding has allowed, null if nothing.
    """

    change: EventDocument | None
    policy: FindingPolicyDocument | None
    windows: list[FindingWindowDocument]
    allowed: Literal["by_policy", "not_by_policy", "announced", "no_policy"] | None
    allowed_now: Literal["by_policy", "not_by_policy", "no_policy"] | None
    authorised: AuthorisedDocument | None
    history: list[DecisionDocument]


def _text(value: object) -> object:
    """Return a text as it is; a number would be taken for seconds since 1970."""
    if value is not None and not isinstance(value, str):
        raise ValueError("a time must be a text")
    return value


TimeOfText = Annotated[AwareDatetime, BeforeValidator(_text)]


class DecisionRequest(BaseModel):
    """A decision: ``until`` is required to acknowledge and suppress, ``assignee`` to assign.

    ``once``: authorise the SIM only until another one is read in its slot.
    """

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[str, Field(min_length=1, max_length=2000, pattern=PRINTABLE)]
    until: TimeOfText | None = None
    assignee: Annotated[str, Field(min_length=1, max_length=256, pattern=PRINTABLE)] | None = None
    once: bool = False


class Findings(Document):
    findings: list[FindingDocument]
    next: str | None
