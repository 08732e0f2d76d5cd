"""Database of the outbox: its schema, and the statements that write.

SQLite with a write-ahead log, ``synchronous=FULL``, small pages, one process and one writing
connection. A report gets its sequence number and its row in one transaction, together with the
baseline for the next reading: after a crash or a power cut either all of it is stored or nothing.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path

from modemagent.errors import OutboxError
from modemagent.report.message import JsonObject, Report, canonical_body
from modemagent.report.outbox.eviction import EvictionCandidate, select_evictions
from modemagent.report.outbox.records import DeadLetter, OutboxContents, QueuedReport, ReportRow
from modemagent.report.outbox.stream_identity import HighWaterMark
from modemagent.report.outbox.tables import (
    DatabaseDamaged,
    OutboxTables,
    as_text,
    compress,
    decompress,
)

#: Bounds of the tables; the oldest rows beyond them are deleted.
MAX_DEAD_LETTERS = 1000
MAX_REPORTS = 50_000
SCHEMA_VERSION = 2
# An eviction frees a sixteenth of the limit, so that it is not repeated for every report.
_EVICTED_SHARE = 16
_SCHEMA = (
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE reports (position INTEGER PRIMARY KEY, stream_id TEXT NOT NULL,"
    " sequence INTEGER NOT NULL, report_id TEXT NOT NULL, port TEXT NOT NULL,"
    " reason TEXT NOT NULL, body BLOB NOT NULL)",
    "CREATE TABLE dead (stream_id TEXT NOT NULL, sequence INTEGER NOT NULL,"
    " report_id TEXT NOT NULL, why TEXT NOT NULL, set_aside_at TEXT NOT NULL, body BLOB NOT NULL)",
    "CREATE TABLE places (path TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID",
)
_PRAGMAS = (
    "page_size=1024",
    "auto_vacuum=INCREMENTAL",
    "journal_mode=WAL",
    "synchronous=FULL",
    "wal_autocheckpoint=256",
    "journal_size_limit=262144",
    "cache_size=-256",
)


class OutboxDatabase(OutboxTables):
    """An open outbox that can be written.

    :param path: None keeps everything in memory, as long as no disk can be written
    :param limit_bytes: limit of all reports, compressed; reports beyond it are evicted
        (:mod:`modemagent.report.outbox.eviction`)
    :param initial: returns what a new database begins with
    :raises DatabaseDamaged: the file is not what was written
    :raises sqlite3.Error: it cannot be opened or created
    :raises OutboxError: a newer version wrote it
    """

    def __init__(
        self,
        path: Path | None,
        *,
        limit_bytes: int,
        initial: Callable[[], OutboxContents] = OutboxContents,
    ) -> None:
        self.limit_bytes = limit_bytes
        self._mark = HighWaterMark(Path(f"{path}-mark")) if path else None
        if path is not None:
            with contextlib.suppress(FileExistsError):
                os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        self.db = sqlite3.connect(path or ":memory:", isolation_level=None, check_same_thread=False)
        self.db.text_factory = as_text
        try:
            version = self._version(path)
            for pragma in _PRAGMAS:
                self.db.execute(f"PRAGMA {pragma}")
            if version:
                self._check()
            else:
                self._create(initial)
            self._count()
        except BaseException:
            self.close()
            raise

    def _version(self, path: Path | None) -> int:
        """Return the schema version, which the header and the table ``meta`` must agree on."""
        version = int(self.db.execute("PRAGMA user_version").fetchone()[0])
        if version == 0:
            return version
        stored = self.meta().get("schema")
        if stored != str(version) or version < SCHEMA_VERSION:
            raise DatabaseDamaged(f"the header has schema {version}, the table meta {stored}")
        if version > SCHEMA_VERSION:
            raise OutboxError(
                f"{path} was written by a newer modemagent (schema {version})",
                hint="Update modemagent, or choose another directory with --state-dir.",
            )
        return version

    def _create(self, initial: Callable[[], OutboxContents]) -> None:
        if self._marked() is not None:
            raise DatabaseDamaged("it is empty, although reports were stored")
        with self._transaction():
            for statement in _SCHEMA:
                self.db.execute(statement)
            contents = initial()
            self._write_meta(contents.meta | {"schema": str(SCHEMA_VERSION)})
            self._append(contents)
            self.db.execute(f"PRAGMA user_version={SCHEMA_VERSION}")

    def _check(self) -> None:
        """Check what SQLite itself does not."""
        (result,) = self.db.execute("PRAGMA quick_check(1)").fetchone()
        if result != "ok":
            raise DatabaseDamaged(str(result))
        meta = self.meta()
        marked = self._marked()
        # after kill -9 the database may be ahead of the mark
        if marked and (
            meta.get("stream_id") != marked[0] or int(meta["next_sequence"]) < marked[1]
        ):
            raise DatabaseDamaged("reports that were stored are missing")

    def _marked(self) -> tuple[str, int] | None:
        try:
            return self._mark.read() if self._mark else None
        except ValueError as error:
            raise DatabaseDamaged(f"the high-water mark is damaged: {error}") from None

    def _count(self) -> None:
        """Count the reports; kept up to date afterwards, because this reads the whole table."""
        row = self.db.execute("SELECT count(*), total(length(body)) FROM reports").fetchone()
        self.rows, self.size = int(row[0]), int(row[1])

    def depth(self) -> tuple[int, int]:
        (dead_letters,) = self.db.execute("SELECT count(*) FROM dead").fetchone()
        return self.rows, dead_letters

    def close(self) -> None:
        with contextlib.suppress(sqlite3.Error):
            self.db.close()

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self.db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self.db.execute("COMMIT")
        except BaseException:
            # after some errors, a full disk among them, SQLite has already rolled back
            if self.db.in_transaction:
                self.db.execute("ROLLBACK")
            raise

    # -- storing

    def put(
        self,
        build: Callable[[int], Report],
        baselines: Mapping[str, JsonObject | None],
        *,
        skipped: int = 0,
        meta: Mapping[str, str],
    ) -> tuple[Report, int]:
        """Store the report that ``build`` makes with the next sequence number.

        :param skipped: numbers left unused before it, one for each report evicted before it had one
        :param meta: further values to store
        :returns: the report, and the number of reports evicted to make room
        """
        with self._transaction():
            self._write_meta(meta)
            number = self.meta().get("next_sequence")
            if number is None:
                raise DatabaseDamaged("the next sequence number is missing")
            report = build(int(number) + skipped)
            self._write_meta({"next_sequence": str(report.sequence + 1)})
            row = ReportRow.of(report, compress(canonical_body(report.to_json())))
            self._insert([row])
            evicted, freed = self._make_room(self.rows + 1, self.size + len(row.body))
            self._write_baselines(baselines)
            self._add_evicted(skipped + evicted)
        if self._mark:
            self._mark.write(report.stream_id, report.sequence + 1)
        self.rows += 1 - evicted
        self.size += len(row.body) - freed
        return report, evicted

    def append(self, contents: OutboxContents) -> None:
        """Append reports, dead letters and baselines of another outbox, without duplicates."""
        rows = self.db.execute("SELECT report_id FROM reports UNION ALL SELECT report_id FROM dead")
        known = {report_id for (report_id,) in rows}
        with self._transaction():
            self._append(contents, known)
        self._count()

    def _append(self, contents: OutboxContents, known: Collection[str] = ()) -> None:
        self._insert([row for row in contents.reports if row.report_id not in known])
        for row, *verdict in contents.dead_letters:
            if row.report_id not in known:
                dead = (row.stream_id, row.sequence, row.report_id, *verdict, row.body)
                self.db.execute("INSERT INTO dead VALUES (?, ?, ?, ?, ?, ?)", dead)
        self._write_baselines(contents.baselines)

    def _insert(self, rows: Sequence[ReportRow]) -> None:
        self.db.executemany("INSERT INTO reports VALUES (NULL, ?, ?, ?, ?, ?, ?)", rows)

    def _make_room(self, rows: int, size: int) -> tuple[int, int]:
        if rows <= MAX_REPORTS and size <= self.limit_bytes:
            return 0, 0
        every = "SELECT position, port, reason, length(body) FROM reports ORDER BY position"
        queue = [EvictionCandidate(*row) for row in self.db.execute(every)]
        evicted = select_evictions(
            queue,
            rows=rows - MAX_REPORTS + MAX_REPORTS // _EVICTED_SHARE if rows > MAX_REPORTS else 0,
            size=max(0, size - self.limit_bytes + self.limit_bytes // _EVICTED_SHARE),
        )
        delete = "DELETE FROM reports WHERE position=?"
        self.db.executemany(delete, [(each.position,) for each in evicted])
        return len(evicted), sum(each.size for each in evicted)

    def _write_baselines(self, baselines: Mapping[str, JsonObject | None]) -> None:
        for port, reading in baselines.items():
            if reading is None:
                self.db.execute("DELETE FROM places WHERE path=?", (port,))
            else:
                row = (port, compress(json.dumps(reading).encode()))
                self.db.execute("INSERT OR REPLACE INTO places VALUES (?, ?)", row)

    def _write_meta(self, values: Mapping[str, str]) -> None:
        self.db.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", list(values.items()))

    def _add_evicted(self, count: int) -> None:
        if count:
            self._write_meta({"dropped": str(self.evicted() + count)})

    # -- removing

    def acknowledge(
        self, delivered: Sequence[QueuedReport], rejected: Sequence[DeadLetter]
    ) -> None:
        """Remove delivered reports and turn rejected ones into dead letters, in one transaction.

        Removals alone are not synced: a report that returns after a power cut is sent again, and
        the registry recognizes it. The next stored report syncs them.
        """
        delete = "DELETE FROM reports WHERE position=? AND report_id=?"
        with contextlib.nullcontext() if rejected else self._unsynced(), self._transaction():
            for dead in rejected:
                self.db.execute(
                    "INSERT INTO dead SELECT stream_id, sequence, report_id, ?, ?, body"
                    " FROM reports WHERE position=? AND report_id=?",
                    (dead.reason, dead.rejected_at, *_key(dead.report)),
                )
            removed = [
                report
                for report in (*delivered, *(dead.report for dead in rejected))
                if self.db.execute(delete, _key(report)).rowcount
            ]
            if rejected:
                oldest = "DELETE FROM dead WHERE rowid <= (SELECT max(rowid) FROM dead) - ?"
                self._add_evicted(self.db.execute(oldest, (MAX_DEAD_LETTERS,)).rowcount)
        self.rows -= len(removed)
        self.size -= sum(report.size for report in removed)

    @contextlib.contextmanager
    def _unsynced(self) -> Iterator[None]:
        self.db.execute("PRAGMA synchronous=NORMAL")
        try:
            yield
        finally:
            self.db.execute("PRAGMA synchronous=FULL")

    def move_to_stream(
        self, first: QueuedReport, stream_id: str, report_ids: Callable[[], str]
    ) -> set[str]:
        """Move a report and those of its stream behind it to a new stream.

        :param report_ids: returns a new id at each call
        :returns: the new ids of the moved reports
        """
        every = "SELECT position, body FROM reports WHERE stream_id=? AND position>=? ORDER BY 1"
        moved: set[str] = set()
        if self._mark:
            self._mark.remove()
        with self._transaction():
            key = (first.stream_id, first.position)
            for position, body in self.db.execute(every, key).fetchall():
                sequence, report_id = len(moved) + 1, report_ids()
                moved.add(report_id)
                new = {"stream_id": stream_id, "sequence": sequence, "report_id": report_id}
                body = compress(canonical_body(json.loads(decompress(body)) | new))
                self.db.execute(
                    "UPDATE reports SET stream_id=?, sequence=?, report_id=?, body=?"
                    " WHERE position=?",
                    (stream_id, sequence, report_id, body, position),
                )
            following = str(len(moved) + 1)
            self._write_meta({"stream_id": stream_id, "next_sequence": following, "dropped": "0"})
        self._count()
        return moved

    # -- room

    def shrink(self) -> None:
        """Return the free pages of the file to the disk."""
        with contextlib.suppress(sqlite3.Error):
            free = -1
            # in small steps: the moved pages pass through the log, on the same full disk
            while free != (free := self.db.execute("PRAGMA freelist_count").fetchone()[0]):
                self.db.execute("PRAGMA incremental_vacuum(128)").fetchall()
                self.truncate_log()

    def truncate_log(self) -> None:
        self.db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def _key(report: QueuedReport) -> tuple[int, str]:
    # the id as well: a recovery since the batch was read gives positions to other reports
    return report.position, report.report_id
