"""The database connection: SQLite with one writer, or PostgreSQL with any number.

SQLite in WAL mode with ``synchronous=FULL``: acknowledged reports survive a power cut. Writers of
this process wait for one lock, so none gets ``SQLITE_BUSY`` in a transaction; another process (the
token command next to a running server) waits up to ``busy_timeout``.

PostgreSQL in READ COMMITTED: a writer locks gateways, then units, each in order, and reads what it
changes after the lock. The beginning and the end of a transaction are sent with the first and the
last statement (:mod:`.pipeline`).
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from itertools import count
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    InterfaceError,
    NoSuchModuleError,
    OperationalError,
    SQLAlchemyError,
)
from sqlalchemy.exc import TimeoutError as NoConnectionError
from sqlalchemy.pool import ConnectionPoolEntry, NullPool, StaticPool

from modemagent.errors import RegistryStoreError
from modemagent.registry.store.database import sqlite_driver
from modemagent.registry.store.database.ids import KeySource
from modemagent.registry.store.intake.batch import Batch
from modemagent.registry.store.migrations import NEWEST, migrate
from modemagent.registry.workload import Workload

_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA busy_timeout=15000",
    "PRAGMA foreign_keys=ON",
    "PRAGMA cache_size=-8192",
    "PRAGMA wal_autocheckpoint=8000",
)
_MOST_LOOKS = 20  # of the progress handler in a transaction on an event loop
_WRITER_CACHE = "PRAGMA cache_size=-32768"  # KiB; that of the readers is smaller
_URL_HINT = (
    "Use a URL such as sqlite:////absolute/path/registry.db"
    " or postgresql+psycopg://user:password@host/database."
)


def now_ms() -> int:
    """Return milliseconds since 1970 UTC by the clock of this machine."""
    return time.time_ns() // 1_000_000


class Database:
    """An open registry database with the current schema.

    :param url: SQLAlchemy URL, such as ``sqlite:////var/lib/modemagent/registry.db`` or
        ``postgresql+psycopg://registry@db.example/registry``
    :param guest: another process may be serving the database and makes the checkpoints (SQLite
        before 3.51.3 can damage a WAL if one process checkpoints while another writes)
    :param secret: key of ids and references, if the database is created
    :raises RegistryStoreError: the URL cannot be used, access is denied, or the database was
        written by a newer version
    """

    def __init__(self, url: str, *, guest: bool = False, secret: bytes | None = None) -> None:
        parsed = _parsed(url)
        self.url = url
        self.is_sqlite = parsed.get_backend_name() == "sqlite"
        self.keys = KeySource()
        self._write_lock = threading.Lock()
        self._turn = threading.Lock()  # of the thread that gets the write lock next
        self._writer: Connection | None = None
        self._secret: bytes | None = None
        self.workload = Workload()
        shown = parsed.database if self.is_sqlite else parsed.render_as_string()
        try:
            self._engine = _sqlite(parsed, guest) if self.is_sqlite else _postgresql(parsed, guest)
        except (NoSuchModuleError, ImportError) as error:
            raise _unusable(url) from error
        try:
            migrate(self, secret)
        except BaseException as error:
            self._engine.dispose()
            if not isinstance(error, DBAPIError):
                raise
            reason = str(error.orig).strip().splitlines()[0]
            raise RegistryStoreError(
                f"the database {shown} cannot be used: {reason}",
                hint="Check the path, its owner and the free space on the disk."
                if self.is_sqlite
                else "Check that the server runs and that user, password and database are right.",
            ) from error

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Return a connection that sees one state of the database throughout."""
        options = {"modemagent_reads": True}
        with self._engine.connect().execution_options(**options) as connection, connection.begin():
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Return the writing connection; commits at the end, rolls back on an error."""
        with self._locked(), self._open_writer() as connection:
            try:
                with connection.begin():
                    yield connection
            except BaseException:
                self.keys.forget()
                raise

    def vacuum_full(self) -> None:
        """Write all tables of PostgreSQL again, each under a lock."""
        with self._engine.connect() as connection:
            raw: Any = connection.connection.driver_connection
            connection.detach()
            raw.autocommit = True
            raw.execute("VACUUM FULL")

    def _open_writer(self) -> AbstractContextManager[Connection]:
        """Return a writing connection; in SQLite it is opened once, as there is one writer."""
        if self._writer is None or self._writer.closed or self._writer.invalidated:
            connection = self._engine.connect().execution_options(modemagent_writes=True)
            if not self.is_sqlite:
                return connection
            sqlite_driver.fetch(connection, _WRITER_CACHE, ())
            self._writer = connection
        return nullcontext(self._writer)

    def new_batch(self, connection: Connection, **options: Any) -> Batch:
        """Return a batch of reports in the transaction of a writing connection."""
        if self._secret is None:
            query = text("SELECT value FROM setting WHERE name = 'secret'")
            self._secret = bytes(connection.execute(query).scalar_one())
        return Batch(connection, self.keys, now_ms(), self._secret, **options)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the write lock, and count the wait for it."""
        started = time.perf_counter()
        with self._turn:  # else a thread that always writes would get the lock again and again
            has_waited = not self._write_lock.acquire(blocking=False)
            if has_waited:
                self._write_lock.acquire()
        try:
            if has_waited:
                self.workload.waited(time.perf_counter() - started)
            yield
        finally:
            self._write_lock.release()

    def loop_reader(self) -> sqlite3.Connection | None:
        """Return a connection for quick reads on an event loop, or None if reads can block."""
        if not self.is_sqlite:
            return None
        path = Path(str(make_url(self.url).database)).absolute()
        return sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, isolation_level=None)

    def quick_connection(self, most_steps: int) -> Connection | None:
        """Return a connection for quick reads on an event loop, or None if reads can block.

        A transaction that takes longer raises OperationalError with ``SQLITE_INTERRUPT``.

        :param most_steps: instructions of SQLite's virtual machine in a transaction
        """
        reader = self.loop_reader()
        if reader is None:
            return None
        # SQLite counts the instructions of a prepared statement in all its executions together
        looks = count()
        reader.set_progress_handler(lambda: next(looks) >= _MOST_LOOKS, most_steps // _MOST_LOOKS)

        def begin(connection: Connection) -> None:
            nonlocal looks
            looks = count()
            _begin_immediate_when_writing(connection)

        engine = create_engine("sqlite://", creator=lambda: reader, poolclass=StaticPool)
        event.listen(engine, "begin", begin)
        return engine.connect()

    @property
    def folder(self) -> Path | None:
        """Folder of the database file, or None if the database is on another machine."""
        if not self.is_sqlite:
            return None
        return Path(str(make_url(self.url).database)).absolute().parent

    def problem(self) -> str | None:
        """Return why the database cannot be read or has another schema, or None."""
        try:
            with self.reading() as connection:
                version = connection.execute(
                    text("SELECT version_num FROM alembic_version")
                ).scalar()
        except SQLAlchemyError:
            return "the database cannot be read"
        if version != NEWEST:
            return f"the database has schema version {version}, this program needs {NEWEST}"
        return None

    @contextmanager
    def notifications(self, channel: str) -> Iterator[Callable[[float], bool]]:
        """Return a function that waits for a notification of PostgreSQL, for some seconds."""
        with self._engine.connect() as connection:
            raw: Any = connection.connection.driver_connection
            connection.detach()
            raw.autocommit = True
            raw.execute(f"LISTEN {channel}")
            yield lambda timeout_s: any(True for _ in raw.notifies(timeout=timeout_s, stop_after=1))

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
        self._engine.dispose()


def is_unavailable(error: BaseException) -> bool:
    """Return True if an error of a database, or of the connection to it, may be over soon."""
    if isinstance(error, NoConnectionError):
        return True
    if not isinstance(error, InterfaceError | OperationalError):
        return isinstance(error, DBAPIError) and error.connection_invalidated
    return getattr(error.orig, "sqlite_errorcode", None) != sqlite3.SQLITE_ERROR  # of a statement


def default_url(state_dir: Path) -> str:
    """Return the URL of the database kept in a state directory."""
    return f"sqlite:///{state_dir.absolute() / 'registry.db'}"


def is_sqlite_url(url: str) -> bool:
    """Return True if the database of a URL is a file.

    :raises RegistryStoreError: the URL cannot be used
    """
    return _parsed(url).get_backend_name() == "sqlite"


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise _unusable(url) from error
    if parsed.get_backend_name() == "postgresql":
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.get_backend_name() != "sqlite":
        raise RegistryStoreError(
            f"{parsed.get_backend_name()} databases are not supported", hint=_URL_HINT
        )
    if parsed.database in (None, "", ":memory:"):
        raise RegistryStoreError("the registry needs a database file", hint=_URL_HINT)
    return parsed


def _sqlite(url: URL, guest: bool) -> Engine:
    pool: dict[str, Any] = (
        {"poolclass": NullPool} if guest else {"pool_size": 8, "max_overflow": 32}
    )
    engine = create_engine(url, hide_parameters=True, **pool)
    event.listen(engine, "connect", _prepare_guest if guest else _prepare)
    event.listen(engine, "begin", _begin_immediate_when_writing)
    _create_private(Path(str(url.database)))
    return engine


def _postgresql(url: URL, guest: bool) -> Engine:
    from modemagent.registry.store.database.postgresql import create_postgresql_engine

    return create_postgresql_engine(url, guest)


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
    sqlite_driver.begin(connection, writes=writes)
