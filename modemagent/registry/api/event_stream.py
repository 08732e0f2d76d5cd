"""Server-sent events: the events of the fleet as they are recorded.

The stream follows the positions of events in the database, so a client that reconnects with
``Last-Event-ID`` misses nothing. The notification after a commit only shortens the wait. Streams at
the same position share one query and one encoding of each event.

A stream ends when its token expires or is revoked, and when its client reads too slowly.
"""

from __future__ import annotations

import asyncio
import json
import logging
import math
import time
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool
from starlette.types import Receive, Send
from starlette.types import Scope as AsgiScope

from modemagent.registry.api.auth import check_scope, redact_for
from modemagent.registry.api.problem_details import ProblemDetails, too_many
from modemagent.registry.api.quotas import Concurrency
from modemagent.registry.api.token_cache import TokenCache
from modemagent.registry.store.database.engine import Database
from modemagent.registry.store.fleet import reader
from modemagent.registry.store.people.tokens import Scope, Token
from modemagent.registry.store.privacy import acts

MOST_STREAMS_EACH = 8  # of one token
MOST_STREAMS = 256
_KEEP_ALIVE_S = 15.0
_PAGE_S = 60.0  # duration of a stream to a page
_NEWS_S = 2.0  # interval of queries for news that are not events of the fleet
_TOKENS_CHECKED_EVERY_S = 1.0
_EVENTS_PER_QUERY = 200
HIGHEST_POSITION = 2**62
_TOTAL = "all"

#: Returns what follows a position; equal objects share a query.
ReadNews = Callable[[Connection, int], list[tuple[int, dict[str, Any]]]]

log = logging.getLogger(__name__)


class _Stream:
    """One client of the stream; ``wake`` is set when there may be something to do.

    :param token: None: it is a page of a person
    :param encode: returns the text of an event for a page
    :param ends_at_s: monotonic time at which the client has to connect again
    :param read: returns what follows a position; None: the events of the fleet
    """

    def __init__(
        self,
        token: Token | None,
        encode: Callable[[int, dict[str, Any]], bytes] | None = None,
        ends_at_s: float = math.inf,
        read: ReadNews | None = None,
    ) -> None:
        self.token, self.encode, self.ends_at_s, self.read = token, encode, ends_at_s, read
        # only events of the fleet are notified to the other processes
        self.wait_s = _KEEP_ALIVE_S if read is None else _NEWS_S
        self.wake = asyncio.Event()
        self.is_ended = False

    def end(self) -> None:
        self.is_ended = True
        self.wake.set()


class EventStreams:
    """``GET /api/v1/events/stream`` as a plain ASGI route."""

    def __init__(self, database: Database, tokens: TokenCache) -> None:
        self._database = database
        self._tokens = tokens
        self._streams: set[_Stream] = set()
        self._by_token: Concurrency[int | str] = Concurrency(MOST_STREAMS_EACH)
        self._queries: dict[tuple[ReadNews | None, int], asyncio.Task[_Page]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self.is_closing = False

    def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.create_task(self._check_tokens())

    def notify(self) -> None:
        """Wake all streams; safe to call from any thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake)

    def close(self) -> None:
        """End all streams; called in the event loop."""
        self.is_closing = True
        if self._task is not None:
            self._task.cancel()
        for one in self._streams:
            one.end()

    @property
    def count(self) -> int:
        """Number of open streams."""
        return len(self._streams)

    async def __call__(
        self,
        scope: AsgiScope,
        receive: Receive,
        send: Send,
        token: Token,
        headers: Mapping[bytes, bytes],
    ) -> None:
        check_scope(token, Scope.READ)
        after = _position(scope["query_string"], headers)
        await self._open(token.number, _Stream(token), after, receive, send)

    async def follow(
        self,
        key: str,
        encode: Callable[[int, dict[str, Any]], bytes],
        after: int | None,
        receive: Receive,
        send: Send,
        read: ReadNews | None = None,
    ) -> None:
        """Send events to a page, which connects again after a minute: its session is checked then.

        :param key: of the person
        :param read: returns what follows a position; None: the events of the fleet
        """
        stream = _Stream(None, encode, time.monotonic() + _PAGE_S, read)
        await self._open(key, stream, after, receive, send)

    async def _open(
        self, key: int | str, stream: _Stream, after: int | None, receive: Receive, send: Send
    ) -> None:
        if not self._by_token.acquire(key):
            detail = f"a token or person may open {MOST_STREAMS_EACH} streams"
            raise too_many("streams", detail, 30)
        try:
            if not self._by_token.acquire(_TOTAL, MOST_STREAMS):
                raise too_many("streams", "too many event streams are open", 30)
            try:
                if after is None:
                    after = await run_in_threadpool(self._last_position)
                await self._serve(stream, after, receive, send)
            finally:
                self._by_token.release(_TOTAL)
        finally:
            self._by_token.release(key)

    async def _serve(self, stream: _Stream, after: int, receive: Receive, send: Send) -> None:
        async def watch() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass
            stream.end()

        async def write(text: bytes, *, more: bool = True) -> None:
            await send({"type": "http.response.body", "body": text, "more_body": more})

        fields = [(b"content-type", b"text/event-stream"), (b"x-accel-buffering", b"no")]
        await send({"type": "http.response.start", "status": 200, "headers": fields})
        watching = asyncio.create_task(watch())
        self._streams.add(stream)
        try:
            await write(b": modemagent registry\n\n")
            while not self._has_ended(stream):
                stream.wake.clear()
                page = await self._page_after(stream.read, after)
                for position, event in page.events:
                    after = position
                    await write(page.encoded(position, event, stream))
                    if self._has_ended(stream):
                        break
                if not page.events and not await _is_set_within(stream.wake.wait(), stream.wait_s):
                    await write(b": keep-alive\n\n")
            await write(b"", more=False)
        finally:
            self._streams.discard(stream)
            watching.cancel()

    def _has_ended(self, stream: _Stream) -> bool:
        return stream.is_ended or self.is_closing or time.monotonic() > stream.ends_at_s

    async def _page_after(self, read: ReadNews | None, after: int) -> _Page:
        """Return the events after a position, with one query for all streams that wait for it."""
        key = read, after
        query = self._queries.get(key)
        if query is None:
            query = asyncio.create_task(run_in_threadpool(self._read_page, read, after))
            self._queries[key] = query
            query.add_done_callback(lambda done: self._forget_query(key, done))
        return await asyncio.shield(query)

    def _forget_query(self, key: tuple[ReadNews | None, int], done: asyncio.Task[_Page]) -> None:
        if self._queries.get(key) is done:
            del self._queries[key]

    async def _check_tokens(self) -> None:
        """End the streams whose tokens are not valid any more."""
        while True:
            await asyncio.sleep(_TOKENS_CHECKED_EVERY_S)
            numbers = {one.token.number for one in self._streams if one.token is not None}
            if not numbers:
                continue
            try:
                valid = await self._tokens.valid_numbers(numbers)
            except SQLAlchemyError as error:
                log.error("the tokens of event streams were not checked: %s", error)
                continue
            for one in self._streams:
                if one.token is not None and one.token.number not in valid:
                    one.end()

    def _wake(self) -> None:
        # a query that has begun may not see the commit
        self._queries.clear()
        for one in self._streams:
            one.wake.set()

    def _last_position(self) -> int:
        with self._database.reading() as connection:
            return reader.last_position(connection)

    def _read_page(self, read: ReadNews | None, after: int) -> _Page:
        with self._database.reading() as connection:
            if read is not None:
                return _Page(read(connection, after))
            return _Page(reader.event_rows(connection, limit=_EVENTS_PER_QUERY, after=after))


class _Page:
    """Events that follow a position, encoded once for masked and once for full tokens."""

    def __init__(self, events: list[tuple[int, dict[str, Any]]]) -> None:
        self.events = events
        self._encoded: dict[tuple[int, bool], bytes] = {}

    def encoded(self, position: int, event: dict[str, Any], stream: _Stream) -> bytes:
        if stream.encode is not None:
            return stream.encode(position, event)
        token = stream.token
        assert token is not None  # noqa: S101 - a stream has one of both
        key = position, token.full_ids
        if token.full_ids:
            acts.show_in_full(event)
        if key not in self._encoded:
            body = json.dumps(redact_for(event, token), separators=(",", ":"))
            text = f"id: {position}\nevent: {event['type']}\ndata: {body}\n\n"
            self._encoded[key] = text.encode("ascii")
        return self._encoded[key]


async def _is_set_within(wait: Awaitable[bool], seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            return await wait
    except TimeoutError:
        return False


def _position(query: bytes, headers: Mapping[bytes, bytes]) -> int | None:
    """Return the position after which to start, or None to start with new events."""
    last = headers.get(b"last-event-id", b"")
    if last.isdigit() and len(last) < 19:
        return int(last)
    values = parse_qs(query.decode("latin-1"), keep_blank_values=True).get("after", [])
    if not values:
        return None
    text = values[-1]
    if text.isascii() and text.isdecimal() and len(text) < 20 and int(text) <= HIGHEST_POSITION:
        return int(text)
    raise ProblemDetails(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "invalid_request",
        f"query.after: must be an integer from 0 to {HIGHEST_POSITION}",
    )
