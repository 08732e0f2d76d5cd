"""Statements that differ between SQLite and PostgreSQL, which only this module distinguishes.

All statements take and return many rows: SQLite runs a prepared statement for each row in C,
PostgreSQL takes one array for each column (:mod:`.pipeline`). Both are given to the drivers past
SQLAlchemy, which would cost more than the databases do.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import Connection, Table

from modemagent.registry.store import sqlite_driver, statements
from modemagent.registry.store.statements import Statement

if TYPE_CHECKING:
    from modemagent.registry.store.pipeline import Pipeline  # needs psycopg

Values = tuple[Any, ...]
Rows = list[Values]

_EVENT_LOCK = 0x6D6F_6465_6D01  # key of the advisory lock under which events get positions
_SCHEMA_LOCK = 0x6D6F_6465_6D02
_AUDIT_LOCK = 0x6D6F_6465_6D03
_OUTBOUND_LOCK = 0x6D6F_6465_6D04
EVENTS_CHANNEL = "modemagent_events"


def is_sqlite(connection: Connection) -> bool:
    return connection.dialect.name == "sqlite"


def insert_rows(
    connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[Values]
) -> None:
    """Insert rows, given as the values of these columns."""
    if rows:
        _write(connection, statements.insert(table, tuple(columns), is_sqlite(connection)), rows)


def insert_new(
    connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[Values]
) -> None:
    """Insert rows whose unique key is not stored yet, and leave the others as they are."""
    if rows:
        end = " ON CONFLICT DO NOTHING"
        names = tuple(columns)
        _write(connection, statements.insert(table, names, is_sqlite(connection), end), rows)


def upsert_rows(
    connection: Connection,
    table: Table,
    key: Sequence[str],
    columns: Sequence[str],
    rows: Sequence[Values],
) -> None:
    """Insert rows, given as the values of key and columns; of stored ones replace the columns."""
    if rows:
        statement = statements.upsert(table, tuple(key), tuple(columns), is_sqlite(connection))
        _write(connection, statement, rows)


def update_rows(
    connection: Connection,
    table: Table,
    key: Sequence[str],
    columns: Sequence[str],
    rows: Sequence[Values],
) -> None:
    """Update rows, given as the values of columns and then of the key."""
    if rows:
        statement = statements.update(table, tuple(key), tuple(columns), is_sqlite(connection))
        _write(connection, statement, rows)


def delete_rows(
    connection: Connection, table: Table, key: Sequence[str], rows: Sequence[Values]
) -> None:
    """Delete the rows with these keys."""
    if rows:
        _write(connection, statements.delete(table, tuple(key), is_sqlite(connection)), rows)


def select_rows(
    connection: Connection,
    table: Table,
    key: Sequence[str],
    columns: Sequence[str],
    keys: Iterable[Values],
    *,
    lock: bool = False,
) -> list[Values]:
    """Return columns of the rows with these keys.

    :param lock: lock the rows until the end of the transaction, in the order of the first column
    """
    wanted = list(keys)
    if not wanted:
        return []
    if not is_sqlite(connection):
        prepared = statements.select_arrays(table, tuple(key), tuple(columns), lock)
        return _read(connection, prepared, tuple(zip(*wanted, strict=True)))
    if len(wanted) == 1:
        one_row = statements.select_one(table, tuple(key), tuple(columns))
        return sqlite_driver.fetch(connection, one_row, wanted[0])
    values = [one[0] for one in wanted] if len(key) == 1 else wanted
    statement = statements.select_json(table, tuple(key), tuple(columns))
    return sqlite_driver.fetch(connection, statement, (msgspec.json.encode(values).decode(),))


def query(connection: Connection, statement: str) -> list[Values]:
    """Return the rows of a query without parameters."""
    if not is_sqlite(connection):
        return _read(connection, Statement(statement))
    return sqlite_driver.fetch(connection, statement, ())


def query_keys(connection: Connection, statement: str, keys: Iterable[int]) -> list[Values]:
    """Return the rows of a query whose condition ``IN {keys}`` takes any number of keys."""
    wanted = sorted(set(keys))
    if not wanted:
        return []
    if not is_sqlite(connection):
        return _read(connection, statements.with_array(statement), (wanted,))
    return sqlite_driver.fetch(connection, statements.with_json(statement), (str(wanted),))


def select_ranges(
    connection: Connection,
    table: Table,
    key: str,
    low: str,
    high: str,
    columns: Sequence[str],
    ranges: Iterable[tuple[int, int, int]],
) -> list[Values]:
    """Return columns of the rows with a key whose range ``low`` to ``high`` overlaps another.

    :param ranges: key, start and end
    """
    wanted = list(ranges)
    if not wanted:
        return []
    sqlite = is_sqlite(connection)
    statement = statements.select_ranges(table, (key, low, high), tuple(columns), sqlite)
    if sqlite:
        values = (msgspec.json.encode(wanted).decode(),)
        return sqlite_driver.fetch(connection, statement.text, values)
    return _read(connection, statement, tuple(zip(*wanted, strict=True)))


def reserve_keys(connection: Connection, count: int) -> int:
    """Reserve surrogate keys and return the first.

    On PostgreSQL the sequence grows by :data:`KEY_BLOCK` at a time and ``count`` must be that.
    """
    if is_sqlite(connection):
        statement = "UPDATE surrogate_key SET next = next + ? RETURNING next - ?"
        return int(connection.exec_driver_sql(statement, (count, count)).scalar_one())
    ((first,),) = _read(connection, Statement("SELECT nextval('surrogate_key_block')"))
    return int(first)


def lock_event_log(connection: Connection) -> int:
    """Lock the log of events until the end of the transaction; return its last position."""
    last = (
        "SELECT max(position) FROM (SELECT max(position) AS position FROM event"
        " UNION ALL SELECT max(event_position) FROM notice) AS positions"
    )
    if is_sqlite(connection):
        found = connection.exec_driver_sql(last).scalar()
    else:
        lock = Statement(f"SELECT pg_advisory_xact_lock({_EVENT_LOCK})")
        pipeline_of(connection).write(lock)
        ((found,),) = _read(connection, Statement(last))
    if found is None:  # positions of a database that was taken over are not given again
        query = "SELECT value FROM setting WHERE name = 'event_base'"
        base = connection.exec_driver_sql(query).scalar()
        return 0 if base is None else int.from_bytes(bytes(base), "big")
    return int(found)


def notify_events(connection: Connection) -> None:
    """Tell the other processes at the end of the transaction that there are new events."""
    if not is_sqlite(connection):
        pipeline_of(connection).write(Statement(f"NOTIFY {EVENTS_CHANNEL}"))


def clock(connection: Connection) -> str | None:
    """Return the time of the database, for :func:`has_older`; None on SQLite, with one writer."""
    if is_sqlite(connection):
        return None
    return str(connection.exec_driver_sql("SELECT clock_timestamp()::text").scalar_one())


def has_older(connection: Connection, time: str) -> bool:
    """Return True if a transaction of this program that began before a time has not ended."""
    query = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND application_name = current_setting('application_name')"
        " AND pid <> pg_backend_pid() AND xact_start <= CAST(%s AS timestamptz)"
    )
    return bool(connection.exec_driver_sql(query, (time,)).scalar_one())


def lock_schema(connection: Connection) -> None:
    """Lock the schema until the end of the transaction: one process creates or upgrades it."""
    if not is_sqlite(connection):
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(%s)", (_SCHEMA_LOCK,))


def lock_audit(connection: Connection) -> None:
    """Lock the end of the audit until the end of the transaction."""
    if not is_sqlite(connection):
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(%s)", (_AUDIT_LOCK,))


def lock_outbound(connection: Connection) -> None:
    """Lock the positions of notices and webhooks until the end of the transaction."""
    if not is_sqlite(connection):
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(%s)", (_OUTBOUND_LOCK,))


def delete_oldest_bodies(connection: Connection, oldest_ms: int, count: int) -> bool:
    """Delete older ones among the first stored bodies; return True if there may be more (SQLite).

    Rows are numbered in the order of receipt, so the others are not read.
    """
    chosen = connection.exec_driver_sql(
        "SELECT rowid, received_ms FROM report ORDER BY rowid LIMIT ?", (count,)
    ).all()
    old = [(row,) for row, received_ms in chosen if received_ms < oldest_ms]
    if old:
        connection.exec_driver_sql("DELETE FROM report WHERE rowid = ?", old)
    return len(old) == count


def take_job(connection: Connection, key: int) -> int | None:
    """Lock a job until the end of the transaction and return when it is due.

    :returns: None if another process has taken it
    """
    statement = f"SELECT due_ms FROM job WHERE id = {key:d}"  # noqa: S608
    if not is_sqlite(connection):
        statement += " FOR UPDATE SKIP LOCKED"
    due_ms: int | None = connection.exec_driver_sql(statement).scalar()
    return due_ms


def take_jobs(connection: Connection, condition: str, limit: int) -> Rows:
    """Lock the oldest jobs that fulfil a condition until the end of the transaction.

    :returns: key and content of those that no other process has taken
    """
    statement = (
        f"SELECT id, units FROM job WHERE {condition}"  # noqa: S608
        f" ORDER BY due_ms, id LIMIT {limit:d}"
    )
    if not is_sqlite(connection):
        statement += " FOR UPDATE SKIP LOCKED"
    return [tuple(row) for row in connection.exec_driver_sql(statement)]


def take_due(connection: Connection, table: str, condition: str, limit: int) -> list[int]:
    """Lock the first rows that are due until the end of the transaction; return their keys."""
    statement = f"SELECT id FROM {table} WHERE {condition} ORDER BY due_ms, id LIMIT {limit:d}"  # noqa: S608
    if not is_sqlite(connection):
        statement += " FOR UPDATE SKIP LOCKED"
    return [int(row[0]) for row in connection.exec_driver_sql(statement)]


def database_bytes(connection: Connection) -> int:
    """Return the size of the database, on SQLite without the write-ahead log."""
    statement = (
        "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"
        if is_sqlite(connection)
        else "SELECT pg_database_size(current_database())"
    )
    return int(connection.exec_driver_sql(statement).scalar() or 0)


def pipeline_of(connection: Connection) -> Pipeline:
    """Return the pipeline of a connection to PostgreSQL."""
    found: Pipeline = connection.info["pipeline"]
    return found


def _read(
    connection: Connection, statement: Statement, columns: Sequence[Sequence[Any]] = ()
) -> Rows:
    pipeline = pipeline_of(connection)
    with pipeline.errors_of(connection):
        return pipeline.read(statement, columns)


def _write(connection: Connection, statement: Statement, rows: Sequence[Values]) -> None:
    if is_sqlite(connection):
        sqlite_driver.write(connection, statement.text, rows)
    else:
        pipeline_of(connection).write(statement, tuple(zip(*rows, strict=True)))
