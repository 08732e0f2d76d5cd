"""Erasures: the numbers of a SIM are removed from the registry."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from modemagent.registry.api.auth import redact_for
from modemagent.registry.api.documents import PRINTABLE, PROBLEM, PROBLEMS, Document
from modemagent.registry.api.fleet import NOT_FOUND, Limit
from modemagent.registry.api.lists import AfterKey, Key, not_found
from modemagent.registry.api.permissions import requires
from modemagent.registry.api.problem_details import ProblemDetails
from modemagent.registry.calls.erasures import ErasureCalls
from modemagent.registry.store.people.tokens import Scope, Token
from modemagent.registry.store.privacy.erasure import ErasureRefused

router = APIRouter(prefix="/api/v1", tags=["erasures"], responses=PROBLEMS)

Admin = Annotated[Token, Depends(requires(Scope.ADMIN))]
_REFUSED: dict[int | str, Any] = dict.fromkeys((404, 409, 413, 415), PROBLEM)


class ErasureRequest(BaseModel):
    """The SIM to be erased, by its ICCID or `ref`.

    ``although_paired``: also if a modem holds it, which will not report again.
    """

    model_config = ConfigDict(extra="forbid")

    sim: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[0-9A-Za-z_ -]+$")]
    reason: Annotated[str, Field(min_length=1, max_length=1000, pattern=PRINTABLE)]
    although_paired: Annotated[bool, Field(strict=True)] = False


class ErasureDocument(Document):
    """An erasure; ``ref`` is the new reference of the SIM.

    ``bodies`` were searched, and from ``redacted`` ones something was cut out; ``rows`` of lists,
    orders and other tables were changed or deleted.
    """

    id: str
    ref: str
    state: Literal["bodies", "texts", "done"]
    reason: str
    requested_by: str
    requested_at: str
    finished_at: str | None
    bodies: int
    redacted: int
    rows: int


class ErasurePage(Document):
    erasures: list[ErasureDocument]
    next: str | None


@router.get("/erasures", response_model=ErasurePage)
def get_erasures(
    request: Request, token: Admin, limit: Limit = 100, after: AfterKey = None
) -> Response:
    """List erasures, newest first."""
    return JSONResponse(redact_for(_calls(request, token).erasures(limit, after), token))


@router.post("/erasures", response_model=ErasureDocument, status_code=202, responses=_REFUSED)
def post_erasure(request: Request, token: Admin, wanted: ErasureRequest) -> Response:
    """Erase a SIM. From now on no response has its numbers; stored texts are searched by a job."""
    try:
        found = _calls(request, token).erase(
            wanted.sim, wanted.reason, although_paired=wanted.although_paired
        )
    except ErasureRefused as refused:
        detail = f"{refused.detail}; {refused.remedy}"
        raise ProblemDetails(HTTPStatus.CONFLICT, refused.code, detail) from None
    if found is None:
        raise not_found("SIM")
    return JSONResponse(redact_for(found, token), HTTPStatus.ACCEPTED)


@router.get("/erasures/{key}", response_model=ErasureDocument, responses=NOT_FOUND)
def get_erasure(request: Request, token: Admin, key: Key) -> Response:
    """Return an erasure."""
    found = _calls(request, token).erasure(key)
    if found is None:
        raise not_found("erasure")
    return JSONResponse(redact_for(found, token))


def _calls(request: Request, token: Token) -> ErasureCalls:
    return ErasureCalls(request.app.state.database, f"token {token.number}")
