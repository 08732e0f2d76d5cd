"""The outbox: reports wait on disk until the registry has acknowledged them.

What the disk does not take waits in memory, in order, and is written when it can be
(:mod:`~modemagent.report.outbox.memory`); :mod:`~modemagent.report.outbox.disk` has the file,
and what is done when
there is none to be had. ``docs/durability.md`` tells what may be lost when.

One lock is around everything, because the courier's thread takes reports out while the agent
puts some in, and a third thread tries again what the disk did not take. Some lines above 300 for
that reason: all that takes the lock stands here.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from modemagent.errors import OutboxError
from modemagent.logs import Log
from modemagent.report import origin
from modemagent.report.message import JsonObject, Reason, Report
from modemagent.report.outbox import reader
from modemagent.report.outbox.disk import OutboxStorage
from modemagent.report.outbox.faults import is_full
from modemagent.report.outbox.memory import HELD_MOST, MemoryBuffer, PendingReport
from modemagent.report.outbox.reader import OutboxReader, unusable
from modemagent.report.outbox.records import DeadLetter, QueuedReport, ReportDraft
from modemagent.report.outbox.schema import DB_NAME
from modemagent.report.outbox.set_aside import set_aside_files
from modemagent.report.outbox.state_dir import StateDirLock

__all__ = ["DB_NAME", "DeadLetter", "Outbox", "OutboxReader", "QueuedReport", "ReportDraft"]

LIMIT_BYTES = 32 * 1024 * 1024
RETRY_S = 5.0


class Outbox:
    """The queue of one state directory.

    :param state_dir: made with mode 0700 when missing, and held by this process alone
    :param gateway_id: who reports; None derives one from the machine's id
    :param limit_bytes: reports on disk may take so many, compressed
    :param held_most: so many reports are held in memory while the disk takes none
    :param retry_s: how often the disk is tried again then
    :raises OutboxError: there is no such directory, or another agent holds it
    """

    def __init__(
        self,
        state_dir: Path,
        *,
        gateway_id: str | None,
        log: Log,
        limit_bytes: int = LIMIT_BYTES,
        held_most: int = HELD_MOST,
        retry_s: float = RETRY_S,
    ) -> None:
        self._log = log
        self._mutex = threading.Lock()
        self._closed = threading.Event()
        self._state_dir = state_dir
        self._path = state_dir / DB_NAME
        self._retry_s = retry_s
        self._retrying = False
        self._held = MemoryBuffer(held_most)
        #: what is wrong, in words for people; "" when nothing is
        self.trouble = ""
        #: reports given up for want of room since this was opened; never goes back
        self.given_up = 0
        #: told the reason of each report once it is stored
        self.on_stored: Callable[[Reason], None] = lambda _: None
        self._state_dir_lock = StateDirLock(state_dir)
        try:
            self._disk = OutboxStorage(
                state_dir, gateway_id=gateway_id, limit_bytes=limit_bytes, log=log
            )
        except BaseException:
            self._state_dir_lock.close()
            raise
        self._tell_of_the_disk()

    # -- who speaks

    @property
    def gateway_id(self) -> str:
        return self._disk.identity.gateway_id

    @property
    def stream_id(self) -> str:
        return self._disk.identity.stream_id

    @property
    def boot_id(self) -> str:
        return self._disk.identity.boot_id

    @property
    def boot_count(self) -> int:
        return self._disk.identity.boot_count

    @property
    def rebooted(self) -> bool:
        """Whether this machine has booted since the outbox was last opened."""
        return self._disk.identity.rebooted

    # -- the agent's side

    def put(
        self, observation: ReportDraft, *, places: Mapping[str, JsonObject | None]
    ) -> Report | None:
        """Store one report and what the agent remembers with it; return once it is on disk.

        :param places: port path -> the reading to compare the next one with, None to forget it
        :returns: None when the disk does not take it now; it is written when the disk does
        """
        texts = {path: None if body is None else json.dumps(body) for path, body in places.items()}
        entry = PendingReport(observation, origin.Moment.now(), texts)
        with self._using():
            if dropped := self._held.add(entry):
                self._say_dropped(dropped)
            report = self._write_held()
        if report is not None:
            self.on_stored(report.reason)
        return report

    def _write_held(self) -> Report | None:
        """Write what is held, oldest first; return the last report when all is written."""
        report = None
        while (entry := self._held.first()) is not None:
            try:
                report = self._disk.run_with_recovery("put", partial(self._store, entry))
            except (sqlite3.Error, UnicodeDecodeError) as error:
                self._say_trouble(f"the disk takes no reports, they wait in memory: {error}")
                return None
            except BaseException:
                self._held.drop_first()
                raise
            self._held.drop_first()
        self._tell_of_the_disk()
        return report

    def _store(self, entry: PendingReport) -> Report:
        report, shed = self._disk.file.put(
            lambda number: entry.report(self._disk.identity, number),
            entry.places,
            skipped=self._held.shed,
            meta=self._disk.unwritten,
        )
        self._held.shed = 0
        self._disk.unwritten = {}
        if shed:
            self._say_dropped(shed)
        return report

    def places(self) -> dict[str, JsonObject]:
        """Return port path -> the last reading stored for it."""
        with self._using():
            texts = self._disk.run_with_recovery("put", lambda: reader.places(self._disk.file.db))
        return {path: json.loads(text) for path, text in texts.items()}

    # -- the courier's side

    def batch(self, limit: int) -> list[QueuedReport]:
        """Return the oldest reports in the order they were put in."""
        with self._using():
            return self._disk.run_with_recovery(
                "put", lambda: reader.stored(self._disk.file.db, limit)
            )

    def acknowledge(
        self, done: Sequence[QueuedReport], dead: Sequence[tuple[QueuedReport, str]] = ()
    ) -> None:
        """Take acknowledged reports out, and set refused ones aside with the reason."""
        with self._using():
            self._settle(done, dead)
            self._disk.tidy()
            if self._held:
                self._write_held()

    def _settle(
        self, done: Sequence[QueuedReport], dead: Sequence[tuple[QueuedReport, str]]
    ) -> None:
        moment = origin.Moment.now().observed_at
        try:
            self._disk.run_with_recovery(
                "settle", lambda: self._disk.file.settle(done, dead, moment)
            )
        except sqlite3.Error as error:
            if not is_full(error) or len(done) + len(dead) < 2:
                raise
            # smaller transactions need less room in the log
            with contextlib.suppress(sqlite3.Error):
                self._disk.file.shorten_log()
            for part in (done[: len(done) // 2], done[len(done) // 2 :]):
                if part:
                    self._settle(part, ())
            for one in dead:
                self._settle((), (one,))

    def move_to_new_stream(self, first: QueuedReport) -> set[str]:
        """Move a report, and those of its stream behind it, to a new stream.

        For when the registry holds another report under its number: this outbox was copied, or is
        older than what was sent from it. Under numbers of their own nothing of it is lost.

        :returns: the new ids of the reports moved
        """
        with self._using():
            new = self._disk.identity.in_new_stream()
            count, named = self._disk.run_with_recovery(
                "put", lambda: self._disk.file.renumber(first, new.stream_id, origin.uuid7)
            )
            self._disk.identity = new
        self._log.error(
            "stream_forked",
            sequence=first.sequence,
            moved=count,
            hint="Two gateways share one state directory: was a disk image copied?",
        )
        return named

    def depth(self) -> tuple[int, int]:
        """Return how many reports wait, in memory too, and how many are set aside."""
        with self._using():
            dead = self._disk.run_with_recovery(
                "put", lambda: reader.set_aside_count(self._disk.file.db)
            )
            return self._disk.file.rows + len(self._held), dead

    def sendable(self) -> int:
        """Return how many reports a courier may take now."""
        with self._using():
            return self._disk.file.rows

    def set_aside(self, limit: int = 1000) -> list[DeadLetter]:
        with self._using():
            return self._disk.run_with_recovery(
                "put", lambda: reader.dead(self._disk.file.db, limit)
            )

    def buffered(self) -> int:
        """Return how many reports are in memory only."""
        with self._using():
            return self._in_memory()

    def _in_memory(self) -> int:
        return len(self._held) + (self._disk.file.rows if self._disk.standing_in else 0)

    def dropped(self) -> int:
        """Return how many reports were ever dropped for want of room."""
        with self._using():
            noted = self._disk.run_with_recovery("put", lambda: reader.dropped(self._disk.file.db))
            return noted + self._held.shed

    def room(self) -> tuple[int, int]:
        """Return the bytes that waiting reports take, compressed, and how many they may take."""
        with self._using():
            return self._disk.file.size, self._disk.file.limit_bytes

    def damaged(self) -> list[str]:
        """Return the names of damaged files set aside, oldest first."""
        return set_aside_files(self._state_dir)

    def close(self) -> None:
        with self._mutex:
            if self._closed.is_set():
                return
            self._closed.set()
            with contextlib.suppress(sqlite3.Error, OSError, OutboxError):
                if self._disk.standing_in:
                    self._disk.return_to_disk()
                self._write_held()
            if lost := self._in_memory():
                self._log.error(
                    "reports_not_stored",
                    count=lost,
                    reason=self.trouble,
                    effect="what they said is seen again at the next start",
                )
            self._disk.file.close()
            self._state_dir_lock.close()

    # -- the disk

    @contextlib.contextmanager
    def _using(self) -> Iterator[None]:
        with self._mutex:
            if self._closed.is_set():
                raise OutboxError("the outbox is closed")
            try:
                yield
            except (sqlite3.Error, UnicodeDecodeError) as error:
                raise unusable(self._path, error) from None

    def _try_again(self) -> None:
        """Try now and then what the disk did not take, until there is nothing of it."""
        while not self._closed.wait(self._retry_s):
            with self._mutex:
                if self._closed.is_set():
                    return
                before = (len(self._held), self._disk.standing_in)
                with contextlib.suppress(sqlite3.Error, OSError, OutboxError):
                    if self._disk.standing_in:
                        self._disk.return_to_disk()
                    self._write_held()
                moved = before != (len(self._held), self._disk.standing_in)
                if not self.trouble:
                    self._retrying = False
            if moved:
                # what it was that moved was said when it was put in
                self.on_stored(Reason.REFRESH)
            if not self._retrying:
                return

    # -- what is said of it, once when it changes

    def _say_trouble(self, trouble: str) -> None:
        if trouble != self.trouble:
            self._log.error("outbox_error", reason=trouble, file=str(self._path))
        self.trouble = trouble
        if not self._retrying:
            self._retrying = True
            threading.Thread(target=self._try_again, name="outbox", daemon=True).start()

    def _tell_of_the_disk(self) -> None:
        if self._disk.standing_in:
            self._say_trouble(self._disk.why)
        elif self.trouble:
            self._log.info("outbox_recovered", was=self.trouble)
            self.trouble = ""

    def _say_dropped(self, count: int) -> None:
        self.given_up += count
        self._log.error("reports_evicted", count=count, reason="no room", held=len(self._held))
