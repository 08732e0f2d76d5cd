"""The writer thread: stores received batches, all that are queued in one transaction.

Requests of many gateways arrive at once, and each commit costs a sync to disk. The thread therefore
takes every batch in the queue, stores them in one transaction and acknowledges them after the
commit, so nothing is acknowledged that a power cut could lose.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from queue import Empty, SimpleQueue

from modemagent.registry.store.engine import Database, now_ms
from modemagent.registry.store.writer import Arrival, ReceiptStatus, record

_MOST_REPORTS = 2000  # in one transaction; the batch that reaches it is stored in full
_MOST_PENDING = 256  # batches in the queue
_RETRY_AFTER_S = 5.0

Statuses = Future[list[ReceiptStatus]]
Batch = tuple[Sequence[Arrival], Statuses]


class Ingest:
    """A thread that stores received reports.

    :param on_events: called in that thread after each commit that added events
    """

    def __init__(self, database: Database, on_events: Callable[[], None] = lambda: None) -> None:
        self._database = database
        self._on_events = on_events
        self._queue: SimpleQueue[Batch | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="registry-writer", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Store what was submitted, then end the thread."""
        self._queue.put(None)
        self._thread.join()

    @property
    def pending(self) -> int:
        """Number of batches that wait for the writer."""
        return self._queue.qsize()

    def retry_after_s(self) -> float | None:
        """Return the seconds after which to send reports again if the queue is full, else None."""
        return _RETRY_AFTER_S if self.pending >= _MOST_PENDING else None

    def submit(self, arrivals: Sequence[Arrival]) -> Statuses:
        """Queue a batch; the future returns one status per report after the commit."""
        statuses: Statuses = Future()
        self._queue.put((arrivals, statuses))
        return statuses

    def _run(self) -> None:
        while (first := self._queue.get()) is not None:
            batches, size = [first], len(first[0])
            while size < _MOST_REPORTS:
                try:
                    batch = self._queue.get_nowait()
                except Empty:
                    break
                if batch is None:
                    self._queue.put(None)  # ends the outer loop
                    break
                batches.append(batch)
                size += len(batch[0])
            error = self._record(batches)
            for batch in batches if error else ():
                # stored one by one, so that the error of one request does not fail the others
                if len(batches) == 1 or (error := self._record([batch])):
                    batch[1].set_exception(error)

    def _record(self, batches: Sequence[Batch]) -> Exception | None:
        """Store batches in one transaction; return the error if nothing was stored."""
        arrivals = [arrival for some, _ in batches for arrival in some]
        try:
            with self._database.writing() as connection:
                statuses, events_changed = record(connection, arrivals, now_ms())
        except Exception as error:  # noqa: BLE001 - every request must get a response
            return error
        found = iter(statuses)
        for some, future in batches:
            future.set_result([next(found) for _ in some])
        if events_changed:
            self._on_events()
        return None
