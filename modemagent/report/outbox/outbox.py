"""The outbox: reports are on disk until the registry has acknowledged them.

Reports that the disk does not take are kept in memory, in order, and written as soon as possible
(:mod:`~modemagent.report.outbox.memory`). :mod:`~modemagent.report.outbox.storage` opens the
database and handles a full or damaged disk. ``docs/durability.md`` states what can be lost.

One lock protects everything: the agent stores reports, the courier's thread removes them, and a
third thread retries what the disk did not take.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from modemagent.errors import OutboxError
from modemagent.logs import Log
from modemagent.report import origin
from modemagent.report.message import JsonObject, Reason, Report
from modemagent.report.outbox.memory import MAX_BUFFERED, MemoryBuffer, PendingReport
from modemagent.report.outbox.records import DeadLetter, QueuedReport, ReportDraft
from modemagent.report.outbox.state_dir import DB_NAME, StateDirLock, quarantined_files
from modemagent.report.outbox.storage import OutboxStorage
from modemagent.report.outbox.stream_identity import StreamIdentity
from modemagent.report.outbox.tables import OutboxTables, as_outbox_error, is_full

T = TypeVar("T")
LIMIT_BYTES = 32 * 1024 * 1024
RETRY_S = 5.0


class Outbox:
    """The queue of one state directory.

    :param state_dir: created with mode 0700 if missing, and locked by this process
    :param gateway_id: sender of the reports; None derives one from the machine id
    :param limit_bytes: limit of the reports on disk, compressed
    :param max_buffered: limit of the reports in memory while the disk takes none
    :param retry_s: interval of attempts to write them
    :raises OutboxError: the directory cannot be used, or another agent has locked it
    """

    def __init__(
        self,
        state_dir: Path,
        *,
        gateway_id: str | None,
        log: Log,
        limit_bytes: int = LIMIT_BYTES,
        max_buffered: int = MAX_BUFFERED,
        retry_s: float = RETRY_S,
    ) -> None:
        self._log = log
        self._mutex = threading.Lock()
        self._closed = threading.Event()
        self._state_dir = state_dir
        self._path = state_dir / DB_NAME
        self._retry_s = retry_s
        self._retrying = False
        self._buffer = MemoryBuffer(max_buffered)
        #: what is wrong, as text; "" if nothing is
        self.error = ""
        #: reports evicted since this object was created
        self.evicted_total = 0
        #: called with the reason of each report once it is stored
        self.on_stored: Callable[[Reason], None] = lambda _: None
        self._lock = StateDirLock(state_dir)
        try:
            self._storage = OutboxStorage(
                state_dir, gateway_id=gateway_id, limit_bytes=limit_bytes, log=log
            )
        except BaseException:
            self._lock.close()
            raise
        self._report_storage()

    @property
    def identity(self) -> StreamIdentity:
        """Gateway, stream and boot of new reports."""
        return self._storage.identity

    # -- for the agent

    def put(
        self, draft: ReportDraft, *, baselines: Mapping[str, JsonObject | None]
    ) -> Report | None:
        """Store a report and the baselines that belong to it; return once both are on disk.

        :param baselines: port -> the reading to compare the next one with, None to remove it
        :returns: None if the disk does not take it now; it is written later
        """
        pending = PendingReport(draft, origin.Moment.now(), baselines)
        with self._using():
            self._count_evicted(self._buffer.add(pending))
            report = self._write_buffered()
        if report is not None:
            self.on_stored(report.reason)
        return report

    def baselines(self) -> dict[str, JsonObject]:
        """Return port -> the last reading stored for it."""
        return self._read(OutboxTables.baselines)

    # -- for the courier

    def batch(self, limit: int) -> list[QueuedReport]:
        """Return the oldest reports, in the order in which they were stored."""
        return self._read(lambda tables: tables.batch(limit))

    def first_pending(self, batch: Sequence[QueuedReport]) -> int:
        """Return the lowest number that waits once a batch of one stream is acknowledged.

        If none waits, it is the next one to be given: to a report in the current stream, to none in
        an earlier one.
        """

        def query(tables: OutboxTables) -> int:
            found = tables.first_beside(batch)
            if found is not None:
                return found
            if batch[0].stream_id != self._storage.identity.stream_id:
                return batch[-1].sequence + 1
            return int(tables.meta()["next_sequence"]) + self._buffer.evicted

        return self._read(query)

    def sendable(self) -> int:
        """Return the number of reports that :meth:`batch` could return now."""
        with self._using():
            return self._storage.database.rows

    def acknowledge(
        self, delivered: Sequence[QueuedReport], rejected: Sequence[tuple[QueuedReport, str]] = ()
    ) -> None:
        """Remove delivered reports, and turn rejected ones into dead letters with the reason."""
        now = origin.Moment.now().observed_at
        dead_letters = [DeadLetter(report, reason, now) for report, reason in rejected]
        with self._using():
            try:
                self._remove(delivered, dead_letters)
            except sqlite3.Error as error:
                if not is_full(error):
                    raise
                # smaller transactions need less room in the log
                with contextlib.suppress(sqlite3.Error):
                    self._storage.database.truncate_log()
                for report in delivered:
                    self._remove([report], ())
                for dead in dead_letters:
                    self._remove((), [dead])
            self._storage.restore_reserves()
            if self._buffer:
                self._write_buffered()

    def _remove(self, delivered: Sequence[QueuedReport], rejected: Sequence[DeadLetter]) -> None:
        self._storage.run_with_recovery(
            "acknowledge", lambda: self._storage.database.acknowledge(delivered, rejected)
        )

    def move_to_new_stream(self, first: QueuedReport) -> set[str]:
        """Move a report and those of its stream behind it to a new stream, so that none is lost.

        Called if the registry holds another report under its number: the outbox has been copied,
        or is older than what was sent from it.

        :returns: the new ids of the moved reports
        """
        storage = self._storage
        with self._using():
            identity = storage.identity.in_new_stream()
            moved = storage.run_with_recovery(
                "put",
                lambda: storage.database.move_to_stream(first, identity.stream_id, origin.uuid7),
            )
            storage.identity = identity
        self._log.error(
            "stream_forked",
            sequence=first.sequence,
            moved=len(moved),
            hint="Check whether two gateways use copies of one disk image.",
        )
        return moved

    # -- for status and metrics

    def depth(self) -> tuple[int, int]:
        """Return the number of waiting reports, those in memory included, and of dead letters."""

        def query(tables: OutboxTables) -> tuple[int, int]:
            waiting, dead_letters = tables.depth()
            return waiting + len(self._buffer), dead_letters

        return self._read(query)

    def dead_letters(self, limit: int = 1000) -> list[DeadLetter]:
        return self._read(lambda tables: tables.dead_letters(limit))

    def buffered(self) -> int:
        """Return the number of reports that are in memory only."""
        with self._using():
            return self._in_memory()

    def evicted(self) -> int:
        """Return the number of reports evicted since the stream began."""
        return self._read(lambda tables: tables.evicted() + self._buffer.evicted)

    def usage(self) -> tuple[int, int]:
        """Return the compressed size of all reports on disk and its limit, in bytes."""
        with self._using():
            return self._storage.database.size, self._storage.database.limit_bytes

    def quarantined(self) -> list[str]:
        """Return the names of quarantined files, oldest first."""
        return quarantined_files(self._state_dir)

    def close(self) -> None:
        with self._mutex:
            if self._closed.is_set():
                return
            self._closed.set()
            self._retry()
            if lost := self._in_memory():
                self._log.error(
                    "reports_not_stored",
                    count=lost,
                    reason=self.error,
                    effect="the next start reports the present state again",
                )
            self._storage.database.close()
            self._lock.close()

    # -- the disk

    def _read(self, query: Callable[[OutboxTables], T]) -> T:
        with self._using():
            return self._storage.run_with_recovery("put", lambda: query(self._storage.database))

    @contextlib.contextmanager
    def _using(self) -> Iterator[None]:
        with self._mutex:
            if self._closed.is_set():
                raise OutboxError("the outbox is closed")
            with as_outbox_error(self._path):
                yield

    def _in_memory(self) -> int:
        return len(self._buffer) + (self._storage.database.rows if self._storage.in_memory else 0)

    def _write_buffered(self) -> Report | None:
        """Write the reports in memory, oldest first; return the last one if all are written."""
        report = None
        while (pending := self._buffer.first()) is not None:
            try:
                report = self._storage.run_with_recovery("put", partial(self._store, pending))
            except (sqlite3.Error, UnicodeDecodeError) as error:
                self._report_error(f"the disk takes no reports, they wait in memory: {error}")
                return None
            except BaseException:
                self._buffer.remove_first()
                raise
            self._buffer.remove_first()
        self._report_storage()
        return report

    def _store(self, pending: PendingReport) -> Report:
        storage = self._storage
        report, evicted = storage.database.put(
            lambda sequence: pending.report(storage.identity, sequence),
            pending.baselines,
            skipped=self._buffer.evicted,
            meta=storage.unwritten,
        )
        self._buffer.evicted = 0
        storage.unwritten = {}
        self._count_evicted(evicted)
        return report

    def _retry(self) -> None:
        with contextlib.suppress(sqlite3.Error, OSError, OutboxError):
            if self._storage.in_memory:
                self._storage.return_to_disk()
            self._write_buffered()

    def _retry_until_written(self) -> None:
        while not self._closed.wait(self._retry_s):
            with self._mutex:
                if self._closed.is_set():
                    return
                before = (len(self._buffer), self._storage.in_memory)
                self._retry()
                progress = before != (len(self._buffer), self._storage.in_memory)
                if not self.error:
                    self._retrying = False
            if progress:
                # an urgent reason was passed on when the report was put
                self.on_stored(Reason.REFRESH)
            if not self._retrying:
                return

    # -- log events, once for each change

    def _report_error(self, error: str) -> None:
        if error != self.error:
            self._log.error("outbox_error", reason=error, file=str(self._path))
        self.error = error
        if not self._retrying:
            self._retrying = True
            threading.Thread(target=self._retry_until_written, name="outbox", daemon=True).start()

    def _report_storage(self) -> None:
        if self._storage.memory_reason:
            self._report_error(self._storage.memory_reason)
        elif self.error:
            self._log.info("outbox_recovered", was=self.error)
            self.error = ""

    def _count_evicted(self, count: int) -> None:
        if count:
            self.evicted_total += count
            buffered = len(self._buffer)
            self._log.error("reports_evicted", count=count, reason="no room", buffered=buffered)
