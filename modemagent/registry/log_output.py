"""Log messages on stderr that never delay the event loop.

A write to a pipe that is full and not read blocks the writer. Messages are therefore written by a
thread of their own, and dropped while too many wait.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from logging.handlers import QueueHandler, QueueListener
from queue import Full, Queue

_MOST_WAITING = 1000
_FINISHED_WITHIN_S = 1.0


class _BoundedQueueHandler(QueueHandler):
    """Puts messages into a queue; drops those that it cannot take."""

    def enqueue(self, record: logging.LogRecord) -> None:
        with suppress(Full):
            self.queue.put_nowait(record)


@contextmanager
def log_in_background() -> Iterator[None]:
    """Write warnings and errors of this process to stderr in a thread."""
    queue: Queue[logging.LogRecord] = Queue(_MOST_WAITING)
    handler = _BoundedQueueHandler(queue)
    handler.setLevel(logging.WARNING)
    listener = QueueListener(queue, logging.StreamHandler())
    logging.getLogger().addHandler(handler)
    listener.start()
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)
        deadline = time.monotonic() + _FINISHED_WITHIN_S
        while not queue.empty() and time.monotonic() < deadline:
            time.sleep(0.01)
