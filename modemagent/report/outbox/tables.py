"""Tables of the outbox: reading them, and what shows that they are damaged.

A body is compressed, so fewer pages are written to flash, and the checksum that zlib adds shows
whether it is intact. The other columns of a row repeat parts of its body and are compared with it.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from modemagent.errors import OutboxError
from modemagent.report.message import JsonObject
from modemagent.report.outbox.records import DeadLetter, QueuedReport
from modemagent.report.outbox.state_dir import DB_NAME, quarantined_files

# Keys of the table meta. Those of a stream exist since its first report.
_STREAM = {"stream_id", "next_sequence"}
_BOOT = {"gateway_id", "boot_id", "boot_count"}
_NUMBERS = ("next_sequence", "boot_count", "restarts", "dropped")
# Columns that repeat fields of the body, in both tables of reports.
_KEY = ("stream_id", "sequence", "report_id")
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


def open_readonly(path: Path, *, with_wal: bool = True) -> sqlite3.Connection:
    """Open a database that no process writes; nothing is written, on a read-only disk either.

    Without locks and with exclusive access SQLite reads the write-ahead log without creating the
    index file beside it.

    :param with_wal: False for the state without the write-ahead log
    """
    mode = "mode=ro&vfs=unix-none" if with_wal else "mode=ro&immutable=1"
    uri = f"{path.absolute().as_uri()}?{mode}"
    db = sqlite3.connect(uri, uri=True, check_same_thread=False)
    db.text_factory = as_text
    db.execute("PRAGMA locking_mode=EXCLUSIVE")
    return db


def as_text(raw: bytes) -> str:
    """Decode a text of the database; damage must not become an exception of another kind."""
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
            "SELECT body, position, stream_id, sequence, report_id FROM reports"
            " ORDER BY position LIMIT ?",
            (limit,),
        )
        return [_queued(*row) for row in rows]

    def first_beside(self, batch: Sequence[QueuedReport]) -> int | None:
        """Return the lowest waiting number of the stream of a batch that is not in the batch.

        Numbers of one stream grow with the position, so the search ends at the first row that fits.
        """
        row = self.db.execute(
            "SELECT sequence FROM reports WHERE stream_id=? AND sequence NOT BETWEEN ? AND ?"
            " ORDER BY position LIMIT 1",
            (batch[0].stream_id, batch[0].sequence, batch[-1].sequence),
        ).fetchone()
        return None if row is None else int(row[0])

    def dead_letters(self, limit: int) -> list[DeadLetter]:
        """Return the latest dead letters, newest first."""
        rows = self.db.execute(
            "SELECT why, set_aside_at, body, 0, stream_id, sequence, report_id FROM dead"
            " ORDER BY rowid DESC LIMIT ?",
            (limit,),
        )
        return [DeadLetter(_queued(*row), reason, at) for reason, at, *row in rows]

    def depth(self) -> tuple[int, int]:
        """Return the number of reports and of dead letters."""
        counts = "SELECT (SELECT count(*) FROM reports), (SELECT count(*) FROM dead)"
        reports, dead_letters = self.db.execute(counts).fetchone()
        return reports, dead_letters

    def baselines(self) -> dict[str, JsonObject]:
        """Return port -> the last reading stored for it."""
        rows = self.db.execute("SELECT path, body FROM places ORDER BY path")
        return dict(stored_baseline(*row) for row in rows)

    def evicted(self) -> int:
        """Return the number of reports evicted since the stream began."""
        return int(self.meta().get("dropped", "0"))


def _queued(body: bytes, position: int, *columns: object) -> QueuedReport:
    text = decompress(body)
    with contextlib.suppress(ValueError, KeyError, TypeError, RecursionError):
        report = json.loads(text)
        fields = {name: report[name] for name in (*_KEY, "gateway_id", "observed_at")}
        if columns == tuple(report[name] for name in _KEY):
            return QueuedReport(**fields, body=text, position=position, size=len(body))
    raise DatabaseDamaged("a row does not agree with its report")


def stored_baseline(port: object, body: bytes) -> tuple[str, JsonObject]:
    """Return the port and the reading of a row.

    :raises DatabaseDamaged: they are not what was written
    """
    with contextlib.suppress(ValueError, RecursionError):
        reading = json.loads(decompress(body))
        if isinstance(port, str) and isinstance(reading, dict):
            return port, reading
    raise DatabaseDamaged("a baseline is not what was written")


def is_number(text: str) -> bool:
    """Return True for decimal digits that fit into 63 bits.

    >>> is_number("12"), is_number("1e2"), is_number("-1"), is_number("9" * 30)
    (True, False, False, False)
    """
    return text.isascii() and text.isdigit() and len(text) < 19


class OutboxReader(OutboxTables):
    """The outbox of an agent that is not running."""

    def __init__(self, state_dir: Path, db: sqlite3.Connection) -> None:
        self._state_dir = state_dir
        self.db = db

    def quarantined(self) -> list[str]:
        return quarantined_files(self._state_dir)


@contextlib.contextmanager
def read_outbox(state_dir: Path) -> Iterator[OutboxReader]:
    """Open the outbox of an agent that is not running; nothing is written.

    :raises OutboxError: the outbox does not exist or cannot be read
    """
    path = state_dir / DB_NAME
    if not path.exists():
        raise OutboxError(
            f"no outbox in {state_dir}",
            hint="Set --state-dir to the agent's state directory.",
        )
    with as_outbox_error(path), contextlib.closing(open_readonly(path)) as db:
        yield OutboxReader(state_dir, db)


@contextlib.contextmanager
def as_outbox_error(path: Path) -> Iterator[None]:
    """Raise :class:`OutboxError` for an error of the database at a path."""
    try:
        yield
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise OutboxError(
            f"cannot use the outbox {path}: {error}",
            hint="Check the disk and the permissions of the file.",
        ) from None
