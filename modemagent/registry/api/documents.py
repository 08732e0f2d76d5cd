"""Models of requests and responses, published in ``/openapi.json``: what all of them share.

Fields may be added, never renamed or removed. Times are RFC 3339 in UTC with milliseconds. Reports,
the evidence of each statement, are referred to as ``gateway/stream/sequence``.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from modemagent.registry.api.problem_details import CONTENT_TYPE
from modemagent.registry.store.people.tokens import GATEWAY_ID

#: Response of a route that may end with an error, and the errors of every route of the API.
PROBLEM: dict[str, Any] = {
    "description": "Problem document (RFC 9457)",
    "content": {CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}},
}
PROBLEMS: dict[int | str, dict[str, Any]] = dict.fromkeys((400, 401, 403, 422, 429, 503), PROBLEM)

#: Text of people: not only spaces, without control characters.
PRINTABLE = r"^[^\x00-\x1F\x7F]*[^\s\x00-\x1F\x7F][^\x00-\x1F\x7F]*$"

LinkState = Literal["unlinked", "armed", "linked", "differed"]


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


class Enrollment(Document):
    gateway_id: Annotated[str, Field(min_length=1, max_length=256, pattern=GATEWAY_ID)]


class Enrolled(Document):
    """The token of a gateway, and the number of the unused token that it replaces."""

    token: str
    replaced: int | None
