"""What others state about modems and SIMs: an outside EIR, and operators' APIs.

They are set up on the machine of the registry, because their credentials are files there.
"""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from modemagent.registry.api.auth import redact_for
from modemagent.registry.api.documents import PROBLEMS, Document
from modemagent.registry.api.fleet import Limit, Reader
from modemagent.registry.api.lists import AfterKey
from modemagent.registry.calls.outside import OutsideCalls

router = APIRouter(prefix="/api/v1", tags=["outside"], responses=PROBLEMS)

StatusWord = Literal["WHITELISTED", "GREYLISTED", "BLACKLISTED", "UNKNOWN", "REFUSED"]


class EirDocument(Document):
    """The outside EIR, the state of its checks, and the number of modems by status.

    ``url`` is null if there is none; then the others are missing. ``failures`` in a row.
    """

    url: str | None
    statuses: dict[str, int]
    per_minute: int | None = None
    every_days: int | None = None
    changed_by: str | None = None
    changed_at: str | None = None
    failures: int | None = None
    problem: str | None = None
    next_request_at: str | None = None
    answered_at: str | None = None


class EirAnswer(Document):
    """The last answer about a modem, and the one before it changed.

    ``REFUSED``: the EIR does not accept the number.
    """

    imei: str
    ref: str
    status: StatusWord
    previous: StatusWord | None
    since: str
    checked_at: str
    next_check_at: str


class EirAnswers(Document):
    answers: list[EirAnswer]
    next: str | None


@router.get("/eir", response_model=EirDocument)
def get_eir(request: Request, token: Reader) -> Response:
    """Return the outside EIR and the state of the checks."""
    found = _calls(request).eir()
    return JSONResponse({name: value for name, value in found.items() if name != "token_file"})


@router.get("/eir/answers", response_model=EirAnswers)
def get_answers(
    request: Request,
    token: Reader,
    limit: Limit = 100,
    after: AfterKey = None,
    status: Annotated[StatusWord | None, Query(description="Only with this status.")] = None,
) -> Response:
    """List the last answers of the outside EIR, by modem."""
    page = _calls(request).answers(limit, after, status)
    return JSONResponse(redact_for(page, token))


class ConnectorRun(Document):
    """The last run of a connector: SIMs of the operator, those that modems report, and
    contradictions.

    ``failed``: the API could not be used; the numbers are those of the run before.
    """

    connector: str
    kind: str
    state: Literal["done", "failed"]
    started_at: str
    finished_at: str
    sims: int
    known: int
    contradictions: int
    problem: str | None


class ConnectorRuns(Document):
    connectors: list[ConnectorRun]


class Contradiction(Document):
    """A SIM that the operator has seen in another modem than the one that reports it."""

    iccid: str
    ref: str
    operator_imei: str
    imei: str | None
    imei_lock: bool
    grade: Literal["probable", "possible"] | None
    fetched_at: str


class Contradictions(Document):
    contradictions: list[Contradiction]
    next: str | None


@router.get("/connectors", response_model=ConnectorRuns)
def get_connectors(request: Request, token: Reader) -> Response:
    """Return the last run of each connector."""
    return JSONResponse(_calls(request).connectors())


@router.get("/connectors/{name}/contradictions", response_model=Contradictions)
def get_contradictions(
    request: Request,
    token: Reader,
    name: Annotated[str, Path(pattern=r"^[A-Za-z0-9._-]{1,48}$")],
    limit: Limit = 100,
    after: AfterKey = None,
) -> Response:
    """List the SIMs that an operator has seen in another modem than the one that reports them."""
    page = _calls(request).contradictions(name, limit, after)
    return JSONResponse(redact_for(page, token))


def _calls(request: Request) -> OutsideCalls:
    return OutsideCalls(request.app.state.database, "api")
