"""Storage of the outbox: the database file, and how the outbox survives a full or damaged disk.

There is one policy for a damaged file: it is quarantined, the rows that plain SELECT statements
reach from both ends of each table are copied to a new database
(:mod:`~modemagent.report.outbox.recovery`), and a new stream begins. The sequence numbers of a
damaged file cannot be trusted; the copied reports keep theirs, because the registry uses them to
recognize reports it already holds.

On a full disk reserved space is released. If no file can be opened, the queue is kept in memory, in
a stream of its own, and moved to the disk as soon as possible.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

from modemagent.logs import Log
from modemagent.report.outbox.database import OutboxDatabase
from modemagent.report.outbox.records import OutboxContents
from modemagent.report.outbox.recovery import contents_of, recover
from modemagent.report.outbox.reserve import Reserves, ReserveUse
from modemagent.report.outbox.state_dir import (
    COMPANIONS,
    DB_NAME,
    quarantined_files,
    sync_directory,
)
from modemagent.report.outbox.stream_identity import StreamIdentity, resolve_stream
from modemagent.report.outbox.tables import (
    is_damage,
    is_full,
    result_code,
)

T = TypeVar("T")
#: Quarantined files to keep: they must not fill a failing flash disk.
MAX_QUARANTINED = 4
_MEMORY_BYTES = 2 * 1024 * 1024
_FILES = ("", *COMPANIONS)
_PURPOSES: dict[ReserveUse, str] = {"put": "storing", "acknowledge": "acknowledging"}


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
        self.memory_reason = ""
        #: parts of the identity that are stored with the next report
        self.unwritten: dict[str, str] = {}
        self._restarts: int | None = None
        self._open()

    @property
    def in_memory(self) -> bool:
        return bool(self.memory_reason)

    def run_with_recovery(self, use: ReserveUse, work: Callable[[], T]) -> T:
        """Run a database operation; if the disk is full or the file damaged, recover and retry."""
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
            effect = f"the space reserved for {_PURPOSES[use]} reports is now in use"
            self._log.error("disk_full", file=str(self._path), effect=effect)
        return released

    def restore_reserves(self) -> None:
        """Allocate released reserves again if there is room."""
        if not self.in_memory and not self._reserves.complete:
            self.database.shrink()
            self._reserves.allocate()

    def _adopt(self, database: OutboxDatabase) -> None:
        self.database = database
        meta = database.meta()
        self.identity, self.unwritten = resolve_stream(meta, self._gateway_id, self._restarts)
        self._restarts = self.identity.restarts
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
            self._adopt(self._open_file(lambda: recover(_recovering_path(self._path))))
        except (sqlite3.Error, OSError, UnicodeDecodeError) as error:
            contents = recover(self._path) or recover(_recovering_path(self._path))
            reason = f"{damage}, and no new file can be created: {error}" if damage else error
            self.memory_reason = f"reports are kept in memory only: {reason}"
            database = OutboxDatabase(None, limit_bytes=_MEMORY_BYTES, initial=lambda: contents)
            self._adopt(database)

    def return_to_disk(self) -> None:
        """Move the queue from memory to the disk.

        :raises sqlite3.Error, OSError: no file can be opened or created
        """
        contents = contents_of(self.database.db)
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
        self.memory_reason = ""
        self._adopt(database)

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
        _move_damaged(self._path)
        self._log.error("outbox_quarantined", reason=reason, effect="a new stream begins")

    def _connect(self, initial: Callable[[], OutboxContents]) -> OutboxDatabase:
        damaged = _recovering_path(self._path)
        if os.path.lexists(damaged) and not os.path.lexists(self._path):
            _move(self._path, damaged)  # finish an interrupted quarantine
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
            with contextlib.suppress(OSError):  # if this fails, the next start does it
                damaged = _keep_quarantined(self._path)
            self._log.warning(
                "outbox_rebuilt",
                reports=reports,
                dead_letters=dead_letters,
                quarantined=str(damaged),
            )
        return database


# -- the names of quarantined files


def _recovering_path(path: Path) -> Path:
    """Return the name of a damaged file until its rows are in the new database."""
    return path.with_name(f"{path.name}.recovering")


def _move_damaged(path: Path) -> None:
    """Move a damaged database and its companions out of the way.

    The database file is moved before its log: without the log it would look like an older outbox.
    If the process dies in between, the next start moves the rest. The new database is committed
    together with the recovered rows; if the process dies earlier, the damaged file still has this
    name and is read again.
    """
    damaged = _recovering_path(path)
    if os.path.lexists(damaged):
        _keep_quarantined(path)
    _move(path, damaged)


def _keep_quarantined(path: Path) -> Path:
    """Give a damaged file its final name and return it; delete the oldest of such files."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    kept = path.with_name(f"{path.name}.damaged-{stamp}-{secrets.token_hex(2)}")
    _move(_recovering_path(path), kept, reversed(_FILES))
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
