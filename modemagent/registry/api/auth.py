"""Tokens and scopes, and which identifiers the caller may see in full.

A caller without full-id scope gets identifiers masked. It may still ask for one it knows: naming a
number in full shows that the caller has it already.
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

    :raises Problem: 401 without a live token, 403 when it is for something else
    """
    kind, _, secret = (authorization or "").strip().partition(" ")
    if not secret.strip():
        raise _unknown("a token is needed: Authorization: Bearer TOKEN")
    found = find(database, secret.strip()) if kind.lower() == "bearer" else None
    if found is None:
        raise _unknown("the token is not known or was revoked")
    if scope not in _INCLUDES[found.scope]:
        raise ProblemDetails(
            HTTPStatus.FORBIDDEN,
            "scope",
            f"the token's scope is {found.scope}, this needs {scope}",
            scope=str(scope),
        )
    return found


def _unknown(detail: str) -> ProblemDetails:
    return ProblemDetails(HTTPStatus.UNAUTHORIZED, "unauthorized", detail, headers=_CHALLENGE)


def requires(scope: Scope) -> Callable[[Request], Token]:
    """Return a dependency that lets only tokens of a scope in."""

    def check(request: Request) -> Token:
        return caller(request.app.state.database, request.headers.get("authorization"), scope)

    return check


def redact_for(value: Any, token: Token) -> Any:
    """Return a document as this caller may see it."""
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
