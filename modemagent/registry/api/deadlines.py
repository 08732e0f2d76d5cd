"""Deadlines that follow from the regulations of countries, and these regulations."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BeforeValidator
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from modemagent.registry.api.assets import Filter
from modemagent.registry.api.auth import redact_for
from modemagent.registry.api.deadline_documents import (
    DeadlinePage,
    GatewaySite,
    NewRegulation,
    RegulationPage,
    SiteRequest,
    StoredRegulation,
)
from modemagent.registry.api.documents import PROBLEMS
from modemagent.registry.api.fleet import (
    BAD_REQUEST,
    NOT_FOUND,
    PRESENT_ONLY,
    GatewayId,
    Limit,
    Reader,
)
from modemagent.registry.api.lists import CHANGES, Operator, checked, not_found
from modemagent.registry.calls.deadlines import DeadlineCalls
from modemagent.registry.store.people.tokens import Token

router = APIRouter(prefix="/api/v1", tags=["deadlines"], responses=PROBLEMS)

DateOfText = Annotated[
    date | None,
    BeforeValidator(lambda value: _date(value)),
    Query(description="A date, YYYY-MM-DD."),
]
Country = Annotated[
    str | None, Query(pattern=r"^[A-Za-z]{2}$", description="Only in this country, ISO 3166.")
]
RuleId = Annotated[str, Path(pattern=r"^[a-z0-9]([a-z0-9-]{0,46}[a-z0-9])?$")]


def _date(value: object) -> object:
    """Reject numbers, which pydantic takes for seconds since 1970, and times."""
    if isinstance(value, str) and len(value) != len("2027-01-31"):
        raise ValueError("must be a date, YYYY-MM-DD")
    return value


@router.get(
    "/deadlines",
    response_model=DeadlinePage,
    responses=BAD_REQUEST,
    dependencies=PRESENT_ONLY,
)
def get_deadlines(
    request: Request,
    token: Reader,
    limit: Limit = 100,
    after: Annotated[
        str | None,
        Query(pattern=r"^[0-9]{1,7}-[0-9]{1,18}$", description="`next` of the previous page."),
    ] = None,
    country: Country = None,
    site: Filter = None,
    modem: Annotated[
        str | None, Query(pattern=r"^[0-9A-Za-z]{12}$", description="Only this modem, its `ref`.")
    ] = None,
    due_from: DateOfText = None,
    due_before: DateOfText = None,
) -> Response:
    """List deadlines, the first one that is due first; those without a date come last."""
    filters = {
        "country": country,
        "site": site,
        "modem": modem,
        "due_from": due_from.isoformat() if due_from else None,
        "due_before": due_before.isoformat() if due_before else None,
    }
    page = checked(lambda: _calls(request, token).deadlines(limit, after, **filters))
    return JSONResponse(redact_for(page, token))


@router.get("/regulations", response_model=RegulationPage)
def get_regulations(request: Request, token: Reader) -> Response:
    """List the rules of countries, with source, date and confidence."""
    return JSONResponse(_calls(request, token).regulations())


@router.put("/regulations/{rule}", response_model=StoredRegulation, responses=CHANGES)
def put_regulation(
    request: Request,
    token: Operator,
    rule: RuleId,
    content: NewRegulation,
    dry_run: Annotated[bool, Query(description="Change nothing.")] = False,
) -> Response:
    """Store a rule of your own; one with the id of a rule of the program replaces it."""
    given = {"id": rule, **content.model_dump()}
    found = checked(lambda: _calls(request, token).put_regulation(given, dry_run=dry_run))
    return JSONResponse(found)


@router.delete("/regulations/{rule}", status_code=204, responses=NOT_FOUND)
def delete_regulation(request: Request, token: Operator, rule: RuleId) -> Response:
    """Remove a rule of your own; a rule of the program with its id is in force again."""
    if not _calls(request, token).remove_regulation(rule):
        raise not_found("rule of your own")
    return Response(status_code=204)


@router.put(
    "/gateways/{gateway_id}/site",
    response_model=GatewaySite,
    responses={**CHANGES, **NOT_FOUND},
)
def put_site(
    request: Request, token: Operator, gateway_id: GatewayId, content: SiteRequest
) -> Response:
    """Set the site of a gateway, by its id or its `ref`; policies about it are re-checked."""
    found = checked(lambda: _calls(request, token).set_site(gateway_id, content.site))
    if found is None:
        raise not_found("gateway")
    return JSONResponse(found)


def _calls(request: Request, token: Token) -> DeadlineCalls:
    return DeadlineCalls(request.app.state.database, f"token {token.number}")
