"""Read access to the fleet: lookup, modems, SIMs, gateways, events."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query
from pydantic import AwareDatetime, BeforeValidator
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from modemagent.registry.api import event_documents, fleet_documents
from modemagent.registry.api.auth import redact_for, redact_report
from modemagent.registry.api.documents import PROBLEM, PROBLEMS, LinkState
from modemagent.registry.api.permissions import requires
from modemagent.registry.api.problem_details import ProblemDetails
from modemagent.registry.received import SEQUENCE_LIMIT
from modemagent.registry.store.database import refs
from modemagent.registry.store.fleet import reader
from modemagent.registry.store.fleet.partial_lookup import lookup_partly
from modemagent.registry.store.people.tokens import GATEWAY_ID, Scope, Token
from modemagent.registry.store.privacy import erasure

router = APIRouter(prefix="/api/v1", tags=["fleet"], responses=PROBLEMS)

NOT_FOUND: dict[int | str, Any] = {404: PROBLEM}
GONE: dict[int | str, Any] = {410: PROBLEM}

Reader = Annotated[Token, Depends(requires(Scope.READ))]
Limit = Annotated[int, Query(ge=1, le=1000, description="Maximum number of entries.")]
After = Annotated[int | None, Query(ge=0, le=2**62, description="`next` of the previous page.")]
AfterId = Annotated[str, Query(max_length=256, description="`next` of the previous page.")]
Number = Annotated[str, Path(min_length=1, max_length=64, pattern=r"^[0-9A-Za-z_ -]+$")]
GatewayId = Annotated[str, Path(min_length=1, max_length=256, pattern=GATEWAY_ID)]
Time = Annotated[AwareDatetime | None, BeforeValidator(lambda value: _rfc3339(value))]
AsOf = Annotated[Time, Query(description="State at this time.")]
KnownAt = Annotated[Time, Query(description="As it was known at this time.")]
InGateway = Annotated[
    str | None,
    Query(min_length=1, max_length=256, description="Only in this gateway, by its id or `ref`."),
]
InState = Annotated[LinkState | None, Query(description="Only with this state of the link.")]
AtSite = Annotated[
    str | None,
    Query(
        min_length=1,
        max_length=256,
        description="Only at this site, by that of the gateway or of the asset.",
    ),
]
Stated = Annotated[str | None, Query(min_length=1, max_length=256, description="Only with this.")]
OnList = Annotated[
    Literal["tracked", "prohibited"] | None, Query(alias="list", description="Only on this list.")
]
Digits = Annotated[
    str | None,
    Query(pattern=r"^[0-9]{1,8}$", description="Only those whose number begins with these digits."),
]
Severity = Annotated[
    Literal["error", "warning", "note"] | None, Query(description="Only of this severity.")
]
Direction = Annotated[Literal["asc", "desc"], Query(description="Oldest or newest first.")]


def _rfc3339(value: object) -> object:
    """Reject numbers, which pydantic takes for seconds since 1970."""
    if isinstance(value, str) and "T" not in value.upper():
        raise ValueError("must be an RFC 3339 time")
    return value


def _present_only(
    as_of: Annotated[str | None, Query(include_in_schema=False)] = None,
    known_at: Annotated[str | None, Query(include_in_schema=False)] = None,
) -> None:
    if as_of is not None or known_at is not None:
        detail = "lists show the present; ask for one modem, SIM or gateway with as_of and known_at"
        raise ProblemDetails(HTTPStatus.BAD_REQUEST, "no_past", detail)


PRESENT_ONLY = [Depends(_present_only)]
BAD_REQUEST: dict[int | str, Any] = {400: PROBLEM}


def _times(as_of: datetime | None, known_at: datetime | None) -> dict[str, int | None]:
    """Return times as milliseconds since 1970."""
    return {
        name: None if value is None else round(value.timestamp() * 1000)
        for name, value in (("as_of", as_of), ("known_at", known_at))
    }


def answer(
    request: Request, token: Token, query: Callable[..., Any], *key: str, **parameters: Any
) -> Response:
    """Return the document of a query, masked unless the token has full-id scope."""
    with request.app.state.database.reading() as connection:
        found = query(connection, *key, **parameters)
        is_erased = found is None and _was_erased(connection, key)
    if is_erased:
        detail = "the SIM with this reference was erased"
        raise ProblemDetails(HTTPStatus.GONE, "erased", detail)
    if found is None:
        kind = {"sim": "SIM"}.get(name := query.__name__.partition("_")[0], name)
        detail = f"no {kind} with this identifier has been reported"
        raise ProblemDetails(HTTPStatus.NOT_FOUND, "not_found", detail)
    return JSONResponse(redact_for(found, token))


def _was_erased(connection: Connection, key: Sequence[str]) -> bool:
    ref = refs.parse_ref(key[0]) if key else None
    return ref is not None and erasure.was_erased(connection, ref)


@router.get("/lookup", response_model=fleet_documents.Matches)
def lookup(
    request: Request,
    token: Reader,
    wanted: Annotated[str, Query(alias="id", min_length=1, max_length=256)],
) -> Response:
    """Find an IMEI, IMEISV, MEID, ICCID, IMSI, EID, serial number or gateway id."""
    return answer(request, token, lookup_partly, wanted, full_ids=token.full_ids)


@router.get(
    "/modems",
    response_model=fleet_documents.Modems,
    responses=BAD_REQUEST,
    dependencies=PRESENT_ONLY,
)
def modems(
    request: Request,
    token: Reader,
    limit: Limit = 100,
    after: After = None,
    gateway: InGateway = None,
    site: AtSite = None,
    model: Stated = None,
    firmware: Stated = None,
    tac: Digits = None,
    link_state: InState = None,
    listed: OnList = None,
) -> Response:
    """List modems in the order of their first report.

    A page may have fewer entries than its limit and still a `next`.
    """
    filters = {"gateway": gateway, "site": site, "model": model, "firmware": firmware,
               "digits": tac, "link_state": link_state, "listed": listed}  # fmt: skip
    return answer(request, token, reader.modems, limit=limit, after=after or 0, **filters)


@router.get("/modems/{imei}", response_model=fleet_documents.ModemDetail, responses=NOT_FOUND)
def modem(
    request: Request,
    token: Reader,
    imei: Number,
    as_of: AsOf = None,
    known_at: KnownAt = None,
) -> Response:
    """Return a modem and its SIM slots."""
    return answer(request, token, reader.modem, imei, **_times(as_of, known_at))


@router.get(
    "/modems/{imei}/timeline", response_model=fleet_documents.ModemTimeline, responses=NOT_FOUND
)
def modem_timeline(
    request: Request,
    token: Reader,
    imei: Number,
    as_of: AsOf = None,
    known_at: KnownAt = None,
) -> Response:
    """Return the places of a modem, its SIMs and its events, with the reports that show them."""
    return answer(request, token, reader.modem_timeline, imei, **_times(as_of, known_at))


@router.get(
    "/sims",
    response_model=fleet_documents.Sims,
    responses=BAD_REQUEST,
    dependencies=PRESENT_ONLY,
)
def sims(
    request: Request,
    token: Reader,
    limit: Limit = 100,
    after: After = None,
    gateway: InGateway = None,
    site: AtSite = None,
    issuer: Digits = None,
    link_state: InState = None,
    listed: OnList = None,
) -> Response:
    """List SIMs in the order of their first report; one that is in no modem is `unlinked`.

    A page may have fewer entries than its limit and still a `next`.
    """
    filters = {"gateway": gateway, "site": site, "digits": issuer, "link_state": link_state,
               "listed": listed}  # fmt: skip
    return answer(request, token, reader.sims, limit=limit, after=after or 0, **filters)


@router.get("/sims/{iccid}", response_model=fleet_documents.SimDetail, responses=NOT_FOUND | GONE)
def sim(
    request: Request,
    token: Reader,
    iccid: Number,
    as_of: AsOf = None,
    known_at: KnownAt = None,
) -> Response:
    """Return a SIM. The check digit of the ICCID, its 20th digit, is optional."""
    return answer(request, token, reader.sim, iccid, **_times(as_of, known_at))


@router.get(
    "/sims/{iccid}/timeline", response_model=fleet_documents.SimTimeline, responses=NOT_FOUND | GONE
)
def sim_timeline(
    request: Request,
    token: Reader,
    iccid: Number,
    as_of: AsOf = None,
    known_at: KnownAt = None,
) -> Response:
    """Return the modems that held a SIM and its events, with the reports that show them."""
    return answer(request, token, reader.sim_timeline, iccid, **_times(as_of, known_at))


@router.get(
    "/gateways",
    response_model=fleet_documents.Gateways,
    responses=BAD_REQUEST,
    dependencies=PRESENT_ONLY,
)
def gateways(
    request: Request,
    token: Reader,
    limit: Limit = 100,
    after: AfterId = "",
    site: Annotated[Stated, Query(description="Only at this site.")] = None,
) -> Response:
    """List gateways by id."""
    return answer(request, token, reader.gateways, limit=limit, after=after, site=site)


@router.get(
    "/gateways/{gateway_id}", response_model=fleet_documents.GatewayDetail, responses=NOT_FOUND
)
def gateway(
    request: Request,
    token: Reader,
    gateway_id: GatewayId,
    as_of: AsOf = None,
    known_at: KnownAt = None,
) -> Response:
    """Return a gateway and the modems in it."""
    return answer(request, token, reader.gateway, gateway_id, **_times(as_of, known_at))


@router.get(
    "/pairings",
    response_model=fleet_documents.Pairings,
    responses=BAD_REQUEST,
    dependencies=PRESENT_ONLY,
)
def pairings(
    request: Request,
    token: Reader,
    limit: Limit = 100,
    after: After = None,
    link_state: InState = None,
) -> Response:
    """List the SIMs that are in a modem now."""
    page = {"limit": limit, "after": after or 0}
    return answer(request, token, reader.pairings, **page, link_state=link_state)


@router.get(
    "/reports/{gateway_id}/{stream_id}/{sequence}",
    response_model=event_documents.StoredReport,
    responses={404: PROBLEM, 410: PROBLEM},
)
def report(
    request: Request,
    token: Reader,
    gateway_id: GatewayId,
    stream_id: GatewayId,
    sequence: Annotated[int, Path(ge=1, lt=SEQUENCE_LIMIT)],
) -> Response:
    """Return a stored report with its evidence, or the kept report that states the same."""
    with request.app.state.database.reading() as connection:
        found = reader.stored_report(connection, gateway_id, stream_id, sequence)
    if found is None:
        detail = "no report with this gateway, stream and sequence was accepted"
        raise ProblemDetails(HTTPStatus.NOT_FOUND, "not_found", detail)
    if isinstance(found, reader.Gone):
        detail = "the body of this report has been deleted after its time of retention"
        raise ProblemDetails(HTTPStatus.GONE, "gone", detail, **found.dates)
    # escaped: a body may have half a surrogate pair, which UTF-8 does not have
    return Response(json.dumps(redact_report(found, token)), media_type="application/json")


@router.get(
    "/events",
    response_model=event_documents.EventPage,
    responses=BAD_REQUEST,
    dependencies=PRESENT_ONLY,
)
def events(
    request: Request,
    token: Reader,
    limit: Limit = 100,
    after: After = None,
    order: Direction = "asc",
) -> Response:
    """List events in the order of recording."""
    return answer(request, token, reader.events, limit=limit, after=after, order=order)
