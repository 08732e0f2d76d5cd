"""The outbox: reports wait on disk until the registry has acknowledged them.

A report gets its sequence number and its row in one committed transaction, together with the
reading the agent will compare the next one with. So whenever the process dies, either all of it
happened or nothing did, and what was not recorded is observed again.

SQLite with a write-ahead log, ``synchronous=FULL``; one process, one connection, and a lock
around it, because the courier's thread removes rows while the agent adds some. A longer module
than most: every statement that touches the file stands here and nowhere else.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from modemagent import __version__
from modemagent.errors import OutboxError
from modemagent.logs import Log
from modemagent.report import origin
from modemagent.report.message import (
    JsonObject,
    PortPlace,
    Reason,
    Report,
    canonical_body,
)
from modemagent.report.state_dir import StateDirLock

T = TypeVar("T")

DB_NAME = "outbox.db"
# A full disk stops even the deletes of a write-ahead log, so room is kept in hand: some for what
# must still be stored, and some apart that only the taking out may use.
_RESERVES = {"put": "reserve-put", "settle": "reserve-settle"}
_RESERVE_BYTES = 256 * 1024

_SCHEMA_VERSION = 1
_SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE reports (sequence INTEGER PRIMARY KEY, report_id TEXT NOT NULL, body BLOB NOT NULL);
CREATE TABLE dead (
    stream_id TEXT NOT NULL, sequence INTEGER NOT NULL, report_id TEXT NOT NULL,
    body BLOB NOT NULL, why TEXT NOT NULL, set_aside_at TEXT NOT NULL);
CREATE TABLE places (path TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;
"""
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


@dataclass(frozen=True, slots=True)
class Stored:
    """A report as it stands in the outbox; ``body`` is its canonical JSON."""

    sequence: int
    report_id: str
    body: bytes


@dataclass(frozen=True, slots=True)
class SetAside:
    """A report the registry would not take, kept for a person to look at."""

    stored: Stored
    why: str
    set_aside_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What a report will say, before it has a sequence number."""

    reason: Reason
    port: PortPlace | None = None
    modem: JsonObject | None = None
    sims: Sequence[JsonObject] = ()
    problems: Sequence[JsonObject] = ()
    network: JsonObject | None = None
    evidence: Sequence[JsonObject] = ()


class Outbox:
    """The queue of one state directory.

    :param state_dir: made with mode 0700 when missing, and held by this process alone
    :param gateway_id: who reports; None derives one from the machine's id
    :raises OutboxError: the directory can not be written, or another agent holds it
    """

    def __init__(self, state_dir: Path, *, gateway_id: str | None, log: Log) -> None:
        self._log = log
        self._mutex = threading.Lock()
        self._closed = False
        self._path = state_dir / DB_NAME
        self._reserves = {use: state_dir / name for use, name in _RESERVES.items()}
        self._state_dir_lock = StateDirLock(state_dir)
        self._wanted_gateway_id = gateway_id
        try:
            self._open()
        except BaseException:
            self._state_dir_lock.close()
            raise

    # -- opening, and opening anew after damage

    def _open(self) -> None:
        try:
            self._connect()
        except sqlite3.DatabaseError as error:
            if not _is_damage(error):
                raise _unusable(self._path, error) from None
            self._replace(error)

    def _replace(self, damage: sqlite3.DatabaseError) -> None:
        """Set the damaged file aside and start a new stream; the damage must not stop reports."""
        with contextlib.suppress(sqlite3.Error, AttributeError):
            self._db.close()
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        aside = self._path.with_name(f"{DB_NAME}.damaged-{stamp}-{secrets.token_hex(2)}")
        for suffix in ("", "-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                Path(f"{self._path}{suffix}").rename(f"{aside}{suffix}")
        self._log.error(
            "outbox_damaged",
            reason=str(damage),
            set_aside=str(aside),
            effect="reports in it were not sent; a new stream begins",
        )
        try:
            self._connect()
        except sqlite3.DatabaseError as error:
            raise _unusable(self._path, error) from None

    def _connect(self) -> None:
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        os.close(descriptor)
        db = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        self._db = db
        if not self._path.stat().st_size:
            db.execute("PRAGMA page_size=1024")
            db.execute("PRAGMA auto_vacuum=INCREMENTAL")
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        db.execute("PRAGMA wal_autocheckpoint=256")
        db.execute("PRAGMA journal_size_limit=262144")
        db.execute("PRAGMA cache_size=-256")
        (verdict,) = db.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise _Damage(str(verdict))
        (version,) = db.execute("PRAGMA user_version").fetchone()
        if version > _SCHEMA_VERSION:
            raise OutboxError(
                f"{self._path} was written by a newer modemagent (schema {version})",
                hint="Update modemagent, or name another directory with --state-dir.",
            )
        with _transaction(db):
            if version == 0:
                for statement in _SCHEMA.split(";\n"):
                    db.execute(statement)
                db.execute(f"PRAGMA user_version={_SCHEMA_VERSION}")
            self._settle_identity(db)
        self._keep_reserves()

    def _settle_identity(self, db: sqlite3.Connection) -> None:
        meta: dict[str, str] = dict(db.execute("SELECT key, value FROM meta").fetchall())
        boot = origin.boot_id()
        same_boot = meta.get("boot_id") == boot
        self.rebooted = "boot_id" in meta and not same_boot
        count = int(meta.get("boot_count", "0")) + (0 if same_boot else 1)
        new = {
            "stream_id": meta.get("stream_id") or secrets.token_hex(16),
            "next_sequence": meta.get("next_sequence", "1"),
            "boot_id": boot,
            "boot_count": str(count),
            "gateway_id": self._wanted_gateway_id
            or origin.derived_gateway_id()
            or meta.get("gateway_id")
            or f"gw-{secrets.token_hex(6)}",
        }
        db.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", list(new.items()))
        self.stream_id = new["stream_id"]
        self.gateway_id = new["gateway_id"]
        self.boot_id = boot
        self.boot_count = count

    # -- the agent's side

    def put(self, observation: Observation, *, places: Mapping[str, JsonObject | None]) -> Report:
        """Store one report and what the agent remembers with it; return once it is on disk.

        :param places: port path -> the reading to compare the next one with, None to forget it
        :raises OutboxError: the disk took it not; nothing at all was stored
        """
        moment = origin.Moment.now()
        with self._using() as db:
            return self._with_reserve("put", lambda: self._put(db, observation, places, moment))

    def _put(
        self,
        db: sqlite3.Connection,
        observation: Observation,
        places: Mapping[str, JsonObject | None],
        moment: origin.Moment,
    ) -> Report:
        with _transaction(db):
            (text,) = db.execute("SELECT value FROM meta WHERE key='next_sequence'").fetchone()
            report = Report(
                report_id=origin.uuid7(),
                gateway_id=self.gateway_id,
                stream_id=self.stream_id,
                sequence=int(text),
                boot_id=self.boot_id,
                boot_count=self.boot_count,
                uptime_ms=moment.uptime_ms,
                observed_at=moment.observed_at,
                clock_synchronized=moment.clock_synchronized,
                agent_version=__version__,
                reason=observation.reason,
                port=observation.port,
                modem=observation.modem,
                sims=tuple(observation.sims),
                problems=tuple(observation.problems),
                network=observation.network,
                evidence=tuple(observation.evidence),
            )
            db.execute(
                "UPDATE meta SET value=? WHERE key='next_sequence'", (str(report.sequence + 1),)
            )
            db.execute(
                "INSERT INTO reports VALUES (?, ?, ?)",
                (report.sequence, report.report_id, canonical_body(report.to_json())),
            )
            _keep_places(db, places)
        return report

    def places(self) -> dict[str, JsonObject]:
        """Return port path -> the last reading stored for it."""
        with self._using() as db:
            rows = db.execute("SELECT path, body FROM places ORDER BY path").fetchall()
        return {path: json.loads(body) for path, body in rows}

    # -- the courier's side

    def batch(self, limit: int) -> list[Stored]:
        """Return the oldest reports in the order of their sequence."""
        with self._using() as db:
            return _stored(db, limit)

    def settle(self, done: Sequence[Stored], dead: Sequence[tuple[Stored, str]] = ()) -> None:
        """Take acknowledged reports out, and set refused ones aside with the reason."""
        now = origin.Moment.now().observed_at
        with self._using() as db:

            def settle() -> None:
                with _transaction(db):
                    for stored, why in dead:
                        db.execute(
                            "INSERT INTO dead VALUES (?, ?, ?, ?, ?, ?)",
                            (
                                self.stream_id,
                                stored.sequence,
                                stored.report_id,
                                stored.body,
                                why,
                                now,
                            ),
                        )
                    gone = [*done, *(stored for stored, _ in dead)]
                    # the id too: after damage a new stream may use the same number again
                    db.executemany(
                        "DELETE FROM reports WHERE sequence=? AND report_id=?",
                        [(stored.sequence, stored.report_id) for stored in gone],
                    )

            self._with_reserve("settle", settle)
            self._keep_reserves()

    def depth(self) -> tuple[int, int]:
        """Return how many reports wait, and how many are set aside."""
        with self._using() as db:
            return _depth(db)

    def set_aside(self, limit: int = 1000) -> list[SetAside]:
        with self._using() as db:
            return _dead(db, limit)

    def close(self) -> None:
        with self._mutex:
            if not self._closed:
                self._closed = True
                with contextlib.suppress(sqlite3.Error):
                    self._db.close()
                self._state_dir_lock.close()

    # -- the disk

    @contextlib.contextmanager
    def _using(self) -> Iterator[sqlite3.Connection]:
        with self._mutex:
            if self._closed:
                raise OutboxError("the outbox is closed")
            try:
                yield self._db
            except sqlite3.DatabaseError as error:
                if _is_damage(error):
                    self._replace(error)
                    raise OutboxError(
                        "the outbox was damaged and has been replaced", hint="See the log."
                    ) from None
                raise _unusable(self._path, error) from None

    def _with_reserve(self, use: str, work: Callable[[], T]) -> T:
        try:
            return work()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_FULL or not self._open_up(use):
                raise
        return work()

    def _open_up(self, use: str) -> bool:
        try:
            self._reserves[use].unlink()
        except OSError:
            return False
        self._log.error("disk_full", file=str(self._path), effect=f"the reserve to {use} is used")
        return True

    def _keep_reserves(self) -> None:
        if all(reserve.exists() for reserve in self._reserves.values()):
            return
        # what was filled with reports is free inside the file; give it back to the disk first
        with contextlib.suppress(sqlite3.Error):
            free = -1
            # a little at a time: the moved pages pass through the log, on the same full disk
            while free != (free := self._db.execute("PRAGMA freelist_count").fetchone()[0]):
                self._db.execute("PRAGMA incremental_vacuum(128)").fetchall()
                self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        for reserve in reversed(self._reserves.values()):
            if reserve.exists():
                continue
            try:
                descriptor = os.open(reserve, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
                try:
                    os.posix_fallocate(descriptor, 0, _RESERVE_BYTES)
                finally:
                    os.close(descriptor)
            except OSError:
                with contextlib.suppress(OSError):
                    reserve.unlink()


class OutboxReader:
    """The outbox of an agent that does not run, opened to be read only.

    :raises OutboxError: there is none, or it can not be read
    """

    def __init__(self, state_dir: Path) -> None:
        path = state_dir / DB_NAME
        if not path.exists():
            raise OutboxError(
                f"there is no outbox in {state_dir}",
                hint="Name the agent's directory with --state-dir.",
            )
        try:
            # after an orderly stop there is no log to read; saying so spares making one
            mode = "mode=ro" if Path(f"{path}-wal").exists() else "mode=ro&immutable=1"
            self._db = sqlite3.connect(f"{path.absolute().as_uri()}?{mode}", uri=True)
            self.depth()
        except sqlite3.Error as error:
            raise _unusable(path, error) from None

    def depth(self) -> tuple[int, int]:
        return _depth(self._db)

    def batch(self, limit: int) -> list[Stored]:
        return _stored(self._db, limit)

    def set_aside(self, limit: int = 1000) -> list[SetAside]:
        return _dead(self._db, limit)

    def close(self) -> None:
        self._db.close()


class _Damage(sqlite3.DatabaseError):
    sqlite_errorcode = sqlite3.SQLITE_CORRUPT


def _is_damage(error: sqlite3.DatabaseError) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGED


def _unusable(path: Path, error: sqlite3.Error) -> OutboxError:
    return OutboxError(
        f"the outbox {path} can not be used: {error}",
        hint="Check the disk and who may write there.",
    )


@contextlib.contextmanager
def _transaction(db: sqlite3.Connection) -> Iterator[None]:
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        # SQLite has rolled back by itself after some errors (a full disk is one)
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def _keep_places(db: sqlite3.Connection, places: Mapping[str, JsonObject | None]) -> None:
    for path, body in places.items():
        if body is None:
            db.execute("DELETE FROM places WHERE path=?", (path,))
        else:
            db.execute("INSERT OR REPLACE INTO places VALUES (?, ?)", (path, json.dumps(body)))


def _stored(db: sqlite3.Connection, limit: int) -> list[Stored]:
    rows = db.execute(
        "SELECT sequence, report_id, body FROM reports ORDER BY sequence LIMIT ?", (limit,)
    )
    return [Stored(*row) for row in rows]


def _dead(db: sqlite3.Connection, limit: int) -> list[SetAside]:
    rows = db.execute(
        "SELECT sequence, report_id, body, why, set_aside_at FROM dead ORDER BY rowid DESC LIMIT ?",
        (limit,),
    )
    return [SetAside(Stored(*row[:3]), row[3], row[4]) for row in rows]


def _depth(db: sqlite3.Connection) -> tuple[int, int]:
    (waiting,) = db.execute("SELECT count(*) FROM reports").fetchone()
    (dead,) = db.execute("SELECT count(*) FROM dead").fetchone()
    return waiting, dead
