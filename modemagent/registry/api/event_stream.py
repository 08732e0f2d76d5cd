"""Server-sent events: the events of the fleet as they are recorded.

The stream follows the positions of events in the database, so a client that reconnects with
``Last-Event-ID`` misses nothing. The notification after a commit only shortens the wait.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from modemagent.registry.api.auth import redact_for, requires
from modemagent.registry.api.documents import PROBLEMS
from modemagent.registry.store import reader
from modemagent.registry.store.engine import Database
from modemagent.registry.store.tokens import Scope, Token

_KEEP_ALIVE_S = 15.0
_EVENTS_PER_QUERY = 200

router = APIRouter(prefix="/api/v1", tags=["fleet"], responses=PROBLEMS)


class Notifier:
    """Wakes the event streams after a commit.

    :param loop: the event loop of the streams
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._subscribers: set[asyncio.Event] = set()
        self.closing = False

    def notify(self) -> None:
        """Wake all streams; safe to call from any thread."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake)

    def close(self) -> None:
        """End all streams; called in the event loop."""
        self.closing = True
        self._wake()

    def _wake(self) -> None:
        for event in self._subscribers:
            event.set()

    def subscribe(self) -> asyncio.Event:
        """Return an event that is set by each notification."""
        event = asyncio.Event()
        self._subscribers.add(event)
        return event

    def unsubscribe(self, event: asyncio.Event) -> None:
        self._subscribers.discard(event)


@router.get("/events/stream", response_class=StreamingResponse)
async def stream(
    request: Request,
    token: Annotated[Token, Depends(requires(Scope.READ))],
    after: Annotated[int | None, Query(ge=0, le=2**62)] = None,
) -> Response:
    """Stream new events, or those that follow the position `after` or `Last-Event-ID`."""
    state = request.app.state
    last = request.headers.get("last-event-id", "")
    if last.isascii() and last.isdecimal() and len(last) < 19:
        after = int(last)
    if after is None:
        after = await run_in_threadpool(_last_position, state.database)
    return StreamingResponse(
        _follow(state.database, state.notifier, after, token),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _follow(
    database: Database, notifier: Notifier, after: int, token: Token
) -> AsyncIterator[str]:
    notified = notifier.subscribe()
    try:
        yield ": modemagent registry\n\n"
        while not notifier.closing:
            notified.clear()
            rows = await run_in_threadpool(_events_after, database, after)
            for position, event in rows:
                after = position
                body = json.dumps(redact_for(event, token), separators=(",", ":"))
                yield f"id: {position}\nevent: {event['type']}\ndata: {body}\n\n"
            if rows or notifier.closing:
                continue
            try:
                async with asyncio.timeout(_KEEP_ALIVE_S):
                    await notified.wait()
            except TimeoutError:
                yield ": keep-alive\n\n"
    finally:
        notifier.unsubscribe(notified)


def _last_position(database: Database) -> int:
    with database.reading() as connection:
        return reader.last_position(connection)


def _events_after(database: Database, after: int) -> list[tuple[int, dict[str, Any]]]:
    with database.reading() as connection:
        return reader.event_rows(connection, limit=_EVENTS_PER_QUERY, after=after)
