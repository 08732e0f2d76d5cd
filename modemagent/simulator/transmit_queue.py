"""Transmit queue of a simulated modem: bytes with the time at which they are sent."""

from __future__ import annotations

import heapq
from collections import deque

from modemagent.simulator.faults import Faults

_CHUNK_GAP_S = 0.001
#: An unread flood beyond this many bytes is discarded, as by a UART.
_LIMIT = 256 * 1024


class TransmitQueue:
    """Bytes in the order of sending, shaped by the wire faults: line ends, chunks, pacing.

    :ivar vanish_at: when the modem disappears, None if it stays
    """

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._pending: deque[tuple[float, bytes]] = deque()
        self._timed: list[tuple[float, int, bytes]] = []
        self._serial = 0
        self.clear()

    def clear(self) -> None:
        self._pending.clear()
        self._timed.clear()
        self._size = 0
        self._sent = 0
        self.vanish_at: float | None = None

    @property
    def free_at(self) -> float:
        """When the last of the pending bytes is sent; 0 if there are none."""
        return self._pending[-1][0] if self._pending else 0.0

    def send(self, data: bytes, at: float) -> None:
        """Queue bytes behind all others, to be sent at ``at`` or as soon as possible after it."""
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

    def send_at(self, data: bytes, at: float) -> None:
        """Keep bytes until a given time without delaying those sent meanwhile."""
        self._serial += 1
        heapq.heappush(self._timed, (at, self._serial, data))

    def vanish(self, at: float) -> None:
        """Let the modem disappear once the queued bytes have been sent."""
        self.vanish_at = max(at, self.free_at)

    def take(self, now: float) -> bytes:
        """Return the bytes to send up to ``now``."""
        while self._timed and self._timed[0][0] <= now:
            at, _, data = heapq.heappop(self._timed)
            self.send(data, at)
        out = bytearray()
        while self._pending and self._pending[0][0] <= now:
            out += self._pending.popleft()[1]
        self._size -= len(out)
        if "vanish-byte" in self._faults:
            left = int(self._faults.number("vanish-byte")) - self._sent
            if len(out) >= left:
                del out[max(0, left) :]
                self.vanish_at = now
                self._pending.clear()
        self._sent += len(out)
        return bytes(out)

    @property
    def wake_at(self) -> float | None:
        """When the next bytes are due."""
        times = [queue[0][0] for queue in (self._pending, self._timed) if queue]
        if self.vanish_at is not None:
            times.append(self.vanish_at)
        return min(times, default=None)

    def _pace(self, length: int) -> tuple[int, float]:
        if "baud" in self._faults:
            baud = max(1.0, self._faults.number("baud"))
            size = max(1, int(baud // 9600))
            return size, size * 10 / baud
        if "chunk" in self._faults:
            return max(1, int(self._faults.number("chunk"))), _CHUNK_GAP_S
        return max(1, length), 0.0
