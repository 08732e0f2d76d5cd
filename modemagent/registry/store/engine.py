"""The database: one engine, many readers, one writer.

SQLite in WAL mode with ``synchronous=FULL``: what was acknowledged survives a power cut. Writers
of this process queue at one lock, so that none meets ``SQLITE_BUSY`` halfway; another process
(the token command beside a running server) waits by ``busy_timeout``.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.pool import ConnectionPoolEntry

from modemagent.errors import RegistryStoreError
from modemagent.registry.store.migrations import migrate

_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA busy_timeout=15000",
    "PRAGMA foreign_keys=ON",
    "PRAGMA cache_size=-32768",
)


def now_ms() -> int:
    """Milliseconds since 1970 UTC, by this machine's clock."""
    return time.time_ns() // 1_000_000


class Database:
    """An open registry database, brought to today's schema.

    :param url: SQLAlchemy URL, as ``sqlite:////var/lib/modemagent/registry.db``
    :param guest: another process may be serving: leave checkpoints to it (SQLite before 3.51.3
        can damage a WAL when one process checkpoints at the moment another writes)
    :raises RegistryStoreError: not a usable URL, no access, or written by a newer version
    """

    def __init__(self, url: str, *, guest: bool = False) -> None:
        try:
            parsed = make_url(url)
        except ArgumentError as error:
            raise _unusable(url) from error
        if parsed.get_backend_name() != "sqlite":
            raise RegistryStoreError(
                f"no {parsed.get_backend_name()} database is supported yet",
                hint="use sqlite:////absolute/path/registry.db",
            )
        if parsed.database in (None, "", ":memory:"):
            raise RegistryStoreError(
                "the registry needs a database file",
                hint="use sqlite:////absolute/path/registry.db",
            )
        try:
            self._engine = create_engine(parsed, pool_size=8, max_overflow=32)
        except (NoSuchModuleError, ImportError) as error:
            raise _unusable(url) from error
        self.url = url
        self._write_lock = threading.Lock()
        event.listen(self._engine, "connect", _prepare_guest if guest else _prepare)
        event.listen(self._engine, "begin", _begin_immediate_when_writing)
        self._private(Path(str(parsed.database)))
        try:
            with self.writing() as connection:
                migrate(connection)
        except DBAPIError as error:
            raise RegistryStoreError(
                f"the database {parsed.database} can not be used: {error.orig}",
                hint="check the path, its owner and the space on the disk",
            ) from error

    @staticmethod
    def _private(path: Path) -> None:
        """Identifiers are personal: the file is its owner's alone."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            path.touch(mode=0o600, exist_ok=True)
        except OSError as error:
            raise RegistryStoreError(
                f"the database {path} can not be written: {error.strerror}",
                hint="choose another --state-dir or --database",
            ) from error

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Give a connection that sees one state of the database throughout."""
        with self._engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Give the one writing connection; commits at the end, rolls back on an error."""
        with (
            self._write_lock,
            self._engine.connect().execution_options(modemagent_writes=True) as connection,
            connection.begin(),
        ):
            yield connection

    def answers(self) -> bool:
        """Return whether the database can be read now."""
        try:
            with self.reading() as connection:
                connection.execute(text("SELECT version FROM schema_version")).all()
        except DBAPIError:
            return False
        return True

    def close(self) -> None:
        self._engine.dispose()


def default_url(state_dir: Path) -> str:
    """Return the URL of the database kept in a state directory."""
    return f"sqlite:///{state_dir.absolute() / 'registry.db'}"


def _unusable(url: str) -> RegistryStoreError:
    return RegistryStoreError(
        f"{url.split('@')[-1]!r} is no database URL that can be used",
        hint="use sqlite:////absolute/path/registry.db",
    )


def _prepare(connection: object, _entry: ConnectionPoolEntry) -> None:
    # the driver's own transaction handling begins late; BEGIN is sent by the hook below
    connection.isolation_level = None  # type: ignore[attr-defined]
    cursor = connection.cursor()  # type: ignore[attr-defined]
    for pragma in _PRAGMAS:
        cursor.execute(pragma)
    cursor.close()


def _prepare_guest(connection: object, entry: ConnectionPoolEntry) -> None:
    _prepare(connection, entry)
    connection.execute("PRAGMA wal_autocheckpoint=0")  # type: ignore[attr-defined]


def _begin_immediate_when_writing(connection: Connection) -> None:
    writes = connection.get_execution_options().get("modemagent_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
