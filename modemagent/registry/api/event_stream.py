"""Events as they happen: server-sent events.

The stream follows the positions in the store, so a client that reconnects with ``Last-Event-ID``
misses nothing; the wake-up after a commit only saves waiting.
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
from modemagent.registry.store import reader
from modemagent.registry.store.engine import Database
from modemagent.registry.store.tokens import Scope, Token

_KEEP_ALIVE_S = 15.0
_AT_ONCE = 200

router = APIRouter(prefix="/api/v1", tags=["fleet"])


class Notifier:
    """Wakes the streams after a commit; may be rung from any thread."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: set[asyncio.Event] = set()
        self.closing = False

    def hang_in(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def ring(self) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake)

    def close(self) -> None:
        """End all streams; call it in the loop."""
        self.closing = True
        self._wake()

    def _wake(self) -> None:
        for event in self._waiting:
            event.set()

    async def wait(self, event: asyncio.Event, timeout_s: float) -> bool:
        """Wait for the bell; return False when the time was over first."""
        try:
            async with asyncio.timeout(timeout_s):
                await event.wait()
        except TimeoutError:
            return False
        event.clear()
        return True

    def listen(self) -> asyncio.Event:
        event = asyncio.Event()
        self._waiting.add(event)
        return event

    def leave(self, event: asyncio.Event) -> None:
        self._waiting.discard(event)


@router.get("/events/stream", response_class=StreamingResponse)
async def stream(
    request: Request,
    token: Annotated[Token, Depends(requires(Scope.READ))],
    after: Annotated[int | None, Query(ge=0, le=2**62)] = None,
) -> Response:
    """Follow events from now on, or from ``after`` or ``Last-Event-ID`` (a position)."""
    state = request.app.state
    last = request.headers.get("last-event-id", "")
    if last.isascii() and last.isdecimal() and len(last) < 19:
        after = int(last)
    if after is None:
        after = await run_in_threadpool(_newest, state.database)
    return StreamingResponse(
        _follow(state.database, state.bell, after, token),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _follow(
    database: Database, bell: Notifier, after: int, token: Token
) -> AsyncIterator[str]:
    rung = bell.listen()
    try:
        yield ": modemagent registry\n\n"
        while not bell.closing:
            rows = await run_in_threadpool(_beyond, database, after)
            for position, event in rows:
                after = position
                body = json.dumps(redact_for(event, token), separators=(",", ":"))
                yield f"id: {position}\nevent: {event['type']}\ndata: {body}\n\n"
            if not rows and not await bell.wait(rung, _KEEP_ALIVE_S):
                yield ": still here\n\n"
    finally:
        bell.leave(rung)


def _newest(database: Database) -> int:
    with database.reading() as connection:
        return reader.last_position(connection)


def _beyond(database: Database, after: int) -> list[tuple[int, dict[str, Any]]]:
    with database.reading() as connection:
        return reader.event_rows(connection, limit=_AT_ONCE, after=after)
