"""The writer thread: stores received batches, all that are queued in one transaction.

Requests of many gateways arrive at once, and each commit costs a sync to disk. The thread therefore
takes every batch in the queue, stores them in one transaction and acknowledges them after the
commit, so nothing is acknowledged that a power cut could lose. The queue is bounded: what it cannot
take is refused with the time after which it will have room.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future

from modemagent.registry.store.record import Arrival, ReportResult
from modemagent.registry.store.recorder import Recorder

_MOST_BATCHES = 64  # in one transaction
_MOST_TOGETHER = 2000  # reports in one transaction; the batch that reaches it is stored in full
_MOST_QUEUED = 2000  # reports; a queue that is empty takes a batch of any size
_MOST_BYTES = 32 * 1024 * 1024
_FIRST_RATE = 1000.0  # reports per second, until it is measured
_LONGEST_RETRY_S = 60.0

Receipts = Future[list[ReportResult]]


class Busy(Exception):
    """The queue is full.

    :param retry_after_s: time after which it will have room, by the measured rate
    """

    def __init__(self, retry_after_s: float) -> None:
        super().__init__("the queue of received reports is full")
        self.retry_after_s = retry_after_s


class _Waiting:
    __slots__ = ("arrivals", "receipts", "size")

    def __init__(self, arrivals: Sequence[Arrival]) -> None:
        self.arrivals = arrivals
        self.receipts: Receipts = Future()
        self.size = sum(len(one.envelope.raw) for one in arrivals)


class Ingest:
    """A thread that stores received reports.

    :param on_events: called in that thread after each commit that added events
    """

    def __init__(self, recorder: Recorder, on_events: Callable[[], None] = lambda: None) -> None:
        self._recorder = recorder
        self._on_events = on_events
        self._queue: deque[_Waiting] = deque()
        self._reports = 0  # queued or being stored
        self._bytes = 0
        self._rate = _FIRST_RATE
        self._changed = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="registry-writer", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Store what was submitted, then end the thread."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._thread.join()

    @property
    def pending(self) -> int:
        """Number of batches that wait for the writer."""
        return len(self._queue)

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
        batch = _Waiting(arrivals)
        with self._changed:
            if (wait_s := self.retry_after_s()) is not None:
                raise Busy(wait_s)
            self._queue.append(batch)
            self._reports += len(arrivals)
            self._bytes += batch.size
            self._changed.notify()
        return batch.receipts

    def _run(self) -> None:
        while batches := self._take():
            started = time.monotonic()
            error = self._record(batches)
            for batch in batches if error else ():
                # stored one by one, so that the error of one request does not fail the others
                if len(batches) == 1 or (error := self._record([batch])):
                    batch.receipts.set_exception(error)
            count = sum(len(batch.arrivals) for batch in batches)
            with self._changed:
                self._reports -= count
                self._bytes -= sum(batch.size for batch in batches)
                measured = count / max(time.monotonic() - started, 0.0001)
                self._rate += (measured - self._rate) * min(1.0, count / 500)

    def _take(self) -> list[_Waiting]:
        """Wait for batches and return those to store in one transaction; none: stop."""
        with self._changed:
            while not self._queue and not self._stopping:
                self._changed.wait()
            batches: list[_Waiting] = []
            size = 0
            while self._queue and len(batches) < _MOST_BATCHES and size < _MOST_TOGETHER:
                batches.append(self._queue.popleft())
                size += len(batches[-1].arrivals)
            return batches

    def _record(self, batches: Sequence[_Waiting]) -> Exception | None:
        """Store batches in one transaction; return the error if nothing was stored."""
        arrivals = [arrival for batch in batches for arrival in batch.arrivals]
        try:
            receipts, events_changed = self._recorder.record(arrivals)
        except Exception as error:  # noqa: BLE001 - every request must get a response
            return error
        found = iter(receipts)
        for batch in batches:
            batch.receipts.set_result([next(found) for _ in batch.arrivals])
        if events_changed:
            self._on_events()
        return None
