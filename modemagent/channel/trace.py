"""Wire trace: every chunk of bytes sent and received, for logs and for ``record``."""

from __future__ import annotations

import time
from collections import deque
from typing import Final, Literal, NamedTuple, Protocol

Direction = Literal["sent", "received"]

LIMIT: Final = 1024 * 1024


class Trace(Protocol):
    """A callback for every chunk, in the order the chunks cross the port.

    It runs in the thread that serves the port (the event loop's for :class:`AsyncChannel`), so it
    must return at once and must not raise. The bytes hold identifiers: mask them before logging.
    """

    def __call__(self, port: str, direction: Direction, data: bytes) -> None:
        """Take one chunk.

        :param port: as the user named it
        """


class Chunk(NamedTuple):
    """Bytes that were read or written by one call.

    :param at_s: monotonic seconds
    """

    at_s: float
    port: str
    direction: Direction
    data: bytes


class Recorder:
    """A trace that keeps the newest chunks, up to 1 MiB.

    >>> recorder = Recorder()
    >>> recorder("/dev/ttyUSB2", "sent", b"AT\\r")
    >>> [(chunk.direction, chunk.data) for chunk in recorder.chunks]
    [('sent', b'AT\\r')]
    """

    def __init__(self, *, limit: int = LIMIT) -> None:
        self.chunks: deque[Chunk] = deque()
        self._limit = limit
        self._size = 0

    def __call__(self, port: str, direction: Direction, data: bytes) -> None:
        self.chunks.append(Chunk(time.monotonic(), port, direction, data))
        self._size += len(data)
        while self._size > self._limit:
            self._size -= len(self.chunks.popleft().data)
