"""Authorization of requests, and masking of identifiers in responses.

Without full-id scope, identifiers in responses are masked. Requests may contain full identifiers,
since the caller already has those.
"""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from starlette.requests import Request

from modemagent.privacy.masking import mask
from modemagent.registry.api.problem_details import ProblemDetails
from modemagent.registry.store.engine import Database
from modemagent.registry.store.tokens import Scope, Token, find

_INCLUDES: dict[Scope, frozenset[Scope]] = {
    Scope.GATEWAY: frozenset({Scope.GATEWAY}),
    Scope.ENROLL: frozenset({Scope.ENROLL}),
    Scope.READ: frozenset({Scope.READ}),
    Scope.OPERATE: frozenset({Scope.READ, Scope.OPERATE}),
    Scope.ADMIN: frozenset({Scope.READ, Scope.OPERATE, Scope.ADMIN}),
}
_NUMBERS = frozenset({"imei", "imeisv", "meid", "iccid", "imsi", "eid", "serial_number"})
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="modemagent registry"'}


def caller(database: Database, authorization: str | None, scope: Scope) -> Token:
    """Return the token of a request.

    :raises ProblemDetails: 401 without a valid token, 403 if the scope does not suffice
    """
    kind, _, secret = (authorization or "").strip().partition(" ")
    if not secret.strip():
        raise _unauthorized("a token is required: Authorization: Bearer TOKEN")
    found = find(database, secret.strip()) if kind.lower() == "bearer" else None
    if found is None:
        raise _unauthorized("the token is invalid or revoked")
    if scope not in _INCLUDES[found.scope]:
        raise ProblemDetails(
            HTTPStatus.FORBIDDEN,
            "scope",
            f"the scope of the token is {found.scope}, the request needs {scope}",
            scope=str(scope),
        )
    return found


def _unauthorized(detail: str) -> ProblemDetails:
    return ProblemDetails(HTTPStatus.UNAUTHORIZED, "unauthorized", detail, headers=_CHALLENGE)


def requires(scope: Scope) -> Callable[[Request], Token]:
    """Return a dependency that accepts only tokens of a scope."""

    def check(request: Request) -> Token:
        return caller(request.app.state.database, request.headers.get("authorization"), scope)

    return check


def redact_for(value: Any, token: Token) -> Any:
    """Return a document with identifiers masked unless the token has full-id scope."""
    return value if token.full_ids else _masked(value)


def _masked(value: Any) -> Any:
    if isinstance(value, list):
        return [_masked(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {name: _masked_member(name, member, value) for name, member in value.items()}


def _masked_member(name: str, member: Any, whole: dict[str, Any]) -> Any:
    if not isinstance(member, str):
        return _masked(member)
    if name in _NUMBERS:
        return mask(member)
    if name == "subject":
        kind, colon, number = member.partition(":")
        return f"{kind}{colon}{mask(number)}"
    if "link_state" in whole and "id" in whole:  # a match of lookup
        hidden = name in ("modem", "sim") or (name == "id" and whole["kind"] != "gateway")
        return mask(member) if hidden else member
    return member
