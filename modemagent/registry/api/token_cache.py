"""Tokens of requests: found in microseconds, with the time of last use stored later.

In SQLite, a token is read on the event loop at each request, in about 10 microseconds. In other
databases it is read in a thread, and cached for a second.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Collection

from sqlalchemy.exc import SQLAlchemyError

from modemagent.registry.store.database.engine import Database, now_ms
from modemagent.registry.store.people import tokens
from modemagent.registry.store.people.tokens import Scope, Token, TokenFinder

#: Time after which a revocation by another process takes effect, except with SQLite.
CACHED_FOR_S = 1.0
_MOST_CACHED = 4096
_STORED_EVERY_S = 60.0  # interval of updates of the times of last use
_STORED_AGAIN_AFTER_MS = 5 * 60_000  # of one token
_MOST_USES = 65536

log = logging.getLogger(__name__)


class TokenCache:
    """Valid tokens by their secrets; used in the event loop only."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._cached: OrderedDict[bytes, tuple[float, Token]] = OrderedDict()
        self._uses: dict[int, int] = {}
        self._finder: TokenFinder | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        reader = self._database.loop_reader()
        self._finder = TokenFinder(reader) if reader is not None else None
        self._task = asyncio.create_task(self._store_uses())

    async def stop(self) -> None:
        """Store the times of last use."""
        if self._task is not None:
            self._task.cancel()
        await asyncio.to_thread(tokens.record_uses, self._database, self._take_uses())
        if self._finder is not None:
            self._finder.close()

    async def find(self, secret: bytes) -> Token | None:
        """Return the valid token of a secret, or None; note its use."""
        digest = tokens.digest_of(secret)
        if digest is None:
            return None
        token = self._finder.find(digest) if self._finder else await self._find_cached(digest)
        if token is None:
            return None
        at_ms = now_ms()
        if not token.is_valid(at_ms):
            return None
        is_gateway = token.scope is Scope.GATEWAY
        if is_gateway and token.used_ms is None and token.number not in self._uses:
            # stored before the response: the enrollment of a gateway replaces unused tokens
            await asyncio.to_thread(tokens.record_uses, self._database, {token.number: at_ms})
        if at_ms - (token.used_ms or 0) > _STORED_AGAIN_AFTER_MS and len(self._uses) < _MOST_USES:
            self._uses[token.number] = at_ms
        return token

    async def _find_cached(self, digest: bytes) -> Token | None:
        now = time.monotonic()
        until, token = self._cached.get(digest, (0.0, None))
        if token is None or until < now:
            token = await asyncio.to_thread(tokens.find, self._database, digest)
            if token is None:
                return None
            self._cached[digest] = now + CACHED_FOR_S, token
            if len(self._cached) > _MOST_CACHED:
                self._cached.popitem(last=False)
        return token

    def forget(self) -> None:
        """Look all tokens up again, after one was revoked in this process."""
        self._cached.clear()

    async def valid_numbers(self, numbers: Collection[int]) -> set[int]:
        """Return those of the numbers whose tokens are valid now."""
        return await asyncio.to_thread(self._valid_numbers, list(numbers))

    def _valid_numbers(self, numbers: list[int]) -> set[int]:
        with self._database.reading() as connection:
            return tokens.valid_numbers(connection, numbers)

    async def _store_uses(self) -> None:
        while True:
            await asyncio.sleep(_STORED_EVERY_S)
            try:
                await asyncio.to_thread(tokens.record_uses, self._database, self._take_uses())
            except SQLAlchemyError as error:
                log.error("the times of last use of tokens were not stored: %s", error)

    def _take_uses(self) -> dict[int, int]:
        uses, self._uses = self._uses, {}
        return uses
