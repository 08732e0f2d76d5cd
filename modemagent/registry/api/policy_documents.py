"""Models of the requests and responses about policies and announced work, and their masking."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired

from pydantic import BaseModel, ConfigDict, Field, with_config
from typing_extensions import TypedDict

from modemagent.privacy.masking import mask, mask_text
from modemagent.registry.api.documents import Document, LinkState
from modemagent.registry.api.list_documents import (
    PRINTABLE,
    LineProblemDocument,
    NumberText,
    TimeText,
)
from modemagent.registry.policies.policy_content import LONGEST_NAME, LONGEST_NOTE, MOST
from modemagent.registry.store.people.tokens import Beholder
from modemagent.registry.store.privacy import acts

Mode = Literal["observe", "learn", "enforce"]
Name = Annotated[str, Field(max_length=LONGEST_NAME, pattern=PRINTABLE)]
Note = Annotated[str, Field(max_length=LONGEST_NOTE, pattern=PRINTABLE)]
Numbers = Annotated[list[NumberText], Field(max_length=MOST)]
_NUMBERS = frozenset({"imei", "iccid", "imsi"})
_NUMBER_LISTS = frozenset({"imeis", "iccids", "imsis"})
_TEXTS = frozenset({"name", "note", "reason", "site", "model", "order", "gateways", "sites"})


class NewCovers(BaseModel):
    """The modems that a policy covers: those that match one of these.

    The narrowest cover of a modem decides: its IMEI, its order, its site, its TAC, its model.
    """

    model_config = ConfigDict(extra="forbid")

    imeis: Numbers = []
    tacs: Numbers = []
    site: Name | None = None
    model: Name | None = None
    order: Name | None = None


# Dictionaries: 100,000 of them are checked in 40 ms, models in 300 ms, and meanwhile the event loop
# serves no other request. The module typing has none that pydantic takes before Python 3.12.
@with_config(ConfigDict(extra="forbid"))
class NewPair(TypedDict):
    """A modem and its SIM."""

    imei: NumberText
    iccid: NumberText


@with_config(ConfigDict(extra="forbid"))
class NewException(TypedDict):
    """A pair that is allowed although a number of it is on a list."""

    imei: NumberText
    iccid: NotRequired[NumberText | None]
    imsi: NotRequired[NumberText | None]


class PolicyRules(BaseModel):
    """What a policy allows; without SIMs and pairs, each slot learns its first SIM."""

    model_config = ConfigDict(extra="forbid")

    mode: Mode = "observe"
    iccids: Numbers = []
    iccid_prefixes: Numbers = []
    imsis: Numbers = []
    exceptions: Annotated[list[NewException], Field(max_length=MOST)] = []
    valid_from: TimeText | None = None
    valid_to: TimeText | None = None
    note: Note = ""
    reason: Note = ""


class NewPolicy(PolicyRules):
    name: Annotated[str, Field(min_length=1, max_length=LONGEST_NAME, pattern=PRINTABLE)]
    covers: NewCovers = NewCovers()
    pairs: Annotated[list[NewPair], Field(max_length=MOST)] = []


class NewModemPolicy(PolicyRules):
    """A policy of one modem."""

    name: Name | None = None


class ModeChange(BaseModel):
    """The mode that a policy gets, and the limit of the re-check that follows."""

    model_config = ConfigDict(extra="forbid")

    mode: Mode = "enforce"
    reason: Note = ""
    max_match_ratio: Annotated[float, Field(ge=0, le=1, strict=True)] | None = None


class Reversion(BaseModel):
    """The revision to which a policy returns."""

    model_config = ConfigDict(extra="forbid")

    revision: Annotated[int, Field(ge=1, lt=2**31)]
    reason: Note = ""


class CoversDocument(Document):
    imeis: list[str]
    tacs: list[str]
    site: str | None
    model: str | None
    order: str | None


class PairDocument(Document):
    imei: str
    iccid: str


class ExceptionDocument(Document):
    imei: str
    iccid: str | None
    imsi: str | None


class LinkCounts(Document):
    """Numbers of slots by state."""

    armed: int
    linked: int
    differed: int


class PolicyRevision(Document):
    revision: int
    time: str
    actor: str
    reason: str
    mode: Mode | None


class PolicyDocument(Document):
    """A policy; its ``ref`` and ``revision`` identify what it states."""

    ref: str
    revision: int
    name: str
    mode: Mode
    covers: CoversDocument
    iccids: list[str]
    iccid_prefixes: list[str]
    imsis: list[str]
    pairs: list[PairDocument]
    exceptions: list[ExceptionDocument]
    valid_from: str | None
    valid_to: str | None
    note: str
    changed_at: str
    changed_by: str
    reason: str
    links: LinkCounts
    history: list[PolicyRevision]


class CoverCounts(Document):
    imeis: int
    tacs: int
    site: str | None
    model: str | None
    order: str | None


class PolicySummary(Document):
    """A policy with the counts of its numbers."""

    ref: str
    name: str
    mode: Mode
    revision: int
    covers: CoverCounts
    sims: int
    pairs: int
    exceptions: int
    valid_from: str | None
    valid_to: str | None
    changed_at: str
    changed_by: str


class PolicyPage(Document):
    policies: list[PolicySummary]
    next: str | None


class TriedSlot(Document):
    slot: int
    iccid: str
    link_state: LinkState


class TriedModem(Document):
    imei: str
    ref: str
    link_state: LinkState
    slots: list[TriedSlot]


class Trial(Document):
    """What would happen if a policy were enforced: those that differ first.

    ``unknown``: covered IMEIs that were never reported. Not ``complete``: only some are counted.
    """

    name: str
    counts: LinkCounts
    unknown: int
    complete: bool
    modems: list[TriedModem]


class PairImport(BaseModel):
    """What an import of pairs has done, or would do, and what is wrong with the file."""

    accepted: bool
    rows: int
    pairs: int
    problems: list[LineProblemDocument]
    more_problems: int
    ref: str | None


class NewWindowDocument(BaseModel):
    """Work to be announced, for gateways by id, sites and modems; it ends by itself."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    name: Annotated[str, Field(min_length=1, max_length=LONGEST_NAME, pattern=PRINTABLE)]
    reason: Note = ""
    from_: Annotated[TimeText | None, Field(alias="from")] = None
    to: TimeText
    gateways: Annotated[list[Name], Field(max_length=1000)] = []
    sites: Annotated[list[Name], Field(max_length=1000)] = []
    imeis: Annotated[list[NumberText], Field(max_length=1000)] = []


class WindowDocument(Document):
    """Announced work."""

    id: str
    name: str
    reason: str
    from_: Annotated[str, Field(alias="from")]
    to: str
    gateways: list[str]
    sites: list[str]
    imeis: list[str]
    announced_by: str
    announced_at: str


class WindowPage(Document):
    windows: list[WindowDocument]
    next: str | None


def shown_policy(value: Any, token: Beholder, name: str = "") -> Any:
    """Return a document with its numbers masked unless the token has full-id scope."""
    if token.full_ids:
        return acts.show_in_full(value)
    if isinstance(value, dict):
        return {one: shown_policy(member, token, one) for one, member in value.items()}
    if isinstance(value, list):
        return [shown_policy(one, token, name) for one in value]
    if not isinstance(value, str):
        return value
    if name in _NUMBERS or name in _NUMBER_LISTS:
        return mask(value)
    if name == "iccid_prefixes" and len(value) > _PUBLIC_PREFIX:
        return mask(value)
    return mask_text(value) if name in _TEXTS else value


_PUBLIC_PREFIX = 7  # country and issuer
