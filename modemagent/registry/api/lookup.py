"""``GET /api/v1/lookup`` as a plain ASGI route."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qs

import msgspec
from sqlalchemy import Connection
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as AsgiScope

from modemagent.registry.api.auth import check_scope, redact_for
from modemagent.registry.api.quick_query import QuickQueries
from modemagent.registry.store.fleet.documents import Document
from modemagent.registry.store.fleet.lookup import ManyMatches, lookup
from modemagent.registry.store.fleet.partial_lookup import is_partial, lookup_partly
from modemagent.registry.store.people.tokens import Scope, Token

_MOST_UNITS = 8  # modems and SIMs found by a lookup in the event loop


class LookupRoute:
    """``GET /api/v1/lookup``.

    :param app: application with the same route, which answers requests that are not valid
    """

    def __init__(self, app: ASGIApp, queries: QuickQueries) -> None:
        self._app = app
        self._queries = queries

    async def __call__(
        self,
        scope: AsgiScope,
        receive: Receive,
        send: Send,
        token: Token,
        _headers: Mapping[bytes, bytes],
    ) -> None:
        check_scope(token, Scope.READ)
        wanted = _wanted(scope["query_string"])
        if wanted is None:
            await self._app(scope, receive, send)
            return
        found = await self._queries.run(
            lambda connection: lookup_partly(connection, wanted, full_ids=token.full_ids),
            lambda connection: _quick_lookup(connection, wanted, full_ids=token.full_ids),
        )
        body = msgspec.json.encode(redact_for(found, token))
        length = b"%d" % len(body)
        fields = [(b"content-type", b"application/json"), (b"content-length", length)]
        await send({"type": "http.response.start", "status": 200, "headers": fields})
        await send({"type": "http.response.body", "body": body})


def _quick_lookup(connection: Connection, wanted: str, *, full_ids: bool) -> Document:
    """Return what a lookup finds, without candidates, which take longer.

    :raises ManyMatches: it takes long
    """
    if is_partial(wanted, full_ids=full_ids):
        raise ManyMatches
    found = lookup(connection, wanted, _MOST_UNITS)
    return {**found, "candidates": [], "more_candidates": False}


def _wanted(query: bytes) -> str | None:
    """Return the identifier of a query that is valid."""
    try:
        values = parse_qs(query.decode("ascii"), keep_blank_values=True).get("id", [])
    except ValueError:
        return None
    return values[0] if len(values) == 1 and 0 < len(values[0]) <= 256 else None
