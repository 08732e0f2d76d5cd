"""Checks of many numbers: validity, lists, duplicates, model, and where each was last."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from modemagent.registry.api.documents import PROBLEM, PROBLEMS
from modemagent.registry.api.fleet import NOT_FOUND, Limit, Reader
from modemagent.registry.api.list_documents import CheckDocument, CheckPage, NewCheck
from modemagent.registry.api.lists import AfterKey, Key, calls, checked, not_found
from modemagent.registry.api.masked_lists import shown_check
from modemagent.registry.api.problem_details import ProblemDetails, too_many
from modemagent.registry.lists.numbers import numbers_of_range
from modemagent.registry.lists.results import to_csv
from modemagent.registry.store.fleet.documents import Document
from modemagent.registry.store.lists.checks import MOST
from modemagent.registry.store.people.tokens import Token

router = APIRouter(prefix="/api/v1", tags=["lists"], responses=PROBLEMS)

MOST_MASKED = 60
_STARTED: dict[int | str, Any] = {
    202: {"model": CheckDocument, "description": "The check is done by a job."},
    413: PROBLEM,
    415: PROBLEM,
}
_CSV: dict[int | str, Any] = {
    200: {"content": {"text/csv": {"schema": {"type": "string"}}}},
    404: PROBLEM,
}


@router.post("/checks", response_model=CheckDocument, responses=_STARTED)
def post_check(request: Request, token: Reader, check: NewCheck) -> Response:
    """Check up to 1,000 numbers or a range at once; more, up to 100,000, are checked by a job.

    A token without full-id scope may check 60 numbers a minute, as with lookups.
    """
    if (check.numbers is None) == (check.range is None):
        detail = "exactly one of numbers and range is required"
        raise ProblemDetails(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_request", detail)
    limits = check.range
    numbers: Sequence[str] = check.numbers or ()
    if limits is not None:
        numbers = checked(lambda: numbers_of_range(limits.first, limits.last))
    _count(request, token, len(numbers))
    return _answer(calls(request, token).check(numbers, kind=check.kind), token)


@router.get("/checks", response_model=CheckPage)
def get_checks(
    request: Request, token: Reader, limit: Limit = 100, after: AfterKey = None
) -> Response:
    """List checks, newest first."""
    return JSONResponse(calls(request, token).checks(limit, after))


@router.get("/checks/{key}", response_model=CheckDocument, responses=_CSV)
def get_check(
    request: Request,
    token: Reader,
    key: Key,
    limit: Limit = 1000,
    after: AfterKey = None,
    form: Annotated[
        Literal["json", "csv"],
        Query(alias="format", description="csv: all results, without pages."),
    ] = "json",
) -> Response:
    """Return a check with its results, as far as it is done."""
    as_csv = form == "csv"
    page = (MOST, None) if as_csv else (limit, after)
    found = calls(request, token).check_results(key, *page)
    if found is None:
        raise not_found("check")
    found = shown_check(found, token)
    if as_csv:
        return Response(to_csv(found["results"]), media_type="text/csv; charset=utf-8")
    return JSONResponse(found)


@router.post("/checks/{key}/again", response_model=CheckDocument, responses=_STARTED | NOT_FOUND)
def check_again(request: Request, token: Reader, key: Key) -> Response:
    """Check the same numbers again; ``changes`` are the differences."""
    made = calls(request, token)
    before = made.check_results(key, 1, None)
    if before is None:
        raise not_found("check")
    _count(request, token, before["total"])
    found = made.check_again(key)
    if found is None:
        raise not_found("check")
    return _answer(found, token)


def _count(request: Request, token: Token, numbers: int) -> None:
    """Count the numbers as lookups: who sees masked numbers must not find them by trying all."""
    if token.full_ids:
        return
    if numbers > MOST_MASKED:
        detail = f"a token without full-id scope may check {MOST_MASKED} numbers at a time"
        raise ProblemDetails(HTTPStatus.FORBIDDEN, "too_many_numbers", detail)
    retry_after_s = request.app.state.gate.masked_lookups.hit(str(token.number), numbers)
    if retry_after_s is not None:
        detail = "too many lookups with a token that has no full-id scope"
        raise too_many("lookups", detail, retry_after_s)


def _answer(found: Document, token: Token) -> Response:
    status = HTTPStatus.OK if found["state"] == "done" else HTTPStatus.ACCEPTED
    return JSONResponse(shown_check(found, token), status)
