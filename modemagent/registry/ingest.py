"""The way in: one writer that takes what waits, in one transaction.

Requests of many gateways arrive at once; each commit costs a sync to disk. So the writer takes
everything that is waiting, stores it in one transaction, and answers all of them after the commit:
nothing is acknowledged that a power cut could still take.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from queue import Empty, SimpleQueue

from modemagent.registry.store.engine import Database, now_ms
from modemagent.registry.store.writer import Arrival, ReceiptStatus, record

_MOST_AT_ONCE = 2000

Answer = Future[list[ReceiptStatus]]


class Ingest:
    """A thread that records arrivals.

    :param on_events: called in that thread after a commit that brought events
    """

    def __init__(self, database: Database, on_events: Callable[[], None] = lambda: None) -> None:
        self._database = database
        self._on_events = on_events
        self._waiting: SimpleQueue[tuple[Sequence[Arrival], Answer] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="registry-writer", daemon=True)
        self.recorded = dict.fromkeys(ReceiptStatus, 0)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Finish what was submitted, then end."""
        self._waiting.put(None)
        self._thread.join()

    def submit(self, arrivals: Sequence[Arrival]) -> Answer:
        """Queue a batch; the future holds one status per arrival, once they are on disk."""
        answer: Answer = Future()
        self._waiting.put((arrivals, answer))
        return answer

    def _run(self) -> None:
        while (first := self._waiting.get()) is not None:
            batch = [first]
            size = len(first[0])
            ends = False
            while size < _MOST_AT_ONCE:
                try:
                    more = self._waiting.get_nowait()
                except Empty:
                    break
                if more is None:
                    ends = True
                    break
                batch.append(more)
                size += len(more[0])
            if not self._record(batch) and len(batch) > 1:
                # one request's failure must not become its neighbours'
                for one in batch:
                    self._record([one], last=True)
            if ends:
                return

    def _record(
        self, batch: Sequence[tuple[Sequence[Arrival], Answer]], *, last: bool = False
    ) -> bool:
        arrivals = [arrival for some, _ in batch for arrival in some]
        try:
            with self._database.writing() as connection:
                statuses, events = record(connection, arrivals, now_ms())
        except Exception as error:  # noqa: BLE001 - whatever it is, the requests must be answered
            if last or len(batch) == 1:
                for _, answer in batch:
                    answer.set_exception(error)
            return False
        at = 0
        for some, answer in batch:
            answer.set_result(statuses[at : at + len(some)])
            at += len(some)
        for status in statuses:
            self.recorded[status] += 1
        if events:
            self._on_events()
        return True
