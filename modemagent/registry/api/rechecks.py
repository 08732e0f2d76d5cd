"""Re-checks of the fleet: what a change of a list, the TAC table or a rule has found."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from modemagent.privacy.masking import mask_text
from modemagent.registry.api.documents import PROBLEM, PROBLEMS
from modemagent.registry.api.documents import Document as Model
from modemagent.registry.api.fleet import NOT_FOUND, Limit, Reader
from modemagent.registry.api.lists import AfterKey, Key, Operator, not_found
from modemagent.registry.api.problem_details import ProblemDetails
from modemagent.registry.calls.rechecks import RecheckCalls
from modemagent.registry.store.evaluation.recheck_reader import NotStopped
from modemagent.registry.store.evaluation.recheck_runs import MAX_MATCH_RATIO
from modemagent.registry.store.fleet.documents import Document
from modemagent.registry.store.people.tokens import Token

router = APIRouter(prefix="/api/v1", tags=["findings"], responses=PROBLEMS)

StateWord = Literal[
    "finding", "counting", "writing", "stopped", "done", "counted", "superseded"
]  # fmt: skip
_ACCEPTED: dict[int | str, Any] = {413: PROBLEM, 415: PROBLEM}


class RecheckRequest(BaseModel):
    """Limit of a re-check: the largest part of the fleet with a new finding of one rule."""

    model_config = ConfigDict(extra="forbid")

    max_match_ratio: Annotated[float, Field(ge=0, le=1, strict=True)] = MAX_MATCH_RATIO


class RuleMatchesDocument(Model):
    """What a rule finds; ``ratio``: part of the modems or SIMs with a new finding."""

    rule: str
    new: int
    resolved: int
    ratio: float


class RunDocument(Model):
    """A re-check of the units that a change is about.

    ``stopped``: the rules in ``stopped_by`` find something new about more than ``max_match_ratio``
    of all modems or SIMs, and about more than ``fewest``, so nothing is written until the run is
    confirmed. ``counted``: a dry run is over. ``superseded``: the run
    ``superseded_by`` has taken over its units, and stops in turn if the limit is exceeded.
    """

    id: str
    scope: Literal["list", "tac", "policy", "deadlines", "rules"]
    subject: str
    state: StateWord
    dry_run: bool
    max_match_ratio: float
    fewest: int
    modems: int
    sims: int
    affected: int
    done: int
    written: bool
    stopped_by: list[str]
    rules: list[RuleMatchesDocument]
    requested_by: str
    created_at: str
    confirmed_by: str | None
    confirmed_at: str | None
    superseded_by: str | None
    finished_at: str | None


class RunPage(Model):
    runs: list[RunDocument]
    next: str | None


@router.get("/rules/runs", response_model=RunPage)
def get_runs(
    request: Request,
    token: Reader,
    limit: Limit = 100,
    after: AfterKey = None,
    state: Annotated[StateWord | None, Query(description="Only in this state.")] = None,
) -> Response:
    """List re-checks, newest first."""
    page = _calls(request, token).runs(limit, after, state)
    return JSONResponse({**page, "runs": [_shown(one, token) for one in page["runs"]]})


@router.get("/rules/runs/{run}", response_model=RunDocument, responses=NOT_FOUND)
def get_run(request: Request, token: Reader, run: Key) -> Response:
    """Return a re-check."""
    return _answer(_calls(request, token).run(run), token)


@router.post("/rules/dry-run", response_model=RunDocument, status_code=202, responses=_ACCEPTED)
def dry_run(request: Request, token: Operator, wanted: RecheckRequest) -> Response:
    """Count what the rules would find in the whole fleet; the run has the result at its end."""
    return _start(request, token, wanted, dry_run=True)


@router.post("/rules/check", response_model=RunDocument, status_code=202, responses=_ACCEPTED)
def check(request: Request, token: Operator, wanted: RecheckRequest) -> Response:
    """Evaluate the rules for the whole fleet."""
    return _start(request, token, wanted, dry_run=False)


@router.post(
    "/rules/runs/{run}/confirm",
    response_model=RunDocument,
    status_code=202,
    responses=dict.fromkeys((404, 409), PROBLEM),
)
def confirm(request: Request, token: Operator, run: Key) -> Response:
    """Let a stopped re-check write what it has counted."""
    try:
        found = _calls(request, token).confirm(run)
    except NotStopped as error:
        raise ProblemDetails(HTTPStatus.CONFLICT, "not_stopped", str(error)) from None
    return _answer(found, token, HTTPStatus.ACCEPTED)


def _start(request: Request, token: Token, wanted: RecheckRequest, *, dry_run: bool) -> Response:
    found = _calls(request, token).start(dry_run=dry_run, max_match_ratio=wanted.max_match_ratio)
    return _answer(found, token, HTTPStatus.ACCEPTED)


def _calls(request: Request, token: Token) -> RecheckCalls:
    return RecheckCalls(request.app.state.database, f"token {token.number}")


def _answer(found: Document | None, token: Token, status: int = HTTPStatus.OK) -> Response:
    if found is None:
        raise not_found("re-check")
    return JSONResponse(_shown(found, token), status)


def _shown(document: Document, token: Token) -> Document:
    """Return a run; the name of a policy may contain a number."""
    if token.full_ids:
        return document
    return {**document, "subject": mask_text(document["subject"])}
