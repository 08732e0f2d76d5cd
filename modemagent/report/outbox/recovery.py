"""Storage of the outbox: the database file, and how the outbox survives a full or damaged disk.

There is one policy for a damaged file: it is quarantined, the rows that plain SELECT statements
reach from both ends of each table are copied to a new database, and a new stream begins. The
sequence numbers of a damaged file cannot be trusted; the copied reports keep theirs, because the
registry recognizes by them what it already holds.

On a full disk reserved space is released. If no file can be opened, the queue is kept in memory, in
a stream of its own, and moved to the disk as soon as possible.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

from modemagent.logs import Log
from modemagent.report.message import Report
from modemagent.report.outbox.database import OutboxDatabase
from modemagent.report.outbox.records import OutboxContents, ReportRow
from modemagent.report.outbox.reserve import Reserves, ReserveUse
from modemagent.report.outbox.state_dir import (
    COMPANIONS,
    DB_NAME,
    quarantined_files,
    sync_directory,
)
from modemagent.report.outbox.stream import StreamIdentity, resolve_stream
from modemagent.report.outbox.tables import (
    DatabaseDamaged,
    decompress,
    is_damage,
    is_full,
    is_number,
    open_readonly,
    result_code,
    stored_baseline,
)

T = TypeVar("T")
#: A failing flash must not be filled with the files that it has damaged.
MAX_QUARANTINED = 4
_MEMORY_BYTES = 2 * 1024 * 1024
_FILES = ("", *COMPANIONS)
_KEPT_META = ("gateway_id", "boot_id", "boot_count")


class OutboxStorage:
    """The database of one state directory, or its substitute in memory. Not thread-safe.

    :param limit_bytes: limit of all reports, compressed
    :raises OutboxError: a newer version wrote the file
    """

    database: OutboxDatabase
    identity: StreamIdentity

    def __init__(
        self, state_dir: Path, *, gateway_id: str | None, limit_bytes: int, log: Log
    ) -> None:
        self._path = state_dir / DB_NAME
        self._gateway_id = gateway_id
        self._limit_bytes = limit_bytes
        self._log = log
        self._reserves = Reserves(state_dir)
        #: why the queue is in memory only, "" while it is on disk
        self.error = ""
        #: parts of the identity that are stored with the next report
        self.unwritten: dict[str, str] = {}
        self._open()

    @property
    def in_memory(self) -> bool:
        return bool(self.error)

    def run_with_recovery(self, use: ReserveUse, work: Callable[[], T]) -> T:
        """Run a function of the database, again after a recovery if the disk is full or damaged."""
        for _ in range(3):
            try:
                return work()
            except (sqlite3.Error, UnicodeDecodeError) as error:
                if is_damage(error) and not self.in_memory:
                    self.database.close()
                    self._open(str(error))
                elif not is_full(error) or not self._release(use):
                    raise
        return work()

    def _release(self, use: ReserveUse) -> bool:
        released = self._reserves.release(use)
        if released:
            effect = f"the reserve to {use} reports is used"
            self._log.error("disk_full", file=str(self._path), effect=effect)
        return released

    def restore_reserves(self) -> None:
        """Allocate released reserves again if there is room."""
        if not self.in_memory and not self._reserves.complete:
            self.database.shrink()
            self._reserves.allocate()

    def _use(self, database: OutboxDatabase) -> None:
        self.database = database
        self.identity, self.unwritten = resolve_stream(database.meta(), self._gateway_id)
        if not self.in_memory:
            self._reserves.allocate()

    # -- opening and recovery

    def _open(self, damage: str = "") -> None:
        """Open the database, or the substitute in memory.

        :param damage: what is wrong with the file, if it was in use until now
        """
        try:
            if damage:
                self._quarantine(damage)
            self._use(self._open_file(lambda: recover(_recovering(self._path))))
        except (sqlite3.Error, OSError, UnicodeDecodeError) as error:
            contents = recover(self._path) or recover(_recovering(self._path))
            reason = f"{damage}, and no new file can be created: {error}" if damage else error
            self.error = f"reports are kept in memory only: {reason}"
            database = OutboxDatabase(None, limit_bytes=_MEMORY_BYTES, initial=lambda: contents)
            self._use(database)

    def return_to_disk(self) -> None:
        """Move the queue from memory to the disk.

        :raises sqlite3.Error, OSError: no file can be opened or created
        """
        contents = _contents(self.database.db)
        contents.meta["gateway_id"] = self.identity.gateway_id
        is_new = False

        def initial() -> OutboxContents:
            nonlocal is_new
            is_new = True
            return contents  # what was readable in a damaged file is in memory, or was delivered

        database = self._open_file(initial)
        try:
            if not is_new:
                # ports that disappeared meanwhile are removed from the file
                contents.baselines = dict.fromkeys(database.baselines()) | contents.baselines
                database.append(contents)
        except BaseException:
            database.close()
            raise
        self.database.close()
        self.error = ""
        self._use(database)

    def _open_file(self, initial: Callable[[], OutboxContents]) -> OutboxDatabase:
        """Open the database, a new one with these contents; quarantine a damaged file first."""
        try:
            return self._connect(initial)
        except (sqlite3.Error, OSError, UnicodeDecodeError) as error:
            if not (is_damage(error) or _is_obstructed(self._path, error)):
                raise
            self._quarantine(str(error))
        return self._connect(initial)

    def _quarantine(self, reason: str) -> None:
        _quarantine(self._path)
        self._log.error("outbox_quarantined", reason=reason, effect="a new stream begins")

    def _connect(self, initial: Callable[[], OutboxContents]) -> OutboxDatabase:
        damaged = _recovering(self._path)
        if os.path.lexists(damaged) and not os.path.lexists(self._path):
            _move(self._path, damaged)  # the rest of an interrupted quarantine
        while True:
            try:
                database = OutboxDatabase(
                    self._path, limit_bytes=self._limit_bytes, initial=initial
                )
                break
            except sqlite3.Error as error:
                if not (is_full(error) and self._release("put")):
                    raise
        if os.path.lexists(damaged):
            reports, dead_letters = database.depth()
            with contextlib.suppress(OSError):  # otherwise at the next start
                damaged = _keep_quarantined(self._path)
            self._log.warning(
                "outbox_rebuilt",
                reports=reports,
                dead_letters=dead_letters,
                quarantined=str(damaged),
            )
        return database


# -- reading a damaged file


def recover(path: Path) -> OutboxContents:
    """Return the intact rows of a database that SELECT statements reach; writes nothing."""
    for with_log in (True, False):
        with contextlib.suppress(sqlite3.Error, UnicodeDecodeError):
            with contextlib.closing(open_readonly(path, with_log=with_log)) as db:
                found = _contents(db)
            if found:
                return found
    return OutboxContents()


def _contents(db: sqlite3.Connection) -> OutboxContents:
    found = OutboxContents()
    known: set[str] = set()
    for body, reason, rejected_at in _reachable(db, "dead", "rowid", "body, why, set_aside_at"):
        if (report := _intact(body)) and report.report_id not in known:
            known.add(report.report_id)
            verdict = (str(reason), str(rejected_at))
            found.dead_letters.append((ReportRow.of(report, body), *verdict))
    for (body,) in _reachable(db, "reports", "rowid", "body"):
        if (report := _intact(body)) and report.report_id not in known:
            known.add(report.report_id)
            found.reports.append(ReportRow.of(report, body))
            found.meta = {
                "gateway_id": report.gateway_id,
                "boot_id": report.boot_id,
                "boot_count": str(report.boot_count),
            }
    for port, body in _reachable(db, "places", "path", "path, body"):
        with contextlib.suppress(DatabaseDamaged):
            found.baselines |= [stored_baseline(port, body)]
    meta = {
        key: value
        for key, value in _reachable(db, "meta", "key", "key, value")
        if key in _KEPT_META and isinstance(value, str) and value.isascii()
    }
    if is_number(meta.get("boot_count", "0")):
        found.meta |= meta
    return found


def _intact(body: object) -> Report | None:
    """Return the report of a row, None unless all of it is what was written."""
    try:
        # the other columns repeat parts of the body, and only the body has a checksum
        return Report.from_json(json.loads(decompress(body)))  # type: ignore[arg-type]
    except Exception:  # noqa: BLE001 - a damaged row holds anything, and affects no other row
        return None


def _reachable(db: sqlite3.Connection, table: str, key: str, columns: str) -> list[tuple[Any, ...]]:
    """Return rows in ascending order: from both ends of the table up to the first error.

    Rows that both ends reach are returned twice. The key does not tell rows apart, because damage
    may give two rows the same one.
    """
    ends: list[list[tuple[Any, ...]]] = []
    for order in ("ASC", "DESC"):
        rows: list[tuple[Any, ...]] = []
        ends.append(rows)
        with contextlib.suppress(sqlite3.Error, UnicodeDecodeError):
            # table and columns are constants of this module
            select = f"SELECT {columns} FROM {table} ORDER BY {key} {order}"  # noqa: S608
            rows.extend(db.execute(select))
            return rows
    ascending, descending = ends
    return [*ascending, *reversed(descending)]


# -- the names of quarantined files


def _recovering(path: Path) -> Path:
    """Return the name of a damaged file until its rows are in the new database."""
    return path.with_name(f"{path.name}.recovering")


def _quarantine(path: Path) -> None:
    """Move a damaged database and its companions out of the way.

    The database comes first: without its log it would look like an older outbox. If the process is
    killed, the next start moves the rest. Likewise, the new database is committed together with the
    recovered rows, and until then the file keeps this name and is read again.
    """
    damaged = _recovering(path)
    if os.path.lexists(damaged):
        _keep_quarantined(path)
    _move(path, damaged)


def _keep_quarantined(path: Path) -> Path:
    """Give a damaged file its final name and return it; delete the oldest of such files."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    kept = path.with_name(f"{path.name}.damaged-{stamp}-{secrets.token_hex(2)}")
    _move(_recovering(path), kept, reversed(_FILES))
    for name in quarantined_files(path.parent)[:-MAX_QUARANTINED]:
        for suffix in _FILES:
            with contextlib.suppress(OSError):  # a directory is not deleted
                path.with_name(f"{name}{suffix}").unlink()
    return kept


def _move(old: Path, new: Path, suffixes: Iterable[str] = _FILES) -> None:
    for suffix in suffixes:
        with contextlib.suppress(FileNotFoundError):
            Path(f"{old}{suffix}").rename(f"{new}{suffix}")
            with contextlib.suppress(OSError):
                sync_directory(old.parent)


def _is_obstructed(path: Path, error: BaseException) -> bool:
    """Return True if the file cannot be used although its directory is writable.

    It is a directory, has wrong permissions, or its header makes SQLite open it read-only.
    """
    if not os.access(path.parent, os.W_OK):
        return False
    files = [file for suffix in _FILES if (file := Path(f"{path}{suffix}")).exists()]
    usable = all(file.is_file() and os.access(file, os.R_OK | os.W_OK) for file in files)
    return not usable or result_code(error) == sqlite3.SQLITE_READONLY
