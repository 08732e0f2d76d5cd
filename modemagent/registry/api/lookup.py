"""``GET /api/v1/lookup`` as a plain ASGI route.

On SQLite a lookup takes less than a change of threads, and is made in the event loop. A long one,
about a number that thousands of modems have, is interrupted and made again in a thread; so is every
lookup on other databases.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

import msgspec
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError
from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as AsgiScope

from modemagent.registry.api.auth import check_scope, redact_for
from modemagent.registry.store.engine import Database
from modemagent.registry.store.lookup import ManyMatches, lookup
from modemagent.registry.store.tokens import Scope, Token

#: Steps of a statement of SQLite in the event loop, about 1 ms; a usual one takes less than 300.
_MOST_STEPS = 20_000
_MOST_UNITS = 8  # modems and SIMs found by a lookup in the event loop


class LookupRoute:
    """``GET /api/v1/lookup``.

    :param app: application with the same route, which answers requests that are not valid
    """

    def __init__(self, app: ASGIApp, database: Database) -> None:
        self._app = app
        self._database = database
        self._quick: Connection | None = None

    def start(self) -> None:
        """Open the connection of the event loop."""
        self._quick = self._database.quick_connection(_MOST_STEPS)

    def stop(self) -> None:
        if self._quick is not None:
            self._quick.close()

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
        found = self._find_quickly(wanted)
        if found is None:
            found = await run_in_threadpool(self._find, wanted)
        body = msgspec.json.encode(redact_for(found, token))
        length = b"%d" % len(body)
        fields = [(b"content-type", b"application/json"), (b"content-length", length)]
        await send({"type": "http.response.start", "status": 200, "headers": fields})
        await send({"type": "http.response.body", "body": body})

    def _find_quickly(self, wanted: str) -> dict[str, Any] | None:
        """Return the matches, or None if finding them takes long."""
        if self._quick is None:
            return None
        try:
            with self._quick.begin():
                return lookup(self._quick, wanted, _MOST_UNITS)
        except ManyMatches:
            return None
        except OperationalError as error:
            if getattr(error.orig, "sqlite_errorcode", None) == sqlite3.SQLITE_INTERRUPT:
                return None
            raise

    def _find(self, wanted: str) -> dict[str, Any]:
        with self._database.reading() as connection:
            return lookup(connection, wanted)


def _wanted(query: bytes) -> str | None:
    """Return the identifier of a query that is valid."""
    try:
        values = parse_qs(query.decode("ascii"), keep_blank_values=True).get("id", [])
    except ValueError:
        return None
    return values[0] if len(values) == 1 and 0 < len(values[0]) <= 256 else None
