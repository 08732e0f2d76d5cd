"""Background work of a registry process.

Held events are published, units with many readings related, old key pages and partitions deleted,
and notifications of other processes received.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from sqlalchemy.exc import SQLAlchemyError

from modemagent.registry.store import upkeep
from modemagent.registry.store.engine import Database
from modemagent.registry.store.recorder import Recorder

log = logging.getLogger(__name__)

_PUBLISH_EVERY_S = 5.0
_TIDY_EVERY_S = 3600.0
_RECONNECT_S = 1.0


class Housekeeper:
    """Two threads: one for timed work, and on PostgreSQL one that waits for other processes.

    :param on_events: called when events were published here or by another process
    :param keep_bodies_days: how long bodies of reports are kept; None: without limit
    """

    def __init__(
        self,
        database: Database,
        recorder: Recorder,
        on_events: Callable[[], None],
        keep_bodies_days: int | None = None,
    ) -> None:
        self._keep_bodies_days = keep_bodies_days
        self._database = database
        self._recorder = recorder
        self._on_events = on_events
        self._stopping = threading.Event()
        works = [self._work] if database.is_sqlite else [self._work, self._listen]
        self._threads = [
            threading.Thread(target=one, name=f"registry{one.__name__}", daemon=True)
            for one in works
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End the threads after the work in progress."""
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        tidied = -_TIDY_EVERY_S
        while not self._stopping.wait(_PUBLISH_EVERY_S):
            try:
                related = self._recorder.relate_due()
                if self._recorder.publish_due() or related:
                    self._on_events()
                if time.monotonic() - tidied >= _TIDY_EVERY_S:
                    upkeep.tidy(self._database)
                    if self._keep_bodies_days is not None:
                        upkeep.delete_bodies(self._database, self._keep_bodies_days)
                    tidied = time.monotonic()
            except SQLAlchemyError as error:
                log.error("background work failed and is tried again: %s", type(error).__name__)

    def _listen(self) -> None:
        while not self._stopping.is_set():
            try:
                upkeep.listen(self._database, self._on_events, self._stopping)
            except Exception as error:  # noqa: BLE001 - without it streams only wait longer
                log.error("no notifications from the database: %s", type(error).__name__)
                self._stopping.wait(_RECONNECT_S)
