"""Authorization of requests, and masking of identifiers in responses.

Without full-id scope, identifiers in responses are masked. Requests may contain full identifiers,
since the caller already has those.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Protocol

from modemagent.privacy.masking import mask, mask_text
from modemagent.registry.api.problem_details import ProblemDetails
from modemagent.registry.store.people.tokens import Scope, Token
from modemagent.registry.store.privacy import acts

_INCLUDES: dict[Scope, frozenset[Scope]] = {
    Scope.GATEWAY: frozenset({Scope.GATEWAY}),
    Scope.ENROLL: frozenset({Scope.ENROLL}),
    Scope.READ: frozenset({Scope.READ}),
    Scope.OPERATE: frozenset({Scope.READ, Scope.OPERATE}),
    Scope.AUDIT: frozenset({Scope.READ, Scope.AUDIT}),
    Scope.ADMIN: frozenset({Scope.READ, Scope.OPERATE, Scope.AUDIT, Scope.ADMIN}),
}
_NUMBERS = frozenset({"imei", "imeisv", "meid", "iccid", "imsi", "eid", "serial_number",
                      "operator_imei"})  # fmt: skip
_PLAIN = frozenset({"key", "same_as", "one_of", "stream_id", "boot_id", "report_id", "gateway_id"})
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="modemagent registry"'}

#: Key of an ASGI scope under which the gate stores the valid token of a request.
AUTHENTICATED = "modemagent.token"


def check_scope(token: Token, scope: Scope) -> None:
    """Check that a token has the permission that a request needs.

    :raises ProblemDetails: 403 if it does not
    """
    if scope not in _INCLUDES[token.scope]:
        raise ProblemDetails(
            HTTPStatus.FORBIDDEN,
            "scope",
            f"the scope of the token is {token.scope}, the request needs {scope}",
            scope=str(scope),
        )


def unauthorized(detail: str) -> ProblemDetails:
    """Return the error of a request without a valid token."""
    return ProblemDetails(HTTPStatus.UNAUTHORIZED, "unauthorized", detail, headers=_CHALLENGE)


class SeesNumbers(Protocol):
    """A token or a person, with the permission to see full identifiers or without it."""

    @property
    def full_ids(self) -> bool:
        """Return True if identifiers are shown in full."""


def redact_for(value: Any, token: SeesNumbers) -> Any:
    """Return a document with identifiers masked unless the token has full-id scope."""
    return acts.show_in_full(value) if token.full_ids else _masked(value)


def redact_report(value: Any, token: SeesNumbers) -> Any:
    """Return a stored report with identifiers masked unless the token has full-id scope.

    Responses in the evidence contain them in any form.
    """
    return acts.show_in_full(value) if token.full_ids else masked_text(value)


def masked_text(value: Any) -> Any:
    """Return a document with every possible identifier masked, in texts as well."""
    if isinstance(value, str):
        return mask_text(value)
    if isinstance(value, list):
        return [masked_text(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {
        name: mask(member)
        if name in _NUMBERS and isinstance(member, str)
        else member
        if name in _PLAIN
        else masked_text(member)
        for name, member in value.items()
    }


def _masked(value: Any) -> Any:
    if isinstance(value, list):
        return [_masked(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {name: _masked_member(name, member, value) for name, member in value.items()}


def _masked_member(name: str, member: Any, whole: dict[str, Any]) -> Any:
    if name == "health":
        return masked_text(member)  # a port can have the name of a device
    if not isinstance(member, str):
        return _masked(member)
    if name in _NUMBERS:
        return mask(member)
    if name in ("sentence", "reason", "part", "name") or (name == "source" and "list" in whole):
        return mask_text(member)
    if name == "subject":
        kind, colon, number = member.partition(":")
        return member if kind in ("gateway", "place", "case") else f"{kind}{colon}{mask(number)}"
    if "link_state" in whole and "id" in whole:  # a match of lookup
        if name == "id" and whole["kind"] == "asset_tag":
            return mask_text(member)
        hidden = name in ("modem", "sim") or (
            name == "id" and whole["kind"] not in ("gateway", "place", "ref")
        )
        return mask(member) if hidden else member
    return member
