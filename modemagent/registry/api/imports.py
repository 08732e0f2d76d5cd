"""Imports of CSV files into a list, the TAC table, or a register."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from modemagent.privacy.masking import mask_text
from modemagent.registry.api.documents import PROBLEM, PROBLEMS
from modemagent.registry.api.fleet import NOT_FOUND, Limit, Reader
from modemagent.registry.api.list_documents import (
    PRINTABLE,
    ImportDocument,
    ImportPage,
    ImportReport,
    KindWord,
    Target,
    UndoneImport,
)
from modemagent.registry.api.lists import AfterKey, Key, Operator, calls, checked, not_found
from modemagent.registry.api.problem_details import ProblemDetails
from modemagent.registry.lists.new_entries import LONGEST_REASON, LONGEST_SOURCE
from modemagent.registry.lists.size_guard import MOST_CHANGE
from modemagent.registry.store.fleet.documents import Document
from modemagent.registry.store.lists.imports import ImportOptions
from modemagent.registry.store.people.tokens import Token

router = APIRouter(prefix="/api/v1", tags=["lists"], responses=PROBLEMS)

_FILE = {"schema": {"type": "string", "description": "A CSV file with a header, as it is."}}


@router.post(
    "/imports",
    response_model=ImportReport,
    responses=dict.fromkeys((413, 415), PROBLEM),
    openapi_extra={"requestBody": {"required": True, "content": {"text/plain": _FILE}}},
)
async def post_import(
    request: Request,
    token: Operator,
    target: Annotated[Target, Query(description="The list, the TAC table, or the register.")],
    mode: Annotated[
        Literal["add", "replace"],
        Query(description="replace: entries that the file lacks are removed."),
    ] = "add",
    kind: Annotated[
        KindWord | None, Query(description="What the file lists, if its header does not state it.")
    ] = None,
    source: Annotated[
        str, Query(max_length=LONGEST_SOURCE, pattern=PRINTABLE, description="Of all lines.")
    ] = "",
    reason: Annotated[
        str, Query(max_length=LONGEST_REASON, pattern=PRINTABLE, description="Of all lines.")
    ] = "",
    dry_run: Annotated[bool, Query(description="Change nothing.")] = False,
    force: Annotated[
        bool, Query(description="Import the file although the size of the list changes much.")
    ] = False,
    skip: Annotated[bool, Query(description="Leave out lines with errors.")] = False,
    most_change: Annotated[
        float, Query(ge=0, le=1000, description="Largest change of the size, as a ratio.")
    ] = MOST_CHANGE,
    order: Annotated[
        str,
        Query(max_length=64, pattern=PRINTABLE, description="Number of the order, for orders."),
    ] = "",
    country: Annotated[
        str, Query(pattern=r"^([A-Za-z]{2})?$", description="Of registrations, ISO 3166.")
    ] = "",
) -> Response:
    """Import a CSV file of at most 8 MiB, as one transaction that can be undone.

    If the file has errors, nothing is imported; the problem document has the report as `import`.
    """
    options = ImportOptions(
        target, mode == "replace", kind, source.strip(), reason.strip(), force, skip, most_change,
        order.strip(), country,
    )  # fmt: skip
    content = await request.body()
    if not content:
        status = HTTPStatus.UNPROCESSABLE_ENTITY
        raise ProblemDetails(status, "invalid_request", "the body must be a CSV file")
    made = calls(request, token)
    report = await run_in_threadpool(
        checked, lambda: made.import_file(content, dry_run=dry_run, **options._asdict())
    )
    report = _shown(report, token)
    if not report["accepted"] and not dry_run:
        detail = "the file was not imported because of its errors; see import.problems"
        status = HTTPStatus.UNPROCESSABLE_ENTITY
        raise ProblemDetails(status, "invalid_file", detail, **{"import": report})
    return JSONResponse(report)


@router.get("/imports", response_model=ImportPage)
def get_imports(
    request: Request, token: Reader, limit: Limit = 100, after: AfterKey = None
) -> Response:
    """List imports, newest first."""
    page = calls(request, token).imports(limit, after)
    return JSONResponse({**page, "imports": [_shown(one, token) for one in page["imports"]]})


@router.get("/imports/{key}", response_model=ImportDocument, responses=NOT_FOUND)
def get_import(request: Request, token: Reader, key: Key) -> Response:
    """Return an import."""
    found = calls(request, token).import_run(key)
    if found is None:
        raise not_found("import")
    return JSONResponse(_shown(found, token))


_CONFLICT: dict[int | str, Any] = {404: PROBLEM, 409: PROBLEM}


@router.post("/imports/{key}/undo", response_model=UndoneImport, responses=_CONFLICT)
def undo_import(request: Request, token: Operator, key: Key) -> Response:
    """Undo an import. Entries that were changed since are kept."""
    found = calls(request, token).undo(key)
    if found is None:
        raise not_found("import")
    if found["undo"] is None:
        detail = f"the import was undone at {found['undone_at']}"
        raise ProblemDetails(HTTPStatus.CONFLICT, "undone", detail)
    return JSONResponse(_shown(found, token))


def _shown(document: Document, token: Token) -> Document:
    """Return an import; the name of its source may contain a number."""
    if token.full_ids:
        return document
    return {**document, "source": mask_text(document["source"])}
