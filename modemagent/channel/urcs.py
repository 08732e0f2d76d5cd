"""Unsolicited lines on their way to whoever watches a modem."""

from __future__ import annotations

import asyncio
from typing import Final

LIMIT: Final = 256


class Urcs:
    """The unsolicited lines of one port, oldest first: ``async for line in channel.urcs``.

    Bounded: when nobody takes them, the oldest go and are counted. Iteration ends when the
    port is closed and everything has been taken.

    :ivar dropped: lines lost so far because nobody took them
    """

    def __init__(self, *, limit: int = LIMIT) -> None:
        self.dropped = 0
        # one place more than the limit: the end must always fit in
        self._lines: asyncio.Queue[str | None] = asyncio.Queue(limit + 1)
        self._limit = limit
        self._ended = False

    def put(self, line: str) -> None:
        """Add a line."""
        if self._ended:
            return
        if self._lines.qsize() >= self._limit:
            self._lines.get_nowait()
            self.dropped += 1
        self._lines.put_nowait(line)

    def end(self) -> None:
        """No more lines will come."""
        if not self._ended:
            self._ended = True
            self._lines.put_nowait(None)

    def __aiter__(self) -> Urcs:
        return self

    async def __anext__(self) -> str:
        line = await self._lines.get()
        if line is None:
            self._lines.put_nowait(None)  # for the others who wait
            raise StopAsyncIteration
        return line
