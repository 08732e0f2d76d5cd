"""Retention: how long each kind of data is kept."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from modemagent.registry.api.documents import PROBLEM, PROBLEMS, Document
from modemagent.registry.api.erasures import Admin
from modemagent.registry.api.lists import checked
from modemagent.registry.calls.retention import RetentionCalls
from modemagent.registry.store.people.tokens import Token
from modemagent.registry.store.privacy.retention import MOST_DAYS

router = APIRouter(prefix="/api/v1", tags=["retention"], responses=PROBLEMS)

_CHANGES: dict[int | str, Any] = {413: PROBLEM, 415: PROBLEM}
Kind = Literal["bodies", "checks", "cases", "removed", "presence"]


class RetentionRequest(BaseModel):
    """How long data is kept, in days; null: without limit."""

    model_config = ConfigDict(extra="forbid")

    days: Annotated[int, Field(ge=1, le=MOST_DAYS, strict=True)] | None


class KindDocument(Document):
    """A kind of data; ``due`` is the number of rows that are older than its limit.

    ``deleted``: how many rows were deleted when some were deleted last.
    """

    kind: Kind
    text: str
    days: int | None
    least_days: int
    due: int
    set_by: str | None
    set_at: str | None
    deleted: int
    deleted_at: str | None


class RetentionRunDocument(Document):
    """The last run that deleted what was due; ``deleted``: rows by kind of data."""

    began_at: str
    ended_at: str | None
    deleted: dict[str, int]


class RetentionDocument(Document):
    retention: list[KindDocument]
    next_run_at: str | None
    last_run: RetentionRunDocument | None


@router.get("/retention", response_model=RetentionDocument)
def get_retention(request: Request, token: Admin) -> Response:
    """Return how long each kind of data is kept, and how much is older."""
    return JSONResponse(_calls(request, token).retention())


@router.put("/retention/{kind}", response_model=RetentionDocument, responses=_CHANGES)
def put_retention(request: Request, token: Admin, kind: Kind, given: RetentionRequest) -> Response:
    """Set how long a kind of data is kept; what is older is deleted within an hour."""
    made = _calls(request, token)
    return JSONResponse(checked(lambda: made.set_retention(kind, given.days)))


@router.post("/retention/apply", response_model=RetentionDocument, status_code=202)
def post_apply(request: Request, token: Admin) -> Response:
    """Delete what is older than its limit now, in the background; `due` is how much it is."""
    return JSONResponse(_calls(request, token).request_deletion(), HTTPStatus.ACCEPTED)


def _calls(request: Request, token: Token) -> RetentionCalls:
    state = request.app.state
    return RetentionCalls(state.database, f"token {token.number}", state.keep_bodies_days)
