"""What a simulated modem is about to send: bytes with the moment at which they leave."""

from __future__ import annotations

import heapq
from collections import deque

from modemagent.simulator.faults import Faults

_CHUNK_GAP_S = 0.001
#: A flood that nobody reads is thrown away beyond this, as a UART would.
_LIMIT = 256 * 1024


class TransmitQueue:
    """Bytes in order of sending, shaped by the wire faults: line ends, chunks, pacing.

    :ivar vanish_at: when the modem disappears, None while it stays
    """

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._pending: deque[tuple[float, bytes]] = deque()
        self._timed: list[tuple[float, int, bytes]] = []
        self._serial = 0
        self._size = 0
        self._sent = 0
        self.vanish_at: float | None = None

    def clear(self) -> None:
        self._pending.clear()
        self._timed.clear()
        self._size = 0
        self._sent = 0
        self.vanish_at = None

    @property
    def empty(self) -> bool:
        return not self._pending

    @property
    def free_at(self) -> float:
        """When the last of the pending bytes leaves; 0 if there are none."""
        return self._pending[-1][0] if self._pending else 0.0

    def send(self, data: bytes, at: float) -> None:
        """Queue bytes behind whatever is queued, to leave at ``at`` or as soon as possible."""
        if not data or self._size > _LIMIT:
            return
        if "lf-only" in self._faults:
            data = data.replace(b"\r\n", b"\n")
        elif "cr-only" in self._faults:
            data = data.replace(b"\r\n", b"\r")
        size, gap_s = self._pace(len(data))
        at = max(at, self.free_at)
        for start in range(0, len(data), size):
            chunk = data[start : start + size]
            self._pending.append((at, chunk))
            self._size += len(chunk)
            at += gap_s

    def later(self, data: bytes, at: float) -> None:
        """Keep bytes for a given moment; they do not hold back what is sent meanwhile."""
        self._serial += 1
        heapq.heappush(self._timed, (at, self._serial, data))

    def vanish(self, at: float) -> None:
        """Let the modem disappear once what is queued has left."""
        self.vanish_at = max(at, self.free_at)

    def take(self, now: float) -> bytes:
        """Return what leaves up to ``now``."""
        while self._timed and self._timed[0][0] <= now:
            at, _, data = heapq.heappop(self._timed)
            self.send(data, at)
        out = bytearray()
        while self._pending and self._pending[0][0] <= now:
            out += self._pending.popleft()[1]
        self._size -= len(out)
        return self._up_to_vanishing(bytes(out), now)

    @property
    def wake_at(self) -> float | None:
        """When something is due next."""
        times = [queue[0][0] for queue in (self._pending, self._timed) if queue]
        if self.vanish_at is not None:
            times.append(self.vanish_at)
        return min(times, default=None)

    def _up_to_vanishing(self, data: bytes, now: float) -> bytes:
        if "vanish-byte" in self._faults:
            left = int(self._faults.number("vanish-byte")) - self._sent
            if len(data) >= left:
                data = data[: max(0, left)]
                self.vanish_at = now
                self._pending.clear()
        self._sent += len(data)
        return data

    def _pace(self, length: int) -> tuple[int, float]:
        if "baud" in self._faults:
            baud = max(1.0, self._faults.number("baud"))
            size = max(1, int(baud // 9600))
            return size, size * 10 / baud
        if "chunk" in self._faults:
            return max(1, int(self._faults.number("chunk"))), _CHUNK_GAP_S
        return max(1, length), 0.0
