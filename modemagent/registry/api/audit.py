"""The audit: who did what, and who saw which numbers in full."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from modemagent.registry.api.documents import PROBLEMS, Document
from modemagent.registry.api.fleet import Direction, Limit, Time
from modemagent.registry.api.lists import AfterKey
from modemagent.registry.api.permissions import requires
from modemagent.registry.calls.audit import AuditCalls
from modemagent.registry.store.people.tokens import Scope, Token

router = APIRouter(prefix="/api/v1", tags=["audit"], responses=PROBLEMS)

Auditor = Annotated[Token, Depends(requires(Scope.AUDIT))]
_Text = Annotated[str | None, Query(min_length=1, max_length=128)]


class AuditEntry(Document):
    """An act; ``hash`` is that of the entry before it and of its own content (docs/privacy.md)."""

    position: int
    time: str
    actor: str
    kind: str
    object: str | None
    detail: dict[str, Any]
    hash: str


class AuditPage(Document):
    """A page of the audit, with ``head``, the position and the hash of the last entry."""

    entries: list[AuditEntry]
    next: str | None
    head: str


@router.get("/audit", response_model=AuditPage)
def get_audit(
    request: Request,
    token: Auditor,
    limit: Limit = 100,
    after: AfterKey = None,
    order: Direction = "asc",
    actor: _Text = None,
    kind: _Text = None,
    about: Annotated[str | None, Query(alias="object", min_length=1, max_length=128)] = None,
    begin: Annotated[Time, Query(alias="from", description="Only acts since this time.")] = None,
    end: Annotated[Time, Query(alias="to", description="Only acts before this time.")] = None,
) -> Response:
    """List acts in the order of the chain; an act is in it within about two seconds."""
    page = AuditCalls(request.app.state.database).entries(
        limit,
        after,
        newest_first=order == "desc",
        begin=begin,
        end=end,
        actor=actor,
        kind=kind,
        object=about,
    )
    return JSONResponse(page)
