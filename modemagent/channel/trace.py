"""The wire trace: every byte that crossed a port, for logs and for ``record``."""

from __future__ import annotations

import time
from collections import deque
from typing import Final, Literal, Protocol

Direction = Literal["sent", "received"]

LIMIT: Final = 1024 * 1024


class Trace(Protocol):
    """Told of every chunk in the moment it crosses, in the order it crosses.

    Called wherever the port is served (the loop's thread in the async door), so it must return
    at once and must not raise. The bytes hold identifiers: a log masks them first.
    """

    def __call__(self, port: str, direction: Direction, data: bytes) -> None:
        """Take one chunk.

        :param port: as the user named it
        """


class Chunk:
    """Bytes that crossed at once.

    :param at_s: monotonic seconds
    """

    __slots__ = ("at_s", "data", "direction", "port")

    def __init__(self, at_s: float, port: str, direction: Direction, data: bytes) -> None:
        self.at_s = at_s
        self.port = port
        self.direction = direction
        self.data = data

    def __repr__(self) -> str:
        return f"Chunk({self.at_s:.3f}, {self.port!r}, {self.direction!r}, {self.data!r})"


class Recorder:
    """A trace that is kept: the newest chunks, 1 MiB of bytes at most.

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
