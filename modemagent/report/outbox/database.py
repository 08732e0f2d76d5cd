"""Database of the outbox: its schema and every SQL statement on it.

SQLite with a write-ahead log, ``synchronous=FULL``, small pages, one process and one writing
connection. A report gets its sequence number and its row in one transaction, together with the
baseline for the next reading: after a crash or a power cut either all of it is stored or nothing.
Bodies are compressed, so fewer pages are written to flash, and the checksum that zlib adds shows
whether a row is intact.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path

from modemagent.errors import OutboxError
from modemagent.report.message import Report, canonical_body
from modemagent.report.outbox.eviction import EvictionCandidate, select_evictions
from modemagent.report.outbox.records import DeadLetter, OutboxContents, QueuedReport
from modemagent.report.outbox.stream import HighWaterMark

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
# Keys of the table meta. Those of a stream exist since its first report.
_STREAM = {"stream_id", "next_sequence"}
_BOOT = {"gateway_id", "boot_id", "boot_count"}
_NUMBERS = ("next_sequence", "boot_count", "dropped")
_PRAGMAS = (
    "page_size=1024",
    "auto_vacuum=INCREMENTAL",
    "journal_mode=WAL",
    "synchronous=FULL",
    "wal_autocheckpoint=256",
    "journal_size_limit=262144",
    "cache_size=-256",
)
# Result codes whose cause is the content of the file; others have it in the disk, its rights, the
# memory or another process (sqlite.org/rescode.html).
_DAMAGE = (
    *(sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_SCHEMA),
    *(sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_TOOBIG),
    *(sqlite3.SQLITE_FORMAT, sqlite3.SQLITE_INTERNAL),
)


class DatabaseDamaged(sqlite3.DatabaseError):
    """The file is not what was written: torn, overwritten, or of another kind."""

    sqlite_errorcode = sqlite3.SQLITE_CORRUPT


def result_code(error: BaseException) -> int:
    """Return SQLite's primary result code of an error, 0 if it has none."""
    code: int = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF


def is_damage(error: BaseException) -> bool:
    """Return True if an error means that the file is damaged."""
    if isinstance(error, UnicodeDecodeError):  # SQLite quoted the file in its message
        return True
    return result_code(error) in _DAMAGE


def is_full(error: BaseException) -> bool:
    return result_code(error) == sqlite3.SQLITE_FULL


def compress(body: bytes) -> bytes:
    return zlib.compress(body, 6)


def decompress(body: bytes) -> bytes:
    """Return a body as it was stored.

    :raises DatabaseDamaged: its checksum is wrong
    """
    try:
        return zlib.decompress(body)
    except (zlib.error, TypeError) as error:
        raise DatabaseDamaged(f"a row is damaged: {error}") from None


def open_readonly(path: Path, *, with_log: bool = True) -> sqlite3.Connection:
    """Open a database that no process writes; nothing is written, on a read-only disk either.

    Without locks and with exclusive access SQLite reads the write-ahead log without creating the
    index file beside it.

    :param with_log: False for the state without the write-ahead log
    """
    mode = "mode=ro&vfs=unix-none" if with_log else "mode=ro&immutable=1"
    uri = f"{path.absolute().as_uri()}?{mode}"
    db = sqlite3.connect(uri, uri=True, check_same_thread=False)
    db.text_factory = _text
    db.execute("PRAGMA locking_mode=EXCLUSIVE")
    return db


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


class OutboxTables:
    """The statements that only read.

    All of them raise :class:`DatabaseDamaged` if a row is not what was written.
    """

    db: sqlite3.Connection

    def meta(self) -> dict[str, str]:
        """Return stream, boot and counters; the numbers among them are decimal digits."""
        found = dict(self.db.execute("SELECT key, value FROM meta").fetchall())
        if not all(isinstance(value, str) for value in found.values()):
            raise DatabaseDamaged("a value of meta is not text")
        if not all(is_number(found.get(key, "0")) for key in _NUMBERS):
            raise DatabaseDamaged("a value of meta is not a number")
        if found.keys() & _STREAM and not found.keys() >= _STREAM | _BOOT:
            raise DatabaseDamaged("a row of meta is missing")
        return found

    def batch(self, limit: int) -> list[QueuedReport]:
        """Return the oldest reports."""
        rows = self.db.execute(
            "SELECT sequence, report_id, body, position FROM reports ORDER BY position LIMIT ?",
            (limit,),
        )
        return [_queued(*row) for row in rows]

    def dead_letters(self, limit: int) -> list[DeadLetter]:
        """Return the latest dead letters, newest first."""
        rows = self.db.execute(
            "SELECT why, set_aside_at, sequence, report_id, body FROM dead"
            " ORDER BY rowid DESC LIMIT ?",
            (limit,),
        )
        return [DeadLetter(_queued(*row), reason, at) for reason, at, *row in rows]

    def depth(self) -> tuple[int, int]:
        """Return the number of reports and of dead letters."""
        counts = "SELECT (SELECT count(*) FROM reports), (SELECT count(*) FROM dead)"
        reports, dead_letters = self.db.execute(counts).fetchone()
        return reports, dead_letters

    def baselines(self) -> dict[str, str]:
        """Return port -> the last reading as JSON text."""
        rows = self.db.execute("SELECT path, body FROM places ORDER BY path")
        return {port: _baseline(port, body) for port, body in rows}

    def evicted(self) -> int:
        """Return the number of reports evicted since the stream began."""
        return int(self.meta().get("dropped", "0"))


def _queued(sequence: int, report_id: str, body: bytes, position: int = 0) -> QueuedReport:
    text = decompress(body)
    # only the body has a checksum
    with contextlib.suppress(ValueError, KeyError, TypeError, RecursionError):
        report = json.loads(text)
        if (report["sequence"], report["report_id"]) == (sequence, report_id):
            return QueuedReport(sequence, report_id, text, position, len(body))
    raise DatabaseDamaged("a row does not agree with its report")


def _baseline(port: object, body: bytes) -> str:
    with contextlib.suppress(ValueError, RecursionError):
        text = decompress(body).decode()
        if isinstance(port, str) and isinstance(json.loads(text), dict):
            return text
    raise DatabaseDamaged("a baseline is not what was written")


def is_number(text: str) -> bool:
    """Return True for decimal digits that fit into 63 bits.

    >>> is_number("12"), is_number("1e2"), is_number("-1"), is_number("9" * 30)
    (True, False, False, False)
    """
    return text.isascii() and text.isdigit() and len(text) < 19


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
        self.db.text_factory = _text
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
        baselines: Mapping[str, str | None],
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
            size = self._insert(compress(canonical_body(report.to_json())))
            evicted, freed = self._make_room(self.rows + 1, self.size + size)
            self._write_baselines(baselines)
            self._add_evicted(skipped + evicted)
        if self._mark:
            self._mark.write(report.stream_id, report.sequence + 1)
        self.rows += 1 - evicted
        self.size += size - freed
        return report, evicted

    def append(self, contents: OutboxContents) -> None:
        """Append reports, dead letters and baselines of another outbox, without duplicates."""
        rows = self.db.execute("SELECT report_id FROM reports UNION ALL SELECT report_id FROM dead")
        known = {report_id for (report_id,) in rows}
        with self._transaction():
            self._append(contents, known)
        self._count()

    def _append(self, contents: OutboxContents, known: Collection[str] = ()) -> None:
        for body in contents.reports:
            if json.loads(decompress(body))["report_id"] not in known:
                self._insert(body)
        for dead in contents.dead_letters:
            if dead.report.report_id not in known:
                self._insert_dead(dead)
        self._write_baselines(contents.baselines)

    def _insert(self, body: bytes) -> int:
        report = json.loads(decompress(body))
        self.db.execute(
            "INSERT INTO reports VALUES (NULL, ?, ?, ?, ?, ?, ?)",
            (
                report["stream_id"],
                report["sequence"],
                report["report_id"],
                (report["port"] or {}).get("path", ""),
                report["reason"],
                body,
            ),
        )
        return len(body)

    def _insert_dead(self, dead: DeadLetter) -> None:
        report = dead.report
        stream_id = json.loads(report.body)["stream_id"]
        row = (stream_id, report.sequence, report.report_id, dead.reason, dead.rejected_at)
        self.db.execute("INSERT INTO dead VALUES (?, ?, ?, ?, ?, ?)", (*row, compress(report.body)))

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
        self.db.executemany(delete, [(position,) for position in evicted])
        sizes = {each.position: each.size for each in queue}
        return len(evicted), sum(sizes[position] for position in evicted)

    def _write_baselines(self, baselines: Mapping[str, str | None]) -> None:
        for port, text in baselines.items():
            if text is None:
                self.db.execute("DELETE FROM places WHERE path=?", (port,))
            else:
                row = (port, compress(text.encode()))
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
        with contextlib.nullcontext() if rejected else self._unsynced(), self._transaction():
            for dead in rejected:
                self._insert_dead(dead)
            removed = [
                report
                for report in (*delivered, *(dead.report for dead in rejected))
                if self._remove(report)
            ]
            if rejected:
                oldest = "DELETE FROM dead WHERE rowid <= (SELECT max(rowid) FROM dead) - ?"
                self._add_evicted(self.db.execute(oldest, (MAX_DEAD_LETTERS,)).rowcount)
        self.rows -= len(removed)
        self.size -= sum(report.size for report in removed)

    def _remove(self, report: QueuedReport) -> bool:
        # the id as well: a recovery since the batch was read gives positions to other reports
        key = (report.position, report.report_id)
        delete = "DELETE FROM reports WHERE position=? AND report_id=?"
        return self.db.execute(delete, key).rowcount == 1

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
        select = (
            "SELECT position, body FROM reports WHERE stream_id=? AND position>=? ORDER BY position"
        )
        moved: set[str] = set()
        if self._mark:
            self._mark.remove()
        with self._transaction():
            key = (json.loads(first.body)["stream_id"], first.position)
            for position, body in self.db.execute(select, key).fetchall():
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
