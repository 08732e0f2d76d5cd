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

DB_NAME = "outbox.db"
SCHEMA_VERSION = 2
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
_PRAGMAS = (
    "page_size=1024",
    "auto_vacuum=INCREMENTAL",
    "journal_mode=WAL",
    "synchronous=FULL",
    "wal_autocheckpoint=256",
    "journal_size_limit=262144",
    "cache_size=-256",
)
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_WAL_MAGIC = (b"\x37\x7f\x06\x82", b"\x37\x7f\x06\x83")  # sqlite.org/fileformat2.html, 4.1
_PROBES = (
    "SELECT value FROM meta WHERE key=''",
    "SELECT stream_id, sequence, report_id, port, reason, body FROM reports LIMIT 0",
    "SELECT stream_id, sequence, report_id, why, set_aside_at, body FROM dead LIMIT 0",
    "SELECT path, body FROM places LIMIT 0",
)


class Damage(sqlite3.DatabaseError):
    """The file is not what was written: torn, overwritten, of another kind."""

    sqlite_errorcode = sqlite3.SQLITE_CORRUPT


def is_damage(error: Exception) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGED


def is_full(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL


def connect(path: Path | None) -> sqlite3.Connection:
    """Open the one writing connection, and bring an older file up to date.

    :param path: None makes one in memory
    :raises sqlite3.Error: it can not be opened; see :func:`is_damage`
    :raises OutboxError: it was written by a newer version
    """
    if path is not None:
        _look_at_the_log(path)
        with contextlib.suppress(FileExistsError):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    db = sqlite3.connect(path or ":memory:", isolation_level=None, check_same_thread=False)
    try:
        _prepare(db, path)
    except BaseException:
        db.close()
        raise
    return db


def _prepare(db: sqlite3.Connection, path: Path | None) -> None:
    for pragma in _PRAGMAS:
        db.execute(f"PRAGMA {pragma}")
    (verdict,) = db.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise Damage(str(verdict))
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version > SCHEMA_VERSION:
        raise OutboxError(
            f"{path} was written by a newer modemagent (schema {version})",
            hint="Update modemagent, or name another directory with --state-dir.",
        )
    try:
        if version < SCHEMA_VERSION:
            with transaction(db):
                _migrate(db, version)
        for probe in _PROBES:
            db.execute(probe)
    except sqlite3.OperationalError as error:
        if "no such" in str(error) or "already exists" in str(error):
            raise Damage(f"it is an SQLite file, but no outbox: {error}") from None
        raise


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
        db.execute("INSERT INTO dead VALUES (?, ?, ?, ?, ?, ?)", (*row, packed(body)))
    for path, text in places:
        db.execute("INSERT INTO places VALUES (?, ?)", (path, packed(text.encode())))
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
        raise Damage(f"a report in it is not whole: {error}") from None


def _look_at_the_log(path: Path) -> None:
    """Raise Damage for a write-ahead log that is none.

    SQLite takes such a log for an empty one and goes on with the state before it, in which
    numbers that were given since are free again.
    """
    with contextlib.suppress(FileNotFoundError):
        with Path(f"{path}-wal").open("rb") as log:
            head = log.read(32)
        if head and head[:4] not in _WAL_MAGIC:
            raise Damage("its write-ahead log is something else")
