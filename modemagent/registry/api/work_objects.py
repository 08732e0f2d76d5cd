"""Notes, selections and exports: what people and scripts work with beside the fleet itself."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from modemagent.registry.api.auth import check_scope, redact_report
from modemagent.registry.api.documents import PRINTABLE, PROBLEM, PROBLEMS, Document, LinkState
from modemagent.registry.api.fleet import NOT_FOUND, Limit, Reader
from modemagent.registry.api.lists import AfterKey, Key, Operator, checked, not_found
from modemagent.registry.api.problem_details import ProblemDetails
from modemagent.registry.calls.lists import key_of
from modemagent.registry.store.database.engine import now_ms
from modemagent.registry.store.outbound import exports
from modemagent.registry.store.people import notes, selections
from modemagent.registry.store.people.tokens import Scope, Token

router = APIRouter(prefix="/api/v1", responses=PROBLEMS)

_NEW: dict[int | str, Any] = dict.fromkeys((413, 415), PROBLEM)
_About = Annotated[str, Field(max_length=64, pattern=f"^({notes.ABOUT})$")]
_Text = Annotated[str, Field(min_length=1, max_length=256, pattern=PRINTABLE)]
_CONTENT: dict[int | str, Any] = {
    200: {"content": {"text/csv": {"schema": {"type": "string"}},
                      "application/jsonl": {"schema": {"type": "string"}}}},
    409: PROBLEM,
}  # fmt: skip


class NewNote(BaseModel):
    """A note about an object, such as `modem:REF`, `finding:ID` or `case:ID`."""

    model_config = ConfigDict(extra="forbid")

    about: _About
    text: Annotated[str, Field(min_length=1, max_length=1000, pattern=PRINTABLE)]


class NoteDocument(Document):
    id: str
    about: str
    text: str
    made_by: str
    made_at: str


class NotePage(Document):
    notes: list[NoteDocument]
    next: str | None


class NewSelection(BaseModel):
    """Filters of the modems or SIMs that are to be selected."""

    model_config = ConfigDict(extra="forbid")

    kind: Literal["modems", "sims"]
    gateway: _Text | None = None
    link_state: LinkState | None = None


class SelectionDocument(Document):
    """The references that the filters found; the selection is valid for 30 minutes."""

    id: str
    kind: str
    total: int
    made_by: str
    made_at: str
    expires_at: str
    refs: list[str]
    next: str | None


class NewExport(BaseModel):
    """What is to be exported; ``filters`` are those of the list of this name.

    `number`: all that is stored about the modem or SIM in the filter `id`.
    """

    model_config = ConfigDict(extra="forbid")

    what: Literal["modems", "sims", "gateways", "findings", "events", "pairings", "assets",
                  "audit", "number"]  # fmt: skip
    format: Literal["csv", "jsonl"] = "jsonl"
    filters: Annotated[dict[_Text, _Text], Field(max_length=5)] = {}


class ExportDocument(Document):
    """An export, which is kept for a week."""

    id: str
    what: str
    format: Literal["csv", "jsonl"]
    state: Literal["waiting", "done", "failed"]
    full_ids: bool
    rows: int
    requested_by: str
    created_at: str
    finished_at: str | None


class ExportPage(Document):
    exports: list[ExportDocument]
    next: str | None


@router.get("/notes", response_model=NotePage, tags=["notes"])
def get_notes(
    request: Request,
    token: Reader,
    limit: Limit = 100,
    after: AfterKey = None,
    about: Annotated[str | None, Query(max_length=64, pattern=f"^({notes.ABOUT})$")] = None,
) -> Response:
    """List notes, newest first."""
    begin = key_of(after) if after else None
    with request.app.state.database.reading() as connection:
        found = notes.note_page(connection, limit=limit, after=begin, about=about)
    return JSONResponse(redact_report(found, token))


@router.post("/notes", response_model=NoteDocument, status_code=201, responses=_NEW, tags=["notes"])
def post_note(request: Request, token: Operator, given: NewNote) -> Response:
    """Add a note."""
    actor = f"token {token.number}"
    run = request.app.state.recorder.run
    key = checked(lambda: run(lambda batch: notes.add(batch, given.about, given.text, actor)))
    with request.app.state.database.reading() as connection:
        found = notes.note_document(connection, key)
    return JSONResponse(redact_report(found, token), HTTPStatus.CREATED)


@router.delete("/notes/{key}", status_code=204, responses=NOT_FOUND, tags=["notes"])
def delete_note(request: Request, token: Operator, key: Key) -> Response:
    """Delete a note."""
    if not request.app.state.recorder.run(lambda batch: notes.remove(batch, key_of(key))):
        raise not_found("note")
    return Response(status_code=HTTPStatus.NO_CONTENT)


@router.post(
    "/selections",
    response_model=SelectionDocument,
    status_code=201,
    responses=_NEW,
    tags=["selections"],
)
def post_selection(request: Request, token: Reader, given: NewSelection) -> Response:
    """Select what the filters find now, at most 10,000, for 30 minutes."""
    chosen = given.model_dump(exclude_none=True, exclude={"kind"})
    state = request.app.state
    with state.database.reading() as connection:
        refs = checked(lambda: selections.find(connection, given.kind, chosen))
    actor = f"token {token.number}"
    key = state.recorder.run(lambda batch: selections.freeze(batch, given.kind, refs, actor))
    return _selection(request, key, 1000, None, HTTPStatus.CREATED)


@router.get(
    "/selections/{key}", response_model=SelectionDocument, responses=NOT_FOUND, tags=["selections"]
)
def get_selection(
    request: Request,
    token: Reader,
    key: Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{16}$")],
    limit: Limit = 1000,
    after: AfterKey = None,
) -> Response:
    """Return a selection with a page of its references."""
    return _selection(request, key, limit, after)


def _selection(
    request: Request, key: str, limit: int, after: str | None, status: int = HTTPStatus.OK
) -> Response:
    begin = key_of(after) if after else 0
    with request.app.state.database.reading() as connection:
        found = selections.selection_document(connection, key, now_ms(), limit=limit, after=begin)
    if found is None:
        raise not_found("selection")
    return JSONResponse(found, status)


@router.get("/exports", response_model=ExportPage, tags=["exports"])
def get_exports(
    request: Request, token: Reader, limit: Limit = 100, after: AfterKey = None
) -> Response:
    """List exports, newest first."""
    begin = key_of(after) if after else None
    with request.app.state.database.reading() as connection:
        return JSONResponse(exports.export_page(connection, limit=limit, after=begin))


@router.post(
    "/exports", response_model=ExportDocument, status_code=202, responses=_NEW, tags=["exports"]
)
def post_export(request: Request, token: Reader, wanted: NewExport) -> Response:
    """Request an export; numbers in it are masked without full-id scope."""
    if wanted.what in (exports.AUDIT, exports.NUMBER):
        check_scope(token, Scope.AUDIT)
    state, actor = request.app.state, f"token {token.number}"
    key = checked(
        lambda: state.recorder.run(
            lambda batch: exports.add(
                batch, wanted.what, wanted.format, wanted.filters, actor, full_ids=token.full_ids
            )
        )
    )
    with state.database.reading() as connection:
        return JSONResponse(exports.export_document(connection, key), HTTPStatus.ACCEPTED)


@router.get("/exports/{key}", response_model=ExportDocument, responses=NOT_FOUND, tags=["exports"])
def get_export(request: Request, token: Reader, key: Key) -> Response:
    """Return an export without its content."""
    return JSONResponse(_export(request, token, key))


@router.get(
    "/exports/{key}/content",
    response_class=Response,
    responses=NOT_FOUND | _CONTENT,
    tags=["exports"],
)
def get_content(request: Request, token: Reader, key: Key) -> Response:
    """Return the content of an export that is done."""
    found = _export(request, token, key)
    if found["state"] != "done":
        raise ProblemDetails(HTTPStatus.CONFLICT, "waiting", "the export is not done")
    if found["full_ids"]:
        exports.note_fetch(request.app.state.database, key_of(key))
    with request.app.state.database.reading() as connection:
        content = exports.content_of(connection, key_of(key))
    kind = "text/csv; charset=utf-8" if found["format"] == "csv" else "application/jsonl"
    return Response(content, media_type=kind)


def _export(request: Request, token: Token, key: str) -> dict[str, Any]:
    """Return an export that a token may read: one with numbers in full needs full-id scope."""
    with request.app.state.database.reading() as connection:
        found = exports.export_document(connection, key_of(key))
    if found is None:
        raise not_found("export")
    if found["full_ids"] and not token.full_ids:
        detail = "the export has numbers in full; the token has no full-id scope"
        raise ProblemDetails(HTTPStatus.FORBIDDEN, "scope", detail)
    if found["what"] in (exports.AUDIT, exports.NUMBER):
        check_scope(token, Scope.AUDIT)
    return found
