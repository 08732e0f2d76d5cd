"""Statements that differ between SQLite and PostgreSQL, which only this module distinguishes.

All statements take and return many rows: SQLite runs a prepared statement for each row in C,
PostgreSQL takes one array for each column. Both are sent as text through the connection of
SQLAlchemy, whose expression layer would cost more than the databases do.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from itertools import pairwise
from typing import Any

import msgspec
from sqlalchemy import Boolean, Connection, LargeBinary, SmallInteger, Table, Text

Values = tuple[Any, ...]

_EVENT_LOCK = 0x6D6F_6465_6D01  # key of the advisory lock under which events get positions
_SCHEMA_LOCK = 0x6D6F_6465_6D02
EVENTS_CHANNEL = "modemagent_events"


def is_sqlite(connection: Connection) -> bool:
    return connection.dialect.name == "sqlite"


def insert_rows(
    connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[Values]
) -> None:
    """Insert rows, given as the values of these columns."""
    _write(connection, _insert(table, tuple(columns), is_sqlite(connection)), rows)


def insert_new(
    connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[Values]
) -> None:
    """Insert rows whose unique key is not stored yet, and leave the others as they are."""
    statement = _insert(table, tuple(columns), is_sqlite(connection))
    _write(connection, f"{statement} ON CONFLICT DO NOTHING", rows)


def upsert_rows(
    connection: Connection,
    table: Table,
    key: Sequence[str],
    columns: Sequence[str],
    rows: Sequence[Values],
) -> None:
    """Insert rows, given as the values of key and columns; of stored ones replace the columns."""
    statement = _insert(table, (*key, *columns), is_sqlite(connection))
    changes = ", ".join(f"{name} = excluded.{name}" for name in columns)
    _write(connection, f"{statement} ON CONFLICT ({', '.join(key)}) DO UPDATE SET {changes}", rows)


def update_rows(
    connection: Connection,
    table: Table,
    key: Sequence[str],
    columns: Sequence[str],
    rows: Sequence[Values],
) -> None:
    """Update rows, given as the values of columns and then of the key."""
    _write(
        connection,
        _update(table, tuple(key), tuple(columns), is_sqlite(connection)),
        rows,
    )


def delete_rows(
    connection: Connection, table: Table, key: Sequence[str], rows: Sequence[Values]
) -> None:
    """Delete the rows with these keys."""
    _write(connection, _delete(table, tuple(key), is_sqlite(connection)), rows)


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
    sqlite = is_sqlite(connection)
    statement = _select(table, tuple(key), tuple(columns), sqlite, lock and not sqlite)
    if sqlite:
        values = [one[0] for one in wanted] if len(key) == 1 else wanted
        parameters: Values = (msgspec.json.encode(values).decode(),)
    else:
        parameters = tuple(map(list, zip(*wanted, strict=True)))
    return [tuple(row) for row in connection.exec_driver_sql(statement, parameters)]


def query_keys(connection: Connection, statement: str, keys: Iterable[int]) -> list[Values]:
    """Return the rows of a query whose condition ``IN {keys}`` takes any number of keys."""
    wanted = sorted(set(keys))
    if not wanted:
        return []
    parameter: object
    if is_sqlite(connection):
        chosen, parameter = "(SELECT value FROM json_each(?))", str(wanted)
    else:
        chosen, parameter = "(SELECT unnest(%s::bigint[]))", wanted
    found = connection.exec_driver_sql(_with_keys(statement, chosen), (parameter,))
    return [tuple(row) for row in found]


@lru_cache(maxsize=64)
def _with_keys(statement: str, keys: str) -> str:
    return statement.format(keys=keys)


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
    chosen = ", ".join(f"t.{name}" for name in columns)
    condition = f"t.{key} = {{0}} AND t.{low} <= {{2}} AND t.{high} >= {{1}}"
    if is_sqlite(connection):
        parts = [f"k.value ->> {number}" for number in range(3)]
        statement = (
            f"SELECT {chosen} FROM json_each(?) AS k CROSS JOIN {table.name} AS t"  # noqa: S608
            f" ON {condition.format(*parts)}"
        )
        parameters: Values = (msgspec.json.encode(wanted).decode(),)
    else:
        statement = (
            f"SELECT {chosen} FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[])"  # noqa: S608
            f" AS k(a, b, c) JOIN {table.name} AS t ON {condition.format('k.a', 'k.b', 'k.c')}"
        )
        parameters = tuple(map(list, zip(*wanted, strict=True)))
    return [tuple(row) for row in connection.exec_driver_sql(statement, parameters)]


def reserve_keys(connection: Connection, count: int) -> int:
    """Reserve surrogate keys and return the first.

    On PostgreSQL the sequence grows by :data:`KEY_BLOCK` at a time and ``count`` must be that.
    """
    if is_sqlite(connection):
        statement = "UPDATE surrogate_key SET next = next + ? RETURNING next - ?"
        return int(connection.exec_driver_sql(statement, (count, count)).scalar_one())
    return int(connection.exec_driver_sql("SELECT nextval('surrogate_key_block')").scalar_one())


def lock_event_log(connection: Connection) -> int:
    """Lock the log of events until the end of the transaction; return its last position."""
    if not is_sqlite(connection):
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(%s)", (_EVENT_LOCK,))
    found = connection.exec_driver_sql("SELECT max(position) FROM event").scalar()
    if found is None:  # positions of a database that was taken over are not given again
        query = "SELECT value FROM setting WHERE name = 'event_base'"
        base = connection.exec_driver_sql(query).scalar()
        return 0 if base is None else int.from_bytes(bytes(base), "big")
    return int(found)


def notify_events(connection: Connection) -> None:
    """Tell the other processes at the end of the transaction that there are new events."""
    if not is_sqlite(connection):
        connection.exec_driver_sql(f"NOTIFY {EVENTS_CHANNEL}")


def lock_schema(connection: Connection) -> None:
    """Lock the schema until the end of the transaction: one process creates or upgrades it."""
    if not is_sqlite(connection):
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(%s)", (_SCHEMA_LOCK,))


def create_months(connection: Connection) -> None:
    """Create the partitions of stored bodies for this month and the next (PostgreSQL)."""
    if is_sqlite(connection):
        return
    today = datetime.now(UTC)
    months = [divmod(today.year * 12 + today.month - 1 + ahead, 12) for ahead in range(3)]
    starts = [datetime(year, month + 1, 1, tzinfo=UTC) for year, month in months]
    for start, end in pairwise(starts):
        first, last = (int(one.timestamp() * 1000) for one in (start, end))
        connection.exec_driver_sql(
            f"CREATE TABLE IF NOT EXISTS report_{start:%Y_%m} PARTITION OF report"
            f" FOR VALUES FROM ({first}) TO ({last})"
        )


def drop_months(connection: Connection, oldest_ms: int) -> None:
    """Drop the partitions of stored bodies that hold only older ones (PostgreSQL)."""
    names = connection.exec_driver_sql(
        "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
        " WHERE i.inhparent = 'report'::regclass"
    ).scalars()
    for name in names:
        if name == "report_other":  # of months that had no partition
            older = "DELETE FROM report_other WHERE received_ms < %s"
            connection.exec_driver_sql(older, (oldest_ms,))
            continue
        _, year, month = name.split("_")
        following = datetime(int(year) + int(month) // 12, int(month) % 12 + 1, 1, tzinfo=UTC)
        if following.timestamp() * 1000 <= oldest_ms:
            connection.exec_driver_sql(f"DROP TABLE IF EXISTS {name}")


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


def database_bytes(connection: Connection) -> int:
    """Return the size of the database, on SQLite without the write-ahead log."""
    statement = (
        "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"
        if is_sqlite(connection)
        else "SELECT pg_database_size(current_database())"
    )
    return int(connection.exec_driver_sql(statement).scalar() or 0)


def _write(connection: Connection, statement: str, rows: Sequence[Values]) -> None:
    if not rows:
        return
    if is_sqlite(connection):
        connection.exec_driver_sql(statement, list(rows))
    else:
        connection.exec_driver_sql(statement, tuple(map(list, zip(*rows, strict=True))))


@lru_cache(maxsize=256)
def _insert(table: Table, columns: tuple[str, ...], sqlite: bool) -> str:
    into = f"INSERT INTO {table.name} ({', '.join(columns)})"
    if sqlite:
        return f"{into} VALUES ({', '.join('?' * len(columns))})"
    return f"{into} SELECT * FROM {_unnest(table, columns)}"  # noqa: S608


@lru_cache(maxsize=256)
def _update(table: Table, key: tuple[str, ...], columns: tuple[str, ...], sqlite: bool) -> str:
    if sqlite:
        changes = ", ".join(f"{name} = ?" for name in columns)
        where = " AND ".join(f"{name} = ?" for name in key)
        return f"UPDATE {table.name} SET {changes} WHERE {where}"  # noqa: S608
    names = (*columns, *key)
    changes = ", ".join(f"{name} = d.{name}" for name in columns)
    where = " AND ".join(f"t.{name} = d.{name}" for name in key)
    return (
        f"UPDATE {table.name} AS t SET {changes}"  # noqa: S608
        f" FROM {_unnest(table, names)} AS d({', '.join(names)}) WHERE {where}"
    )


@lru_cache(maxsize=256)
def _delete(table: Table, key: tuple[str, ...], sqlite: bool) -> str:
    if sqlite:
        where = " AND ".join(f"{name} = ?" for name in key)
        return f"DELETE FROM {table.name} WHERE {where}"  # noqa: S608
    where = " AND ".join(f"t.{name} = d.{name}" for name in key)
    return (
        f"DELETE FROM {table.name} AS t"  # noqa: S608
        f" USING {_unnest(table, key)} AS d({', '.join(key)}) WHERE {where}"
    )


@lru_cache(maxsize=256)
def _select(
    table: Table, key: tuple[str, ...], columns: tuple[str, ...], sqlite: bool, lock: bool
) -> str:
    chosen = ", ".join(f"t.{name}" for name in columns)
    if sqlite and len(key) == 1:
        return (
            f"SELECT {chosen} FROM {table.name} AS t"  # noqa: S608
            f" WHERE t.{key[0]} IN (SELECT value FROM json_each(?))"
        )
    if sqlite:
        where = " AND ".join(f"t.{name} = k.value ->> {i}" for i, name in enumerate(key))
        return (
            f"SELECT {chosen} FROM json_each(?) AS k CROSS JOIN {table.name} AS t"  # noqa: S608
            f" ON {where}"
        )
    where = " AND ".join(f"t.{name} = k.{name}" for name in key)
    last = f" ORDER BY t.{columns[0]} FOR NO KEY UPDATE OF t" if lock else ""
    return (
        f"SELECT {chosen} FROM {_unnest(table, key)} AS k({', '.join(key)})"  # noqa: S608
        f" JOIN {table.name} AS t ON {where}{last}"
    )


def _unnest(table: Table, columns: Sequence[str]) -> str:
    return f"unnest({', '.join(f'%s::{_type(table, name)}[]' for name in columns)})"


def _type(table: Table, column: str) -> str:
    kind = table.c[column].type
    for one, name in (
        (Text, "text"),
        (LargeBinary, "bytea"),
        (Boolean, "boolean"),
        (SmallInteger, "smallint"),
    ):
        if isinstance(kind, one):
            return name
    return "bigint"
