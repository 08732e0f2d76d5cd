"""The database written again, so that its files hold nothing of rows that were deleted."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy.engine import make_url

from modemagent.errors import RegistryStoreError
from modemagent.registry.store.database.engine import Database, is_sqlite_url
from modemagent.registry.store.database.sqlite_driver import leave_wal

_LOCK_TIMEOUT_S = 2.0


def rewrite(url: str) -> None:
    """Write all tables again (``VACUUM``, on PostgreSQL ``VACUUM FULL``).

    SQLite needs as much free space as the database has, and no other process may use it. PostgreSQL
    locks each table meanwhile.

    :raises RegistryStoreError: another process has the database open, or the disk is full
    """
    if not is_sqlite_url(url):
        with closing(Database(url, guest=True)) as database:
            database.vacuum_full()
        return
    path = Path(str(make_url(url).database)).absolute()
    with closing(
        sqlite3.connect(path, isolation_level=None, timeout=_LOCK_TIMEOUT_S)
    ) as connection:
        try:
            leave_wal(connection)
            connection.execute("PRAGMA secure_delete=ON")
            connection.execute("VACUUM")
        except sqlite3.OperationalError as error:
            raise RegistryStoreError(
                f"the database {path} cannot be written again: {error}",
                hint="Stop the registry first: systemctl stop modemagent-registry",
            ) from error
