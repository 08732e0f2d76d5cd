"""SQL statements about sets of rows, and rows made of records."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

import msgspec
from sqlalchemy import ColumnElement, Connection, Select, Table
from sqlalchemy import Row as StoredRow
from sqlalchemy.dialects.sqlite import insert

T = TypeVar("T")
Row = dict[str, Any]

_VALUES_AT_ONCE = 250  # of up to three parameters each; older builds of SQLite take 999


def row_of(table: Table, record: msgspec.Struct, **more: object) -> Row:
    """Return the fields of a record that the table has columns for, and further values."""
    values = {**msgspec.structs.asdict(record), **more}
    return {name: values[name] for name in table.c.keys() if name in values}  # noqa: SIM118


def rows_with(
    connection: Connection, query: Select[Any], column: ColumnElement[Any], values: Sequence[Any]
) -> Iterator[StoredRow[Any]]:
    """Yield the rows of a query whose column, or tuple of columns, has one of these values."""
    for some in chunks(values):
        yield from connection.execute(query.where(column.in_(some)))


def chunks(values: Sequence[T]) -> Iterator[Sequence[T]]:
    """Split a sequence into parts that fit the parameters of one statement."""
    for start in range(0, len(values), _VALUES_AT_ONCE):
        yield values[start : start + _VALUES_AT_ONCE]


def upsert(
    connection: Connection,
    table: Table,
    rows: Sequence[Row],
    key: Sequence[str],
    *,
    keep: Sequence[str] = (),
) -> None:
    """Insert rows; a stored row with the same key is replaced, except for the columns to keep."""
    if rows:
        statement = insert(table)
        values = {name: statement.excluded[name] for name in rows[0] if name not in (*key, *keep)}
        columns = [table.c[name] for name in key]
        connection.execute(
            statement.on_conflict_do_update(index_elements=columns, set_=values), rows
        )
