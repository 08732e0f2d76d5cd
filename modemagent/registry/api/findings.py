"""Findings of the rules: lists, single findings with their history, and decisions about them."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from modemagent.registry.api import finding_documents
from modemagent.registry.api.auth import redact_for
from modemagent.registry.api.documents import PROBLEM, PROBLEMS
from modemagent.registry.api.fleet import (
    BAD_REQUEST,
    PRESENT_ONLY,
    After,
    AtSite,
    Digits,
    InGateway,
    Limit,
    Reader,
    Severity,
    Stated,
    answer,
)
from modemagent.registry.api.permissions import requires
from modemagent.registry.api.problem_details import ProblemDetails
from modemagent.registry.api.revisions import IF_MATCH, IfMatch, revision_of, stale_revision
from modemagent.registry.store.database.refs import parse_ref
from modemagent.registry.store.findings import finding_search
from modemagent.registry.store.findings.decisions import (
    Decision,
    DecisionAction,
    DecisionRefused,
    StaleRevision,
    decide,
)
from modemagent.registry.store.fleet import reader
from modemagent.registry.store.intake.batch import Batch
from modemagent.registry.store.people.tokens import Scope, Token

router = APIRouter(prefix="/api/v1", tags=["findings"], responses=PROBLEMS)

Operator = Annotated[Token, Depends(requires(Scope.OPERATE))]
FindingId = Annotated[str, Path(min_length=32, max_length=36, pattern=r"^[0-9a-fA-F-]+$")]


@router.get(
    "/findings",
    response_model=finding_documents.Findings,
    responses=BAD_REQUEST | {403: PROBLEM},
    dependencies=PRESENT_ONLY,
)
def findings(
    request: Request,
    token: Reader,
    limit: Limit = 100,
    after: After = None,
    severity: Severity = None,
    gateway: InGateway = None,
    name: Annotated[
        str | None,
        Query(
            alias="type",
            max_length=64,
            pattern=r"^[a-z_.]+$",
            description="Only of this name, such as sim.swapped.",
        ),
    ] = None,
    modem: Annotated[
        str | None,
        Query(
            min_length=12,
            max_length=20,
            pattern=r"^[0-9A-Za-z]+$",
            description="Only about this modem, by its IMEI or `ref`.",
        ),
    ] = None,
    site: AtSite = None,
    model: Stated = None,
    firmware: Stated = None,
    tac: Digits = None,
) -> Response:
    """List what the rules have found, with evidence.

    A site is that of the asset with the modem, or of the gateway whose report first shows the
    finding. With the filters by site and by what a modem has stated, a page may have fewer entries
    than its limit and still a `next`.

    `gateway` finds what is about a gateway or a place in it, not about a modem that is there.
    """
    if modem is not None and not token.full_ids and parse_ref(modem) is None:
        # such tokens may look up few numbers a minute
        detail = "a token without full-id scope names a modem by its ref"
        raise ProblemDetails(HTTPStatus.FORBIDDEN, "scope", detail)
    filters = {"severity": severity, "gateway": gateway, "type": name, "modem": modem, "site": site,
               "model": model, "firmware": firmware, "digits": tac}  # fmt: skip
    return answer(request, token, finding_search.findings, limit=limit, after=after or 0, **filters)


@router.get("/rules", response_model=finding_documents.Rules)
def rules(request: Request, token: Reader) -> Response:
    """List the rules: what each finding means, and what to do."""
    return answer(request, token, reader.rules)


@router.get(
    "/findings/{finding_id}",
    response_model=finding_documents.FindingDetail,
    responses={404: PROBLEM},
)
def finding(request: Request, token: Reader, finding_id: FindingId) -> Response:
    """Return a finding, by its id or an id that it had before; its `ETag` is the revision."""
    with request.app.state.database.reading() as connection:
        found = reader.finding(connection, finding_id)
    return _response(found, token)


@router.post(
    "/findings/{finding_id}/{action}",
    response_model=finding_documents.FindingDetail,
    responses=dict.fromkeys((404, 409, 412, 428), PROBLEM),
    openapi_extra={"parameters": [IF_MATCH]},
)
def decision(
    request: Request,
    token: Operator,
    finding_id: FindingId,
    action: DecisionAction,
    decided: finding_documents.DecisionRequest,
    if_match: IfMatch = None,
) -> Response:
    """Make a decision about a finding, if it has not changed since it was read.

    The problem of a stale revision has the `difference`.
    """
    revision = revision_of(if_match, "finding")
    until = decided.until
    made = Decision(
        action,
        decided.reason,
        f"token:{token.number}",
        None if until is None else round(until.timestamp() * 1000),
        decided.assignee,
        decided.once,
    )

    def work(batch: Batch) -> dict[str, Any] | None:
        return decide(batch, finding_id, revision, made)

    try:
        found = request.app.state.recorder.run(work)
    except StaleRevision as stale:
        difference = redact_for(stale.difference, token)
        raise stale_revision(stale, "finding", difference) from None
    except DecisionRefused as refused:
        raise ProblemDetails(HTTPStatus.CONFLICT, refused.code, str(refused)) from None
    return _response(found, token)


def _response(found: dict[str, Any] | None, token: Token) -> Response:
    if found is None:
        detail = "no finding has this id"
        raise ProblemDetails(HTTPStatus.NOT_FOUND, "not_found", detail)
    return JSONResponse(redact_for(found, token), headers={"ETag": f'"{found["revision"]}"'})
