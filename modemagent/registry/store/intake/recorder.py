"""Transactions that store reports, repeated if another worker was in the way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from sqlalchemy.exc import OperationalError

from modemagent.registry.store.database.engine import Database
from modemagent.registry.store.intake.arrivals import Arrival, ReportResult
from modemagent.registry.store.intake.batch import Batch, Contested
from modemagent.registry.store.intake.record import record

_ATTEMPTS = 5

T = TypeVar("T")


class Recorder:
    """Stores reports in a database.

    :param hold_back_ms: how long an event waits for missing numbers below its report
    """

    def __init__(self, database: Database, hold_back_ms: int = 3_600_000) -> None:
        self._database = database
        self._hold_back_ms = hold_back_ms

    def record(self, arrivals: Sequence[Arrival]) -> tuple[list[ReportResult], bool]:
        """Store reports; return one receipt for each, and True if events were published."""
        results, batch = self.run(lambda batch: (record(batch, arrivals), batch))
        if batch.late:
            self._database.workload.late(batch.late)
        return results, batch.events_changed

    def run(self, work: Callable[[Batch], T]) -> T:
        """Return the result of work in a transaction, repeated if another worker was in the way."""
        for attempt in range(_ATTEMPTS):
            try:
                with self._database.writing() as connection:
                    return work(
                        self._database.new_batch(connection, hold_back_ms=self._hold_back_ms)
                    )
            except Contested:
                if attempt == _ATTEMPTS - 1:
                    raise
            except OperationalError as error:
                # PostgreSQL ends one of two transactions that wait for each other; after a lost
                # connection it is unknown whether the reports were stored, but they may be again
                may_repeat = error.connection_invalidated or "deadlock" in str(error)
                if not may_repeat or attempt == _ATTEMPTS - 1:
                    raise
        raise AssertionError("unreachable")
