"""Assets: serial number, tag, owner, site, purchase, warranty, lifecycle, and their history."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import Annotated, Any, Literal, TypeVar

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from modemagent.identity.csv_cells import LONGEST
from modemagent.registry.api.asset_documents import (
    AssetFields,
    AssetPage,
    Lifecycle,
    WholeAsset,
    shown_register,
)
from modemagent.registry.api.documents import PROBLEM, PROBLEMS
from modemagent.registry.api.fleet import BAD_REQUEST, NOT_FOUND, PRESENT_ONLY, Limit, Reader
from modemagent.registry.api.list_documents import PRINTABLE
from modemagent.registry.api.lists import AfterKey, Key, Operator, checked, not_found
from modemagent.registry.api.problem_details import ProblemDetails
from modemagent.registry.api.revisions import IF_MATCH, IfMatch, revision_of, stale_revision
from modemagent.registry.assets.asset_file import asset_csv
from modemagent.registry.calls.assets import AssetCalls
from modemagent.registry.store.assets.asset_changes import AssetInUse
from modemagent.registry.store.findings.decisions import StaleRevision
from modemagent.registry.store.fleet.documents import Document
from modemagent.registry.store.people.tokens import Token

router = APIRouter(prefix="/api/v1", tags=["assets"], responses=PROBLEMS)

T = TypeVar("T")
CHANGES: dict[int | str, Any] = dict.fromkeys((404, 412, 413, 415, 428), PROBLEM)
CSV: dict[int | str, Any] = {200: {"content": {"text/csv": {"schema": {"type": "string"}}}}}
Filter = Annotated[str | None, Query(min_length=1, max_length=LONGEST, pattern=PRINTABLE)]


def asset_calls(request: Request, token: Token) -> AssetCalls:
    """Return the calls about assets and orders, made by a token."""
    return AssetCalls(request.app.state.database, f"token {token.number}")


def changed(work: Callable[[], Document | None], token: Token, thing: str) -> Document:
    """Return the object that a call has changed.

    :raises ProblemDetails: it does not exist, has another revision, or a value is not valid
    """
    found = _unless_stale(lambda: checked(work), token, thing)
    if found is None:
        raise not_found(thing)
    return found


def _unless_stale(work: Callable[[], T], token: Token, thing: str) -> T:
    try:
        return work()
    except StaleRevision as stale:
        difference = shown_register(stale.difference, token)
        raise stale_revision(stale, thing, difference) from None


def with_revision(found: Document, token: Token, status: int = HTTPStatus.OK) -> Response:
    """Return an object with its revision as ``ETag``."""
    headers = {"ETag": f'"{found["revision"]}"'}
    return JSONResponse(shown_register(found, token), status, headers)


@router.get(
    "/assets",
    response_model=AssetPage,
    responses=BAD_REQUEST | CSV,
    dependencies=PRESENT_ONLY,
)
def get_assets(
    request: Request,
    token: Reader,
    limit: Limit = 100,
    after: AfterKey = None,
    site: Filter = None,
    owner: Filter = None,
    lifecycle: Lifecycle | None = None,
    form: Annotated[
        Literal["json", "csv"],
        Query(alias="format", description="csv: all assets, without pages, to be edited."),
    ] = "json",
    numbers: Annotated[
        Literal["plain", "text"],
        Query(description="text: IMEIs in a form that spreadsheets do not round."),
    ] = "plain",
) -> Response:
    """List assets in the order in which they were added."""
    made = asset_calls(request, token)
    filters = {"site": site, "owner": owner, "lifecycle": lifecycle}
    as_csv = form == "csv"
    page = checked(lambda: made.assets(1 if as_csv else limit, after, **filters))
    if not as_csv:
        return JSONResponse(shown_register(page, token))
    found = (shown_register(one, token) for one in made.all_assets(**filters))
    lines = asset_csv(found, as_text=numbers == "text")
    return StreamingResponse(_blocks(lines), media_type="text/csv; charset=utf-8")


def _blocks(lines: Any) -> Iterator[str]:
    """Yield some lines at a time."""
    block: list[str] = []
    for line in lines:
        block.append(line)
        if len(block) == 1000:
            yield "".join(block)
            block = []
    yield "".join(block)


@router.post(
    "/assets",
    response_model=WholeAsset,
    status_code=201,
    responses=dict.fromkeys((413, 415), PROBLEM),
)
def post_asset(request: Request, token: Operator, fields: AssetFields) -> Response:
    """Add an asset, which has a tag, a serial number or an IMEI."""
    given = fields.model_dump(exclude_unset=True)
    found = checked(lambda: asset_calls(request, token).add_asset(given))
    return with_revision(found, token, HTTPStatus.CREATED)


@router.get("/assets/{key}", response_model=WholeAsset, responses=NOT_FOUND)
def get_asset(request: Request, token: Reader, key: Key) -> Response:
    """Return an asset with its history; its `ETag` is the revision."""
    found = asset_calls(request, token).asset(key)
    if found is None:
        raise not_found("asset")
    return with_revision(found, token)


@router.patch(
    "/assets/{key}",
    response_model=WholeAsset,
    responses=CHANGES,
    openapi_extra={"parameters": [IF_MATCH]},
)
def patch_asset(
    request: Request, token: Operator, key: Key, fields: AssetFields, if_match: IfMatch = None
) -> Response:
    """Change fields of an asset, if it has not changed since it was read.

    A new state of the lifecycle must be one of `next_steps`. The problem of a stale revision has
    the `difference`.
    """
    revision = revision_of(if_match, "asset")
    given = fields.model_dump(exclude_unset=True)
    made = asset_calls(request, token)
    found = changed(lambda: made.change_asset(key, revision, given), token, "asset")
    return with_revision(found, token)


@router.delete(
    "/assets/{key}",
    status_code=204,
    responses=dict.fromkeys((404, 409, 412, 428), PROBLEM),
    openapi_extra={"parameters": [IF_MATCH]},
)
def delete_asset(request: Request, token: Operator, key: Key, if_match: IfMatch = None) -> Response:
    """Delete an asset with its history, if it has not changed since it was read.

    An asset that a case or a note is about is not deleted; the problem has the `references`.
    """
    revision = revision_of(if_match, "asset")
    made = asset_calls(request, token)
    try:
        found = _unless_stale(lambda: made.delete_asset(key, revision), token, "asset")
    except AssetInUse as used:
        detail = f"{used}; delete the notes, or set the lifecycle of the asset to retired"
        raise ProblemDetails(
            HTTPStatus.CONFLICT, "in_use", detail, references=used.references
        ) from None
    if not found:
        raise not_found("asset")
    return Response(status_code=HTTPStatus.NO_CONTENT)
