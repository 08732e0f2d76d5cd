"""Statements that differ between SQLite and PostgreSQL, which only this module distinguishes.

All statements take and return many rows: SQLite runs a prepared statement for each row in C,
PostgreSQL takes one array for each column, or the values of a single row (:mod:`.pipeline`). Both
are given to the drivers past SQLAlchemy, which would cost more than the databases do.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from sqlalchemy import Connection, Table

from modemagent.registry.store.database import sqlite_driver, statements
from modemagent.registry.store.database.statements import RowForm, Statement

if TYPE_CHECKING:
    from modemagent.registry.store.database.pipeline import Pipeline  # needs psycopg

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
        _write(connection, statements.insert(table, tuple(columns), _form(connection, rows)), rows)


def insert_new(
    connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[Values]
) -> None:
    """Insert rows whose unique key is not stored yet, and leave the others as they are."""
    if rows:
        end = " ON CONFLICT DO NOTHING"
        form = _form(connection, rows)
        _write(connection, statements.insert(table, tuple(columns), form, end), rows)


def upsert_rows(
    connection: Connection,
    table: Table,
    key: Sequence[str],
    columns: Sequence[str],
    rows: Sequence[Values],
) -> None:
    """Insert rows, given as the values of key and columns; of stored ones replace the columns."""
    if rows:
        statement = statements.upsert(table, tuple(key), tuple(columns), _form(connection, rows))
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
        statement = statements.update(table, tuple(key), tuple(columns), _form(connection, rows))
        _write(connection, statement, rows)


def delete_rows(
    connection: Connection, table: Table, key: Sequence[str], rows: Sequence[Values]
) -> None:
    """Delete the rows with these keys."""
    if rows:
        _write(connection, statements.delete(table, tuple(key), _form(connection, rows)), rows)


class Read(NamedTuple):
    """A query, and the values of its parameters."""

    statement: Statement
    values: Sequence[Any] = ()


def read_together(connection: Connection, reads: Sequence[Read | None]) -> list[Rows]:
    """Return the rows of several queries, which take one round trip to PostgreSQL.

    :param reads: None for a query that has no rows
    """
    wanted = [one for one in reads if one is not None]
    if not wanted:
        return [[] for _ in reads]
    if is_sqlite(connection):
        found = [sqlite_driver.fetch(connection, one.text, tuple(values)) for one, values in wanted]
    else:
        pipeline = pipeline_of(connection)
        with pipeline.errors_of(connection):
            found = pipeline.read_all(wanted)
    rows = iter(found)
    return [[] if one is None else next(rows) for one in reads]


def rows_of(
    connection: Connection,
    table: Table,
    key: Sequence[str],
    columns: Sequence[str],
    keys: Iterable[Values],
    *,
    lock: bool = False,
) -> Read | None:
    """Return the query for columns of the rows with these keys; None without keys.

    :param lock: lock the rows until the end of the transaction, in the order of the first column
    """
    wanted = list(keys)
    if not wanted:
        return None
    form = _form(connection, wanted)
    if len(wanted) == 1:
        return Read(statements.select_one(table, tuple(key), tuple(columns), form, lock), wanted[0])
    if form is RowForm.MANY:
        prepared = statements.select_arrays(table, tuple(key), tuple(columns), lock)
        return Read(prepared, tuple(zip(*wanted, strict=True)))
    values = [one[0] for one in wanted] if len(key) == 1 else wanted
    statement = statements.select_json(table, tuple(key), tuple(columns))
    return Read(statement, (msgspec.json.encode(values).decode(),))


def rows_with_any(
    connection: Connection, table: Table, columns: Sequence[str], keys: Mapping[str, Sequence[Any]]
) -> Read:
    """Return the query for columns of the rows with one of some values in one of some columns."""
    sqlite = is_sqlite(connection)
    statement = statements.select_any(table, tuple(keys), tuple(columns), sqlite)
    encode = msgspec.json.encode
    return Read(statement, [encode(x).decode() if sqlite else x for x in keys.values()])


def rows_by(
    connection: Connection, statement: str, keys: Iterable[Any], kind: str = "bigint"
) -> Read | None:
    """Return a query whose condition ``IN {keys}`` takes any number of keys; None without keys.

    :param kind: type of the keys on PostgreSQL
    """
    wanted = sorted(set(keys))
    if not wanted:
        return None
    if is_sqlite(connection):
        return Read(statements.with_json(statement), (msgspec.json.encode(wanted).decode(),))
    return Read(statements.with_array(statement, kind), (wanted,))


def select_rows(
    connection: Connection,
    table: Table,
    key: Sequence[str],
    columns: Sequence[str],
    keys: Iterable[Values],
    *,
    lock: bool = False,
) -> list[Values]:
    """Return columns of the rows with these keys, as :func:`rows_of` selects them."""
    return _read(connection, rows_of(connection, table, key, columns, keys, lock=lock))


def query(connection: Connection, statement: str, *values: int) -> list[Values]:
    """Return the rows of a query, which has a question mark for each of the values."""
    return _read(connection, Read(statements.with_values(statement, is_sqlite(connection)), values))


def query_keys(connection: Connection, statement: str, keys: Iterable[int]) -> list[Values]:
    """Return the rows of a query whose condition ``IN {keys}`` takes any number of keys."""
    return _read(connection, rows_by(connection, statement, keys))


def query_texts(connection: Connection, statement: str, texts: Iterable[str]) -> list[Values]:
    """Return the rows of a query from ``{texts}``, a table ``k`` of texts in the column value."""
    sqlite, wanted = is_sqlite(connection), sorted(set(texts))
    values = msgspec.json.encode(wanted).decode() if sqlite else wanted
    return _read(connection, Read(statements.with_texts(statement, sqlite), (values,)))


def rows_overlapping(
    connection: Connection,
    table: Table,
    limits: tuple[str, str, str],
    columns: Sequence[str],
    ranges: Iterable[tuple[int, int, int]],
) -> Read | None:
    """Return the query for columns of the rows with a key whose range overlaps another.

    :param limits: columns of the key, and of the start and the end of a range
    :param ranges: key, start and end
    """
    wanted = list(ranges)
    if not wanted:
        return None
    sqlite = is_sqlite(connection)
    statement = statements.select_ranges(table, limits, tuple(columns), sqlite)
    values = (msgspec.json.encode(wanted).decode(),) if sqlite else tuple(zip(*wanted, strict=True))
    return Read(statement, values)


def reserve_keys(connection: Connection, count: int) -> int:
    """Reserve surrogate keys and return the first.

    On PostgreSQL the sequence grows by :data:`KEY_BLOCK` at a time and ``count`` must be that.
    """
    if is_sqlite(connection):
        statement = "UPDATE surrogate_key SET next = next + ? RETURNING next - ?"
        return int(connection.exec_driver_sql(statement, (count, count)).scalar_one())
    ((first,),) = _read(connection, Read(Statement("SELECT nextval('surrogate_key_block')")))
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
        ((found,),) = _read(connection, Read(Statement(last)))
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


def delete_oldest_bodies(connection: Connection, oldest_ms: int, count: int) -> int:
    """Delete older ones among the first stored bodies; return their number (SQLite).

    Rows are numbered in the order of receipt, so the others are not read.
    """
    chosen = connection.exec_driver_sql(
        "SELECT rowid, received_ms FROM report ORDER BY rowid LIMIT ?", (count,)
    ).all()
    old = [(row,) for row, received_ms in chosen if received_ms < oldest_ms]
    if old:
        connection.exec_driver_sql("DELETE FROM report WHERE rowid = ?", old)
    return len(old)


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


def _read(connection: Connection, read: Read | None) -> Rows:
    (rows,) = read_together(connection, [read])
    return rows


def _form(connection: Connection, rows: Sequence[Values]) -> RowForm:
    if is_sqlite(connection):
        return RowForm.SQLITE
    return RowForm.ONE if len(rows) == 1 else RowForm.MANY


def _write(connection: Connection, statement: Statement, rows: Sequence[Values]) -> None:
    if is_sqlite(connection):
        sqlite_driver.write(connection, statement.text, rows)
    else:
        values = rows[0] if statement.is_single else tuple(zip(*rows, strict=True))
        pipeline_of(connection).write(statement, values)
