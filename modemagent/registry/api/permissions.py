"""The scope of a token that a route of FastAPI needs, as a dependency."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Security
from fastapi.security import HTTPBearer
from starlette.requests import Request

from modemagent.registry.api.auth import AUTHENTICATED, check_scope
from modemagent.registry.store.people.tokens import Scope, Token

#: Only for the description of the API: the gate has checked the token.
_bearer = HTTPBearer(auto_error=False, description="A token of `modemagent registry token create`.")


def requires(scope: Scope) -> Callable[..., Awaitable[Token]]:
    """Return a dependency that accepts only tokens of a scope, which the gate has found."""

    async def check(request: Request, _: Annotated[object, Security(_bearer)] = None) -> Token:
        token: Token = request.scope[AUTHENTICATED]
        check_scope(token, scope)
        return token

    return check
