"""The outbox file as SQLite sees it: how it is opened, laid out, migrated and found damaged."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from modemagent.errors import OutboxError
from modemagent.report.message import canonical_body
from modemagent.report.outbox import notes, wal
from modemagent.report.outbox.faults import DatabaseDamaged, is_damage_at_the_opening

DB_NAME = "outbox.db"
#: What SQLite keeps beside the file, by the end of its name.
BESIDE = ("-wal", "-shm")
SCHEMA_VERSION = 2
PAGE_SIZE = 1024
# A number beyond this in the header was written by no version to come.
_LATEST_PLAUSIBLE = 99
_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE reports (
    position INTEGER PRIMARY KEY, stream_id TEXT NOT NULL, sequence INTEGER NOT NULL,
    report_id TEXT NOT NULL, port TEXT NOT NULL, reason TEXT NOT NULL, body BLOB NOT NULL);
CREATE TABLE dead (
    stream_id TEXT NOT NULL, sequence INTEGER NOT NULL, report_id TEXT NOT NULL,
    why TEXT NOT NULL, set_aside_at TEXT NOT NULL, body BLOB NOT NULL);
CREATE TABLE places (path TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;
"""
_LAYOUT = {
    statement.split("(")[0].split()[-1]: " ".join(statement.replace("IF NOT EXISTS ", "").split())
    for statement in _SCHEMA.split(";\n")
    if statement.strip()
}
_PRAGMAS = (
    f"page_size={PAGE_SIZE}",
    "auto_vacuum=INCREMENTAL",
    "journal_mode=WAL",
    "synchronous=FULL",
    "wal_autocheckpoint=256",
    "journal_size_limit=262144",
    "cache_size=-256",
)
# file format of the header, write and read (clause 1.3.3): a third one makes a file read-only
_FORMATS = (b"\1\1", b"\2\2")


def connect(path: Path | None) -> sqlite3.Connection:
    """Open the one writing connection, and bring an older file up to date.

    :param path: None makes one in memory
    :raises Damage: it is not what was written
    :raises sqlite3.Error: it can not be opened
    :raises OutboxError: it was written by a newer version
    """
    if path is not None:
        _look_at_the_log(path)
        _look_at_the_header(path)
        with contextlib.suppress(FileExistsError):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    db = sqlite3.connect(path or ":memory:", isolation_level=None, check_same_thread=False)
    try:
        _prepare(db, path)
        _look_through(db)
    except (OSError, OutboxError, MemoryError):
        db.close()
        raise
    except Exception as error:
        db.close()
        if is_damage_at_the_opening(error) and not isinstance(error, DatabaseDamaged):
            raise DatabaseDamaged(f"{type(error).__name__}: {error}") from None
        raise
    return db


def _prepare(db: sqlite3.Connection, path: Path | None) -> None:
    version = _version(db, path)
    for pragma in _PRAGMAS:
        db.execute(f"PRAGMA {pragma}")
    (verdict,) = db.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise DatabaseDamaged(str(verdict))
    if version < SCHEMA_VERSION:
        with transaction(db):
            _migrate(db, version)


def _version(db: sqlite3.Connection, path: Path | None) -> int:
    """Return the schema of a file, as its header says it and its notes do not deny.

    A file with another schema than this version's says so in both; a header that alone says it
    is damaged.
    """
    version = int(db.execute("PRAGMA user_version").fetchone()[0])
    noted = None
    with contextlib.suppress(sqlite3.Error, UnicodeDecodeError):
        asked = "SELECT value FROM meta WHERE key=?"
        noted = db.execute(asked, (notes.SCHEMA_KEY,)).fetchone()
    if noted is not None and noted[0] != str(version):
        raise DatabaseDamaged(f"its header says schema {version}, and its notes {noted[0]}")
    if not 0 <= version <= _LATEST_PLAUSIBLE:
        raise DatabaseDamaged(f"there is no schema {version}")
    if version > SCHEMA_VERSION:
        raise OutboxError(
            f"{path} was written by a newer modemagent (schema {version})",
            hint="Update modemagent, or name another directory with --state-dir.",
        )
    return version


def _look_through(db: sqlite3.Connection) -> None:
    """Raise Damage for what a sound file does not hold, and SQLite does not look at."""
    found = dict(db.execute("SELECT name, sql FROM sqlite_master WHERE type='table'").fetchall())
    for name, laid_out in _LAYOUT.items():
        if " ".join(str(found.get(name)).split()) != laid_out:
            raise DatabaseDamaged(f"its table {name} is not laid out as an outbox's is")
    noted = notes.read(db)
    if "stream_id" in noted:
        asked = (
            "SELECT sequence FROM reports WHERE stream_id=:stream_id UNION ALL"
            " SELECT sequence FROM dead WHERE stream_id=:stream_id ORDER BY 1 DESC LIMIT 1"
        )
        last = db.execute(asked, noted).fetchone()
        if last and not (isinstance(last[0], int) and last[0] < int(noted["next_sequence"])):
            raise DatabaseDamaged("the number it would give next is one it has given")


@contextlib.contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        # SQLite has rolled back by itself after some errors (a full disk is one)
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def _migrate(db: sqlite3.Connection, version: int) -> None:
    reports: list[tuple[bytes]] = []
    dead: list[tuple[Any, ...]] = []
    places: list[tuple[str, str]] = []
    if version == 1:
        reports = db.execute("SELECT body FROM reports ORDER BY sequence").fetchall()
        dead = db.execute(
            "SELECT body, stream_id, sequence, report_id, why, set_aside_at FROM dead"
        ).fetchall()
        places = db.execute("SELECT path, body FROM places").fetchall()
        for table in ("reports", "dead", "places"):
            db.execute(f"DROP TABLE {table}")
    for statement in _SCHEMA.split(";\n"):
        db.execute(statement)
    for (body,) in reports:
        insert_report(db, json.loads(body))
    for body, *row in dead:
        json.loads(body)
        db.execute("INSERT INTO dead VALUES (?, ?, ?, ?, ?, ?)", (*row, packed(body)))
    for path, text in places:
        db.execute("INSERT INTO places VALUES (?, ?)", (path, packed(text.encode())))
    notes.write(db, notes.read(db) | {notes.SCHEMA_KEY: str(SCHEMA_VERSION)}, schema=SCHEMA_VERSION)
    db.execute(f"PRAGMA user_version={SCHEMA_VERSION}")


def insert_report(db: sqlite3.Connection, report: Mapping[str, object]) -> int:
    """Put one report at the end of the queue as it is; return the bytes it takes."""
    body = packed(canonical_body(report))
    port = report.get("port")
    path = port["path"] if isinstance(port, Mapping) else ""
    db.execute(
        "INSERT INTO reports VALUES (NULL, ?, ?, ?, ?, ?, ?)",
        (
            report["stream_id"],
            report["sequence"],
            report["report_id"],
            path,
            report["reason"],
            body,
        ),
    )
    return len(body)


def packed(body: bytes) -> bytes:
    return zlib.compress(body, 6)


def unpacked(body: bytes) -> bytes:
    """Return a body as it was put in.

    :raises Damage: its checksum is wrong
    """
    try:
        return zlib.decompress(body)
    except (zlib.error, TypeError) as error:
        raise DatabaseDamaged(f"a report in it is not whole: {error}") from None


def _look_at_the_log(path: Path) -> None:
    """Raise Damage for a write-ahead log that is none, or that breaks off before its end.

    SQLite takes such a log for an empty or a shorter one and goes on with the state before it, in
    which numbers that were given since are free again.
    """
    if wal.read(path, PAGE_SIZE).broken:
        raise DatabaseDamaged("its write-ahead log is not whole")


def _look_at_the_header(path: Path) -> None:
    """Raise Damage for a file SQLite would open to be read only, for ever."""
    with contextlib.suppress(OSError):
        with path.open("rb") as file:
            head = file.read(20)
        if len(head) == 20 and head[18:] not in _FORMATS:
            raise DatabaseDamaged("its header names an unknown format")
