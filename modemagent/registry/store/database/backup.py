"""Backup of an SQLite database while it is served, and restoring it.

PostgreSQL has its own tools for both (``pg_basebackup``).
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection, select
from sqlalchemy.engine import make_url

from modemagent.errors import RegistryStoreError, UsageError
from modemagent.registry.store.database import dialect
from modemagent.registry.store.database.engine import Database, is_sqlite_url, now_ms
from modemagent.registry.store.database.sqlite_driver import leave_wal
from modemagent.registry.store.migrations import NEWEST
from modemagent.registry.store.privacy import acts
from modemagent.registry.store.tables import schema

_LOCK_TIMEOUT_S = 2.0
_LAST_BACKUP = "last_backup"  # setting: milliseconds since 1970, as text


def back_up(url: str, target: Path) -> None:
    """Copy a database that may be served meanwhile, as of one moment, and verify the copy.

    The file is readable by its owner alone, and it appears only once it is complete.

    :raises UsageError: the database is not SQLite, or the file exists
    :raises RegistryStoreError: the database cannot be read, or the copy cannot be written
    """
    source = _file_of(url)
    if target.exists():
        raise UsageError(f"{target} exists", hint="Choose another file, or delete this one.")
    if not target.absolute().parent.is_dir():
        raise UsageError(f"the directory {target.parent} does not exist", hint="Create it first.")
    partial = target.with_name(target.name + ".part")
    try:
        partial.unlink(missing_ok=True)
        os.close(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        with (
            contextlib.closing(_open(source)) as reader,
            contextlib.closing(sqlite3.connect(partial)) as copy,
        ):
            reader.backup(copy)  # in one step: in smaller ones, each commit would start it again
            copy.execute("PRAGMA journal_mode=DELETE")
        _check(partial)
        _sync(partial)
        partial.rename(target)
        _sync(target.parent)
    except (OSError, sqlite3.Error) as error:
        partial.unlink(missing_ok=True)
        raise RegistryStoreError(
            f"the backup {target} cannot be written: {_reason(error)}",
            hint="Check the free space, and the permissions of database and directory.",
        ) from error


def note_backup(database: Database) -> None:
    """Store in a database that it was backed up now."""
    with database.writing() as connection:
        value = str(now_ms()).encode()
        rows = [(_LAST_BACKUP, value)]
        dialect.upsert_rows(connection, schema.setting, ("name",), ("value",), rows)
        acts.note(connection, "backup.make")


def last_backup_ms(connection: Connection) -> int | None:
    """Return when an SQLite database was backed up last; None: not with this program."""
    c = schema.setting.c
    found = connection.execute(select(c.value).where(c.name == _LAST_BACKUP)).scalar()
    return None if found is None else int(bytes(found))


def restore(url: str, backup: Path) -> Path | None:
    """Replace a database by a backup, and return where the replaced one is kept.

    :returns: its path; None if the database is new
    :raises UsageError: the database is not SQLite
    :raises RegistryStoreError: the database is served, or the backup is damaged or of another
        version
    """
    target = _file_of(url)
    partial = target.with_name(target.name + ".part")
    kept = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        partial.unlink(missing_ok=True)
        os.close(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        shutil.copyfile(backup, partial)
        _check(partial)
        _sync(partial)
        with contextlib.ExitStack() as stack:
            if target.exists():
                stack.enter_context(_unserved(target))
                now = datetime.now(UTC)
                kept = target.with_name(f"{target.name}.before-{now:%Y%m%dT%H%M%S}Z")
                kept.hardlink_to(target)
            partial.replace(target)
            _sync(target.parent)
    except (OSError, sqlite3.Error) as error:
        raise RegistryStoreError(
            f"{backup} cannot be restored: {_reason(error)}",
            hint="Check the file, the free space and the permissions of the directory.",
        ) from error
    finally:
        partial.unlink(missing_ok=True)
    return kept


def _reason(error: OSError | sqlite3.Error) -> str:
    """Return why a file cannot be used, without the number of the error.

    >>> _reason(FileNotFoundError(2, "No such file or directory"))
    'no such file or directory'
    """
    text = (error.strerror if isinstance(error, OSError) else None) or str(error)
    return text[:1].lower() + text[1:]


def _file_of(url: str) -> Path:
    if not is_sqlite_url(url):
        raise UsageError(
            "a PostgreSQL database is backed up and restored with the tools of PostgreSQL",
            hint="Use pg_basebackup, or pg_dump and pg_restore; see docs/registry.md.",
        )
    return Path(str(make_url(url).database)).absolute()


def _open(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, isolation_level=None)


def _check(path: Path) -> None:
    """Check the pages and indexes of a database, and that it belongs to this version."""
    with contextlib.closing(_open(path)) as connection:
        damage = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
        if damage != "ok":
            raise sqlite3.DatabaseError(f"the file is damaged: {damage}")
        version = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    if version is None or version[0] != NEWEST:
        raise sqlite3.DatabaseError("the file is not a registry database of this version")


@contextlib.contextmanager
def _unserved(path: Path) -> Iterator[None]:
    """Hold a database that no other process has open, without a write-ahead log.

    :raises RegistryStoreError: another process has it open
    """
    with contextlib.closing(
        sqlite3.connect(path, isolation_level=None, timeout=_LOCK_TIMEOUT_S)
    ) as connection:
        try:
            leave_wal(connection)
            connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            raise RegistryStoreError(
                f"another process has the database {path} open",
                hint="Stop the registry first: systemctl stop modemagent-registry",
            ) from error
        yield


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
