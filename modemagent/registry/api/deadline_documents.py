"""Models of the requests and responses about deadlines and regulations."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from modemagent.registry.api.documents import PRINTABLE, Document
from modemagent.registry.regulations.regulation import LONGEST_TEXT, MOST_DAYS

Words = Annotated[str, Field(min_length=1, max_length=LONGEST_TEXT, pattern=PRINTABLE)]
Days = Annotated[int, Field(ge=0, le=MOST_DAYS, strict=True)]
Kind = Literal["days", "registration"]
Confidence = Literal["high", "medium", "low"]


class PeriodDocument(Document):
    """Consecutive days of use that count, at one gateway with one SIM; null: no SIM was read."""

    from_: Annotated[str, Field(alias="from")]
    to: str
    days: int
    gateway_id: str | None
    iccid: str | None
    mcc: str


class DeadlineDocument(Document):
    """How far a modem is from the limit of a rule.

    ``due_on``: when the limit is reached if the modem stays, or was reached; null: it is not in the
    country. ``ratio``: part of the limit in per cent.
    """

    imei: str
    ref: str
    gateway_id: str | None
    site: str | None
    country: str
    rule: str
    type: Literal["roaming.deadline", "registration.due"]
    text: str
    source: str
    confidence: Confidence
    days: int
    limit_days: int
    ratio: int
    first_day: str
    last_day: str
    due_on: str | None
    reached: bool
    periods: list[PeriodDocument]
    finding: str | None
    first_report: str | None


class DeadlinePage(Document):
    deadlines: list[DeadlineDocument]
    next: str | None


class NewRegulation(BaseModel):
    """A rule of a country; see docs/deadlines.md for the fields."""

    model_config = ConfigDict(extra="forbid")

    country: Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
    kind: Kind
    sim: Literal["any", "local", "foreign"] = "any"
    limit_days: Days
    window: Literal["rolling", "year", "first_use"]
    window_days: Days = 0
    registered: bool = False
    text: Words
    source: Words
    as_of: Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
    confidence: Confidence
    enabled: bool = True


class RegulationDocument(Document):
    """A rule of a country, with its origin: the program, or the operator of the registry."""

    id: str
    country: str
    kind: Kind
    sim: Literal["any", "local", "foreign"]
    limit_days: int
    window: Literal["rolling", "year", "first_use"]
    window_days: int
    registered: bool
    text: str
    source: str
    as_of: str
    confidence: Confidence
    enabled: bool
    origin: Literal["program", "operator"] = "operator"
    changed_by: str | None = None
    changed_at: str | None = None


class StoredRegulation(RegulationDocument):
    """A rule with the modems that it is about, and the findings by severity.

    ``run`` is the re-check that writes them; null if nothing has changed.
    """

    dry_run: bool
    modems: int
    findings: dict[str, int]
    run: str | None


class SiteRequest(BaseModel):
    """The site of a gateway; null: it has none."""

    model_config = ConfigDict(extra="forbid")

    site: Annotated[str, Field(min_length=1, max_length=200, pattern=PRINTABLE)] | None


class GatewaySite(Document):
    gateway_id: str
    site: str | None


class RegulationPage(Document):
    regulations: list[RegulationDocument]
