"""Requests as they come in from one client: lines with a limit in length and in time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from modemagent.errors import UsageError

LONGEST_REQUEST: Final = 64 * 1024
FIRST_REQUEST_S: Final = 30.0
"""For a client that has just come to say what it wants."""

NEXT_REQUEST_S: Final = 600.0
"""For a client that has asked before and holds nothing open."""

_WHOLE_LINE_S: Final = 10.0
"""For a line that has begun to end."""


class LineReader:
    """Reads ahead, so that the client's going is seen while its request is worked on.

    :ivar ended: set when the client will say no more
    """

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self.ended = asyncio.Event()
        self._reader = reader
        self._received = bytearray()
        self._more = asyncio.Event()
        self._room = asyncio.Event()
        self._pump = asyncio.ensure_future(self._read_on())

    def close(self) -> None:
        self._pump.cancel()

    async def line(self, limit_s: float | None) -> bytes | None:
        """Return the next line, None when there is none any more.

        :param limit_s: seconds until it must have begun; None for no limit
        :raises UsageError: it is too long
        :raises TimeoutError: it does not come, or does not end
        """
        async with asyncio.timeout(limit_s):
            await self._until(lambda: bool(self._received))
        if not self._received:
            return None
        async with asyncio.timeout(_WHOLE_LINE_S):
            await self._until(lambda: b"\n" in self._received)
        # what is left when the client ends without a line end is a line as well
        line, _, rest = bytes(self._received).partition(b"\n")
        if len(line) > LONGEST_REQUEST:
            raise UsageError(f"a request holds at most {LONGEST_REQUEST} bytes")
        self._received = bytearray(rest)
        self._room.set()
        return line

    async def _until(self, there: Callable[[], bool]) -> None:
        """Wait until it is so, or nothing more can come that would make it so."""
        while not (there() or self.ended.is_set() or len(self._received) > LONGEST_REQUEST):
            self._more.clear()
            await self._more.wait()

    async def _read_on(self) -> None:
        try:
            while data := await self._reader.read(4096):
                self._received += data
                self._more.set()
                while len(self._received) > LONGEST_REQUEST:
                    self._room.clear()
                    await self._room.wait()
        except OSError:
            pass  # an end like any other
        finally:
            self.ended.set()
            self._more.set()
