"""The database connection: one engine, many readers, one writer.

SQLite in WAL mode with ``synchronous=FULL``: acknowledged reports survive a power cut. Writers of
this process wait for one lock, so none gets ``SQLITE_BUSY`` in a transaction; another process (the
token command next to a running server) waits up to ``busy_timeout``.
"""

from __future__ import annotations

import sqlite3
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
from modemagent.registry.store.migrations import STEPS, migrate
from modemagent.registry.workload import Workload

_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA busy_timeout=15000",
    "PRAGMA foreign_keys=ON",
    "PRAGMA cache_size=-32768",
)
_URL_HINT = "Use a URL such as sqlite:////absolute/path/registry.db."


def now_ms() -> int:
    """Return milliseconds since 1970 UTC by the clock of this machine."""
    return time.time_ns() // 1_000_000


class Database:
    """An open registry database with the current schema.

    :param url: SQLAlchemy URL, such as ``sqlite:////var/lib/modemagent/registry.db``
    :param guest: another process may be serving the database and makes the checkpoints (SQLite
        before 3.51.3 can damage a WAL if one process checkpoints while another writes)
    :raises RegistryStoreError: the URL cannot be used, access is denied, or the database was
        written by a newer version
    """

    def __init__(self, url: str, *, guest: bool = False) -> None:
        try:
            parsed = make_url(url)
        except ArgumentError as error:
            raise _unusable(url) from error
        if parsed.get_backend_name() != "sqlite":
            raise RegistryStoreError(
                f"{parsed.get_backend_name()} databases are not supported", hint=_URL_HINT
            )
        if parsed.database in (None, "", ":memory:"):
            raise RegistryStoreError("the registry needs a database file", hint=_URL_HINT)
        try:
            self._engine = create_engine(parsed, pool_size=8, max_overflow=32)
        except (NoSuchModuleError, ImportError) as error:
            raise _unusable(url) from error
        self.url = url
        self.workload = Workload()
        self._write_lock = threading.Lock()
        event.listen(self._engine, "connect", _prepare_guest if guest else _prepare)
        event.listen(self._engine, "begin", _begin_immediate_when_writing)
        _create_private(Path(str(parsed.database)))
        try:
            with self.writing() as connection:
                migrate(connection)
        except DBAPIError as error:
            raise RegistryStoreError(
                f"the database {parsed.database} cannot be used: {error.orig}",
                hint="Check the path, its owner and the free space on the disk.",
            ) from error

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Return a connection that sees one state of the database throughout."""
        with self._engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Return the writing connection; commits at the end, rolls back on an error."""
        with (
            self._locked(),
            self._engine.connect().execution_options(modemagent_writes=True) as connection,
            connection.begin(),
        ):
            yield connection

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the write lock, and count the wait for it."""
        started = 0.0
        if not self._write_lock.acquire(blocking=False):
            started = time.perf_counter()
            self._write_lock.acquire()
        try:
            if started:
                self.workload.lock_waits += 1
                self.workload.lock_wait_s += time.perf_counter() - started
            yield
        finally:
            self._write_lock.release()

    def loop_reader(self) -> sqlite3.Connection | None:
        """Return a connection for quick reads on an event loop, or None if reads can block."""
        path = Path(str(make_url(self.url).database)).absolute()
        return sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, isolation_level=None)

    @property
    def folder(self) -> Path | None:
        """Folder of the database file, or None if the database is on another machine."""
        return Path(str(make_url(self.url).database)).absolute().parent

    def problem(self) -> str | None:
        """Return why the database cannot be read or has another schema, or None."""
        try:
            with self.reading() as connection:
                version = connection.execute(
                    text("SELECT max(version) FROM schema_version")
                ).scalar()
        except DBAPIError:
            return "the database cannot be read"
        if version != len(STEPS):
            return f"the database has schema version {version}, this program needs {len(STEPS)}"
        return None

    def close(self) -> None:
        self._engine.dispose()


def default_url(state_dir: Path) -> str:
    """Return the URL of the database kept in a state directory."""
    return f"sqlite:///{state_dir.absolute() / 'registry.db'}"


def _unusable(url: str) -> RegistryStoreError:
    return RegistryStoreError(
        f"{url.split('@')[-1]!r} cannot be used as a database URL", hint=_URL_HINT
    )


def _create_private(path: Path) -> None:
    """Create the file for its owner alone: identifiers are personal data."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(mode=0o600, exist_ok=True)
    except OSError as error:
        raise RegistryStoreError(
            f"the database {path} cannot be written: {error.strerror}",
            hint="Choose another --state-dir or --database.",
        ) from error


def _prepare(connection: object, _entry: ConnectionPoolEntry) -> None:
    # the driver begins transactions late; the hook below sends BEGIN instead
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
