"""Webhooks: events and findings sent to other programs."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from modemagent.privacy.masking import mask_text
from modemagent.registry.api.documents import PRINTABLE, PROBLEM, PROBLEMS, Document
from modemagent.registry.api.fleet import NOT_FOUND, Limit
from modemagent.registry.api.lists import AfterKey, Key, checked, not_found
from modemagent.registry.api.permissions import requires
from modemagent.registry.api.problem_details import ProblemDetails
from modemagent.registry.calls.webhooks import WebhookCalls
from modemagent.registry.store.people.tokens import Scope, Token

router = APIRouter(prefix="/api/v1", tags=["webhooks"], responses=PROBLEMS)

Admin = Annotated[Token, Depends(requires(Scope.ADMIN))]
_CHANGED: dict[int | str, Any] = dict.fromkeys((404, 413, 415), PROBLEM)
_Name = Annotated[str, Field(min_length=1, max_length=100, pattern=PRINTABLE)]
_Url = Annotated[str, Field(min_length=1, max_length=1000, pattern=r"^[!-~]+$")]
_Types = Annotated[
    list[Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[a-z0-9_.*]+$")]],
    Field(min_length=1, max_length=50),
]
_State = Literal["active", "disabled"]
MessageState = Literal["waiting", "delivered", "dead"]


class WebhookFields(BaseModel):
    """Fields of a webhook; a field that is missing is not changed.

    ``types``: names of events, `finding.` and the name of a finding, or beginnings that end with an
    asterisk; ``severity``: least severity of findings; ``full_ids``: numbers are sent in full.
    """

    model_config = ConfigDict(extra="forbid")

    name: _Name | None = None
    url: _Url | None = None
    types: _Types | None = None
    severity: Literal["error", "warning"] | None = None
    full_ids: Annotated[bool, Field(strict=True)] | None = None
    state: _State | None = None


class NewWebhook(WebhookFields):
    name: _Name
    url: _Url


class MessageCounts(Document):
    waiting: int
    delivered: int
    dead: int


class WebhookDocument(Document):
    """A webhook; ``reason``: why it is disabled. ``messages``: numbers of messages by state."""

    id: str
    name: str
    url: str
    types: list[str]
    severity: Literal["error", "warning"]
    full_ids: bool
    state: _State
    reason: str
    revision: int
    created_at: str
    created_by: str
    failing_since: str | None
    last_delivered_at: str | None
    messages: MessageCounts


class WebhookWithSecret(WebhookDocument):
    """A webhook with the secret of its signatures, which is not shown again."""

    secret: str


class WebhookPage(Document):
    webhooks: list[WebhookDocument]


class MessageDocument(Document):
    """A message; ``status`` and ``error`` are those of the last attempt."""

    id: str
    type: str
    state: MessageState
    attempts: int
    status: int | None
    error: str | None
    created_at: str
    next_attempt_at: str | None
    finished_at: str | None


class MessagePage(Document):
    messages: list[MessageDocument]
    next: str | None


class TestMessage(Document):
    __test__ = False  # pytest

    message: str


@router.get("/webhooks", response_model=WebhookPage)
def get_webhooks(request: Request, token: Admin) -> Response:
    """List webhooks."""
    found = _calls(request, token).webhooks()["webhooks"]
    return JSONResponse({"webhooks": [_shown(one, token) for one in found]})


@router.post("/webhooks", response_model=WebhookWithSecret, status_code=201, responses=_CHANGED)
def post_webhook(request: Request, token: Admin, webhook: NewWebhook) -> Response:
    """Add a webhook; it gets what happens from now on. The secret is shown only here."""
    given = webhook.model_dump(exclude_unset=True)
    _check_full_ids(token, given)
    found = checked(lambda: _calls(request, token).add(given))
    return JSONResponse(_shown(found, token), HTTPStatus.CREATED)


@router.get("/webhooks/{key}", response_model=WebhookDocument, responses=NOT_FOUND)
def get_webhook(request: Request, token: Admin, key: Key) -> Response:
    """Return a webhook, without its secret."""
    return _answer(_calls(request, token).webhook(key), token)


@router.patch("/webhooks/{key}", response_model=WebhookDocument, responses=_CHANGED)
def patch_webhook(request: Request, token: Admin, key: Key, fields: WebhookFields) -> Response:
    """Change a webhook. Activated again, it gets what has happened meanwhile."""
    given = fields.model_dump(exclude_unset=True)
    _check_full_ids(token, given)
    return _answer(checked(lambda: _calls(request, token).change(key, given)), token)


@router.delete("/webhooks/{key}", status_code=204, responses=NOT_FOUND)
def delete_webhook(request: Request, token: Admin, key: Key) -> Response:
    """Delete a webhook with its messages."""
    if not _calls(request, token).remove(key):
        raise not_found("webhook")
    return Response(status_code=HTTPStatus.NO_CONTENT)


@router.post("/webhooks/{key}/secret", response_model=WebhookWithSecret, responses=NOT_FOUND)
def post_secret(request: Request, token: Admin, key: Key) -> Response:
    """Replace the secret. For 24 hours messages have a signature by the old one also."""
    return _answer(_calls(request, token).replace_secret(key), token)


@router.post(
    "/webhooks/{key}/test", response_model=TestMessage, status_code=202, responses=NOT_FOUND
)
def post_test(request: Request, token: Admin, key: Key) -> Response:
    """Send a test message."""
    found = _calls(request, token).test(key)
    if found is None:
        raise not_found("webhook")
    return JSONResponse(found, HTTPStatus.ACCEPTED)


@router.get("/webhooks/{key}/messages", response_model=MessagePage, responses=NOT_FOUND)
def get_messages(
    request: Request,
    token: Admin,
    key: Key,
    limit: Limit = 100,
    after: AfterKey = None,
    state: MessageState | None = None,
) -> Response:
    """List messages to a webhook, newest first."""
    found = _calls(request, token).messages(key, limit, after, state)
    if found is None:
        raise not_found("webhook")
    return JSONResponse(found)


@router.post("/webhooks/{key}/messages/{message}/send-again", status_code=202, responses=NOT_FOUND)
def post_again(
    request: Request,
    token: Admin,
    key: Key,
    message: Key,
) -> Response:
    """Send a message again that was delivered, or that was given up."""
    if not _calls(request, token).send_again(key, message):
        raise not_found("message that is not waiting")
    return JSONResponse({"message": message}, HTTPStatus.ACCEPTED)


def _check_full_ids(token: Token, given: dict[str, Any]) -> None:
    if given.get("full_ids") and not token.full_ids:
        raise ProblemDetails(
            HTTPStatus.FORBIDDEN, "scope", "numbers in full need a token with full-id scope"
        )


def _answer(found: dict[str, Any] | None, token: Token) -> Response:
    if found is None:
        raise not_found("webhook")
    return JSONResponse(_shown(found, token))


def _shown(found: dict[str, Any], token: Token) -> dict[str, Any]:
    """Return a webhook; its name and its URL may contain a number."""
    if token.full_ids:
        return found
    return {**found, "name": mask_text(found["name"]), "url": mask_text(found["url"])}


def _calls(request: Request, token: Token) -> WebhookCalls:
    return WebhookCalls(request.app.state.database, f"token {token.number}")
