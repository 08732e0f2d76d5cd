"""The fleet as JSON: lookup, modems, cards, gateways, events."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, Any, Literal, TypeVar

from fastapi import APIRouter, Depends, Path, Query
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from modemagent.registry.api import documents
from modemagent.registry.api.auth import redact_for, requires
from modemagent.registry.api.problem_details import ProblemDetails
from modemagent.registry.store import reader
from modemagent.registry.store.tokens import Scope, Token

T = TypeVar("T")

_PROBLEM = {"model": documents.ProblemDocument, "description": "Problem document (RFC 9457)"}

router = APIRouter(
    prefix="/api/v1",
    tags=["fleet"],
    responses=dict.fromkeys((401, 403, 422), _PROBLEM),
)

Reader = Annotated[Token, Depends(requires(Scope.READ))]
Limit = Annotated[int, Query(ge=1, le=1000, description="items on a page")]
After = Annotated[int | None, Query(ge=0, le=2**62, description="`next` of the page before")]
Number = Annotated[str, Path(min_length=1, max_length=64)]
Direction = Annotated[Literal["asc", "desc"], Query(description="oldest or newest first")]


def _read(request: Request, query: Callable[[Connection], T]) -> T:
    with request.app.state.database.reading() as connection:
        return query(connection)


def _page(name: str, found: tuple[list[dict[str, Any]], object], token: Token) -> Response:
    entries, following = found
    cursor = None if following is None else str(following)
    return JSONResponse({name: redact_for(entries, token), "next": cursor})


def _one(found: dict[str, Any] | None, what: str, token: Token) -> Response:
    if found is None:
        raise ProblemDetails(HTTPStatus.NOT_FOUND, "not_found", f"no such {what} was ever reported")
    return JSONResponse(redact_for(found, token))


@router.get("/lookup", response_model=documents.Matches)
def lookup(
    request: Request,
    token: Reader,
    wanted: Annotated[str, Query(alias="id", min_length=1, max_length=256)],
) -> Response:
    """Find any IMEI, IMEISV, MEID, ICCID, IMSI, EID, serial number or gateway id."""
    found = _read(request, lambda connection: reader.lookup(connection, wanted))
    return JSONResponse({"matches": redact_for(found, token)})


@router.get("/modems", response_model=documents.Modems)
def modems(request: Request, token: Reader, limit: Limit = 100, after: After = None) -> Response:
    """List modems in the order they became known."""
    found = _read(request, lambda it: reader.modems(it, limit=limit, after=after or 0))
    return _page("modems", found, token)


@router.get("/modems/{imei}", response_model=documents.ModemDetail, responses={404: _PROBLEM})
def modem(request: Request, token: Reader, imei: Number) -> Response:
    """Show one modem with its slots."""
    return _one(_read(request, lambda it: reader.modem(it, imei)), "modem", token)


@router.get(
    "/modems/{imei}/timeline", response_model=documents.ModemTimeline, responses={404: _PROBLEM}
)
def modem_timeline(request: Request, token: Reader, imei: Number) -> Response:
    """Show where a modem was, which cards it held, and what happened, with the evidence."""
    return _one(_read(request, lambda it: reader.modem_timeline(it, imei)), "modem", token)


@router.get("/sims", response_model=documents.Sims)
def sims(request: Request, token: Reader, limit: Limit = 100, after: After = None) -> Response:
    """List cards in the order they became known."""
    found = _read(request, lambda it: reader.sims(it, limit=limit, after=after or 0))
    return _page("sims", found, token)


@router.get("/sims/{iccid}", response_model=documents.SimDocument, responses={404: _PROBLEM})
def sim(request: Request, token: Reader, iccid: Number) -> Response:
    """Show one card; 19 and 20 digits mean the same card."""
    return _one(_read(request, lambda it: reader.sim(it, iccid)), "card", token)


@router.get(
    "/sims/{iccid}/timeline", response_model=documents.SimTimeline, responses={404: _PROBLEM}
)
def sim_timeline(request: Request, token: Reader, iccid: Number) -> Response:
    """Show in which modems a card was, and what happened, with the evidence."""
    return _one(_read(request, lambda it: reader.sim_timeline(it, iccid)), "card", token)


@router.get("/gateways", response_model=documents.Gateways)
def gateways(
    request: Request,
    token: Reader,
    limit: Limit = 100,
    after: Annotated[str, Query(max_length=256)] = "",
) -> Response:
    """List gateways by id."""
    found = _read(request, lambda it: reader.gateways(it, limit=limit, after=after))
    return _page("gateways", found, token)


@router.get(
    "/gateways/{gateway_id}", response_model=documents.GatewayDetail, responses={404: _PROBLEM}
)
def gateway(
    request: Request,
    token: Reader,
    gateway_id: Annotated[str, Path(min_length=1, max_length=256)],
) -> Response:
    """Show one gateway with the modems in it."""
    return _one(_read(request, lambda it: reader.gateway(it, gateway_id)), "gateway", token)


@router.get("/events", response_model=documents.EventPage)
def events(
    request: Request,
    token: Reader,
    limit: Limit = 100,
    after: After = None,
    order: Direction = "asc",
) -> Response:
    """List events, in the order they became known, oldest first unless asked otherwise."""
    found = _read(
        request,
        lambda it: reader.events(it, limit=limit, after=after, descending=order == "desc"),
    )
    return _page("events", found, token)
