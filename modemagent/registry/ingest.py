"""The writer thread: stores received batches, all that are queued in one transaction.

Requests of many gateways arrive at once, and each commit costs a sync to disk. The thread therefore
takes every batch in the queue, stores them in one transaction and acknowledges them after the
commit, so nothing is acknowledged that a power cut could lose. The queue is bounded: what it cannot
take is refused with the time after which it will have room.

Each change of threads costs more than to store a report. The event loop therefore hands over what
arrived in one turn of it together, and gets the results of a transaction together.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import NamedTuple

from modemagent.registry.store.intake.arrivals import Arrival, ReportResult
from modemagent.registry.store.intake.recorder import Recorder

_MOST_BATCHES = 64  # in one transaction
_MOST_TOGETHER = 2000  # reports in one transaction; the batch that reaches it is stored in full
#: How long the thread waits for more batches if fewer reports have arrived: a report costs a third
#: of the processor time if eight are stored together.
_GATHER_S, _FEW = 0.002, 32
_MOST_QUEUED = 2000  # reports; a queue that is empty takes a batch of any size
_MOST_BYTES = 32 * 1024 * 1024
_FIRST_RATE = 1000.0  # reports per second, until it is measured
_LONGEST_RETRY_S = 60.0

Receipts = asyncio.Future[list[ReportResult]]


class Busy(Exception):
    """The queue is full.

    :param retry_after_s: time after which it will have room, by the measured rate
    """

    def __init__(self, retry_after_s: float) -> None:
        super().__init__("the queue of received reports is full")
        self.retry_after_s = retry_after_s


class _QueuedBatch(NamedTuple):
    """A batch that waits to be stored.

    :param size: of its reports in bytes
    """

    arrivals: Sequence[Arrival]
    receipts: Receipts
    size: int


_Stored = list[tuple[_QueuedBatch, list[ReportResult] | Exception]]


class Ingest:
    """A thread that stores received reports; used in the event loop that has started it.

    :param on_events: called in that thread after each commit that added events
    """

    def __init__(self, recorder: Recorder, on_events: Callable[[], None] = lambda: None) -> None:
        self._recorder = recorder
        self._on_events = on_events
        self._inbox: SimpleQueue[list[_QueuedBatch] | None] = SimpleQueue()
        self._arrived: list[_QueuedBatch] = []  # in this turn of the event loop
        self._waiting: deque[_QueuedBatch] = deque()  # of the thread
        self._together = 0  # batches in the last transaction
        self._batches = self._reports = self._bytes = 0  # that have no receipts yet
        self._rate = _FIRST_RATE
        self._thread = threading.Thread(target=self._run, name="registry-writer", daemon=True)

    def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    def stop(self) -> None:
        """Store what was submitted, then end the thread."""
        self._inbox.put(None)
        self._thread.join()

    @property
    def pending(self) -> int:
        """Number of batches that wait for the writer or are being stored."""
        return self._batches

    @property
    def rate(self) -> float:
        """Reports stored per second, lately, while there were any."""
        return self._rate

    def retry_after_s(self) -> float | None:
        """Return after how many seconds the queue will have room; None if it has."""
        if self._reports < _MOST_QUEUED and self._bytes < _MOST_BYTES:
            return None
        return min(max(self._reports / self._rate, 1.0), _LONGEST_RETRY_S)

    def submit(self, arrivals: Sequence[Arrival]) -> Receipts:
        """Queue a batch; the future returns one receipt per report after the commit.

        :raises Busy: the queue is full
        """
        if (wait_s := self.retry_after_s()) is not None:
            raise Busy(wait_s)
        size = sum(len(one.envelope.raw) for one in arrivals)
        batch = _QueuedBatch(arrivals, self._loop.create_future(), size)
        if not self._arrived:
            self._loop.call_soon(self._hand_over)
        self._arrived.append(batch)
        self._count(batch, 1)
        return batch.receipts

    def _hand_over(self) -> None:
        self._inbox.put(self._arrived)
        self._arrived = []

    def _count(self, batch: _QueuedBatch, sign: int) -> None:
        self._batches += sign
        self._reports += sign * len(batch.arrivals)
        self._bytes += sign * batch.size

    def _acknowledge(self, stored: _Stored, seconds: float) -> None:
        """Set the receipts of batches; called in the event loop."""
        count = 0
        for batch, result in stored:
            count += len(batch.arrivals)
            self._count(batch, -1)
            if batch.receipts.cancelled():
                continue
            if isinstance(result, Exception):
                batch.receipts.set_exception(result)
            else:
                batch.receipts.set_result(result)
        self._rate += (count / max(seconds, 0.0001) - self._rate) * min(1.0, count / 500)

    def _run(self) -> None:
        while batches := self._take():
            started = time.monotonic()
            stored = self._record(batches)
            seconds = time.monotonic() - started
            with contextlib.suppress(RuntimeError):  # the event loop was closed by force
                self._loop.call_soon_threadsafe(self._acknowledge, stored, seconds)

    def _take(self) -> list[_QueuedBatch]:
        """Wait for batches and return those to store in one transaction; none: stop."""
        waiting = self._waiting
        if self._together > 1:
            self._gather()
        with contextlib.suppress(Empty):
            while (arrived := self._inbox.get(block=not waiting)) is not None:
                waiting += arrived
            self._inbox.put(None)  # found again when all are stored
        batches: list[_QueuedBatch] = []
        size = 0
        while waiting and len(batches) < _MOST_BATCHES and size < _MOST_TOGETHER:
            batches.append(waiting.popleft())
            size += len(batches[-1].arrivals)
        self._together = len(batches)
        return batches

    def _gather(self) -> None:
        """Let more batches arrive, as several clients send at a time."""
        if not self._waiting:
            arrived = self._inbox.get()
            if arrived is None:
                self._inbox.put(None)
                return
            self._waiting += arrived
        if sum(len(one.arrivals) for one in self._waiting) < _FEW:
            time.sleep(_GATHER_S)

    def _record(self, batches: Sequence[_QueuedBatch]) -> _Stored:
        """Store batches in one transaction, or else each in its own.

        The error of one request must not fail the others.
        """
        arrivals = [arrival for batch in batches for arrival in batch.arrivals]
        try:
            receipts, events_changed = self._recorder.record(arrivals)
        except Exception as error:  # noqa: BLE001 - every request must get a response
            if len(batches) == 1:
                return [(batches[0], error)]
            return [one for batch in batches for one in self._record([batch])]
        if events_changed:
            self._on_events()
        found = iter(receipts)
        return [(batch, [next(found) for _ in batch.arrivals]) for batch in batches]
