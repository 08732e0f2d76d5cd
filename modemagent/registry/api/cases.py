"""Cases of lost, stolen and wrongly listed devices, and recall and warranty notices."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from modemagent.registry.api.asset_documents import shown_register
from modemagent.registry.api.assets import CHANGES, changed, with_revision
from modemagent.registry.api.case_documents import (
    CaseFieldsRequest,
    CasePage,
    ClosingRequest,
    NewCase,
    NewRecall,
    RecallDocument,
    RecallPage,
    TaskRequest,
    WholeCase,
)
from modemagent.registry.api.documents import PROBLEM, PROBLEMS
from modemagent.registry.api.fleet import NOT_FOUND, Limit, Reader
from modemagent.registry.api.lists import AfterKey, Key, Operator, checked, not_found
from modemagent.registry.api.revisions import IF_MATCH, IfMatch, revision_of
from modemagent.registry.assets.case_fields import letter
from modemagent.registry.calls.cases import CaseCalls
from modemagent.registry.store.people.tokens import Token

router = APIRouter(prefix="/api/v1", tags=["cases"], responses=PROBLEMS)

_WITH_REVISION = {"parameters": [IF_MATCH]}
_NEW: dict[int | str, Any] = dict.fromkeys((413, 415), PROBLEM)
_TEXT: dict[int | str, Any] = {200: {"content": {"text/plain": {"schema": {"type": "string"}}}}}
Position = Annotated[int, Path(ge=1, le=1000)]


def case_calls(request: Request, token: Token) -> CaseCalls:
    """Return the calls about cases, made by a token."""
    return CaseCalls(request.app.state.database, f"token {token.number}")


@router.get("/cases", response_model=CasePage)
def get_cases(
    request: Request,
    token: Reader,
    limit: Limit = 100,
    after: AfterKey = None,
    state: Literal["open", "closed"] | None = None,
) -> Response:
    """List cases, newest first."""
    page = case_calls(request, token).cases(limit, after, state)
    return JSONResponse(shown_register(page, token))


@router.post("/cases", response_model=WholeCase, status_code=201, responses=_NEW)
def post_case(request: Request, token: Operator, case: NewCase) -> Response:
    """Open a case. The numbers of a lost or stolen device are tracked from now on."""
    given = case.model_dump(exclude_unset=True)
    found = checked(lambda: case_calls(request, token).open_case(given))
    return with_revision(found, token, HTTPStatus.CREATED)


@router.get("/cases/{key}", response_model=WholeCase, responses=NOT_FOUND)
def get_case(request: Request, token: Reader, key: Key) -> Response:
    """Return a case with its sightings, checklist and journal; its `ETag` is the revision."""
    found = case_calls(request, token).case(key)
    if found is None:
        raise not_found("case")
    return with_revision(found, token)


@router.get("/cases/{key}/letter", response_class=PlainTextResponse, responses=NOT_FOUND | _TEXT)
def get_letter(request: Request, token: Reader, key: Key) -> Response:
    """Return a letter to the operator; its numbers are masked without full-id scope."""
    found = case_calls(request, token).case(key)
    if found is None:
        raise not_found("case")
    return PlainTextResponse(letter(shown_register(found, token)))


@router.patch(
    "/cases/{key}", response_model=WholeCase, responses=CHANGES, openapi_extra=_WITH_REVISION
)
def patch_case(
    request: Request,
    token: Operator,
    key: Key,
    fields: CaseFieldsRequest,
    if_match: IfMatch = None,
) -> Response:
    """Change fields of a case, and add `text` to its journal."""
    revision = revision_of(if_match, "case")
    given = fields.model_dump(exclude_unset=True)
    made = case_calls(request, token)
    found = changed(lambda: made.change_case(key, revision, given), token, "case")
    return with_revision(found, token)


@router.put(
    "/cases/{key}/tasks/{position}",
    response_model=WholeCase,
    responses=CHANGES,
    openapi_extra=_WITH_REVISION,
)
def put_task(
    request: Request,
    token: Operator,
    key: Key,
    position: Position,
    task: TaskRequest,
    if_match: IfMatch = None,
) -> Response:
    """Mark a task of the checklist as done, or as not done."""
    revision = revision_of(if_match, "case")
    made = case_calls(request, token)
    given = task.model_dump()
    found = changed(lambda: made.do_task(key, position, revision, given), token, "case or task")
    return with_revision(found, token)


@router.post(
    "/cases/{key}/close",
    response_model=WholeCase,
    responses=CHANGES,
    openapi_extra=_WITH_REVISION,
)
def post_closing(
    request: Request,
    token: Operator,
    key: Key,
    closing: ClosingRequest,
    if_match: IfMatch = None,
) -> Response:
    """Close a case. Its numbers are no longer tracked, and its findings are resolved."""
    revision = revision_of(if_match, "case")
    made = case_calls(request, token)
    given = closing.model_dump()
    found = changed(lambda: made.close_case(key, revision, given), token, "case")
    return with_revision(found, token)


@router.get("/recalls", response_model=RecallPage)
def get_recalls(
    request: Request, token: Reader, limit: Limit = 100, after: AfterKey = None
) -> Response:
    """List recall and warranty notices in the order in which they were added."""
    page = case_calls(request, token).recalls(limit, after)
    return JSONResponse(shown_register(page, token))


@router.post("/recalls", response_model=RecallDocument, status_code=201, responses=_NEW)
def post_recall(request: Request, token: Operator, notice: NewRecall) -> Response:
    """Add a notice; the modems that it concerns are found in the minutes that follow."""
    given = notice.model_dump(exclude_unset=True)
    found = checked(lambda: case_calls(request, token).add_recall(given))
    return JSONResponse(shown_register(found, token), HTTPStatus.CREATED)


@router.delete("/recalls/{key}", status_code=204, responses=NOT_FOUND)
def delete_recall(request: Request, token: Operator, key: Key) -> Response:
    """Remove a notice; its findings are resolved in the minutes that follow."""
    if not case_calls(request, token).remove_recall(key):
        raise not_found("notice")
    return Response(status_code=204)
