"""Texts of the statements for many rows: for each row on SQLite, with arrays on PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from functools import lru_cache
from typing import NamedTuple

from sqlalchemy import Boolean, LargeBinary, SmallInteger, Table, Text


class Statement(NamedTuple):
    """A statement with its parameters.

    :param types: of the parameters, on PostgreSQL
    :param is_single: the parameters are values of these types, not arrays of them
    """

    text: str
    types: tuple[str, ...] = ()
    is_single: bool = False


class RowForm(IntEnum):
    """How a statement takes its rows."""

    SQLITE = 1  # it is executed for each
    ONE = 2  # the values of the only row
    MANY = 3  # one array for each column


@lru_cache(maxsize=256)
def insert(table: Table, columns: tuple[str, ...], form: RowForm, end: str = "") -> Statement:
    into = f"INSERT INTO {table.name} ({', '.join(columns)})"
    if form is RowForm.MANY:
        text = f"{into} SELECT * FROM {_unnest(columns)}{end}"  # noqa: S608
        return Statement(text, _types(table, columns))
    return _of_row(f"{into} VALUES ({', '.join('?' * len(columns))}){end}", table, columns, form)


@lru_cache(maxsize=256)
def upsert(
    table: Table, key: tuple[str, ...], columns: tuple[str, ...], form: RowForm
) -> Statement:
    changes = ", ".join(f"{name} = excluded.{name}" for name in columns)
    end = f" ON CONFLICT ({', '.join(key)}) DO UPDATE SET {changes}"
    return insert(table, (*key, *columns), form, end)


@lru_cache(maxsize=256)
def update(
    table: Table, key: tuple[str, ...], columns: tuple[str, ...], form: RowForm
) -> Statement:
    names = (*columns, *key)
    if form is not RowForm.MANY:
        changes = ", ".join(f"{name} = ?" for name in columns)
        text = f"UPDATE {table.name} SET {changes} WHERE {_equal(key)}"  # noqa: S608
        return _of_row(text, table, names, form)
    changes = ", ".join(f"{name} = d.{name}" for name in columns)
    where = " AND ".join(f"t.{name} = d.{name}" for name in key)
    text = (
        f"UPDATE {table.name} AS t SET {changes}"  # noqa: S608
        f" FROM {_unnest(names)} AS d({', '.join(names)}) WHERE {where}"
    )
    return Statement(text, _types(table, names))


@lru_cache(maxsize=256)
def delete(table: Table, key: tuple[str, ...], form: RowForm) -> Statement:
    if form is not RowForm.MANY:
        text = f"DELETE FROM {table.name} WHERE {_equal(key)}"  # noqa: S608
        return _of_row(text, table, key, form)
    where = " AND ".join(f"t.{name} = d.{name}" for name in key)
    text = (
        f"DELETE FROM {table.name} AS t"  # noqa: S608
        f" USING {_unnest(key)} AS d({', '.join(key)}) WHERE {where}"
    )
    return Statement(text, _types(table, key))


@lru_cache(maxsize=256)
def select_one(
    table: Table, key: tuple[str, ...], columns: tuple[str, ...], form: RowForm, lock: bool
) -> Statement:
    """Return a statement for the rows with one key."""
    text = f"SELECT {', '.join(columns)} FROM {table.name} WHERE {_equal(key)}"  # noqa: S608
    if lock and form is RowForm.ONE:
        text += f" ORDER BY {columns[0]} FOR NO KEY UPDATE"
    return _of_row(text, table, key, form)


@lru_cache(maxsize=256)
def select_json(table: Table, key: tuple[str, ...], columns: tuple[str, ...]) -> Statement:
    chosen = ", ".join(f"t.{name}" for name in columns)
    if len(key) == 1:
        return Statement(
            f"SELECT {chosen} FROM {table.name} AS t"  # noqa: S608
            f" WHERE t.{key[0]} IN (SELECT value FROM json_each(?))"
        )
    where = " AND ".join(f"t.{name} = k.value ->> {i}" for i, name in enumerate(key))
    return Statement(
        f"SELECT {chosen} FROM json_each(?) AS k CROSS JOIN {table.name} AS t"  # noqa: S608
        f" ON {where}"
    )


@lru_cache(maxsize=16)
def select_any(
    table: Table, keys: tuple[str, ...], columns: tuple[str, ...], sqlite: bool
) -> Statement:
    """Return a statement for rows with one of some values in one of the columns ``keys``."""
    values = "IN (SELECT value FROM json_each(?))" if sqlite else "= ANY(${})"
    where = " OR ".join(f"{name} {values.format(at)}" for at, name in enumerate(keys, 1))
    text = f"SELECT {', '.join(columns)} FROM {table.name} WHERE {where}"  # noqa: S608
    return Statement(text, () if sqlite else _types(table, keys))


@lru_cache(maxsize=16)
def select_ranges(
    table: Table, limits: tuple[str, str, str], columns: tuple[str, ...], sqlite: bool
) -> Statement:
    """Return a statement for rows with a key whose ranges overlap others.

    :param limits: columns of the key, and of the start and end of a range
    """
    key, low, high = limits
    start = f"SELECT {', '.join(f't.{name}' for name in columns)} FROM "  # noqa: S608
    condition = f"t.{key} = {{0}} AND t.{low} <= {{2}} AND t.{high} >= {{1}}"
    if sqlite:
        on = condition.format(*(f"k.value ->> {number}" for number in range(3)))
        return Statement(f"{start}json_each(?) AS k CROSS JOIN {table.name} AS t ON {on}")
    on = condition.format("k.a", "k.b", "k.c")
    text = f"{start}unnest($1, $2, $3) AS k(a, b, c) JOIN {table.name} AS t ON {on}"
    return Statement(text, 3 * ("bigint",))


@lru_cache(maxsize=256)
def select_arrays(
    table: Table, key: tuple[str, ...], columns: tuple[str, ...], lock: bool
) -> Statement:
    text = f"SELECT {', '.join(f't.{name}' for name in columns)} FROM "  # noqa: S608
    if len(key) == 1:
        text += f"{table.name} AS t WHERE t.{key[0]} = ANY($1)"
    else:
        where = " AND ".join(f"t.{name} = k.{name}" for name in key)
        text += f"{_unnest(key)} AS k({', '.join(key)}) JOIN {table.name} AS t ON {where}"
    if lock:
        text += f" ORDER BY t.{columns[0]} FOR NO KEY UPDATE OF t"
    return Statement(text, _types(table, key))


@lru_cache(maxsize=64)
def with_values(text: str, sqlite: bool) -> Statement:
    """Return a statement with a question mark for each of some numbers."""
    types = () if sqlite else text.count("?") * ("bigint",)
    return Statement(text if sqlite else _numbered(text), types, is_single=not sqlite)


def _equal(key: Sequence[str]) -> str:
    return " AND ".join(f"{name} = ?" for name in key)


def _of_row(text: str, table: Table, columns: Sequence[str], form: RowForm) -> Statement:
    """Return a statement with a question mark for each of these columns."""
    if form is RowForm.SQLITE:
        return Statement(text)
    return Statement(_numbered(text), _types(table, columns), is_single=True)


def _numbered(text: str) -> str:
    """Return a statement with numbered parameters instead of question marks."""
    start, *rest = text.split("?")
    return start + "".join(f"${number}{part}" for number, part in enumerate(rest, 1))


def _unnest(columns: Sequence[str]) -> str:
    return f"unnest({', '.join(f'${number + 1}' for number in range(len(columns)))})"


def _types(table: Table, columns: Sequence[str]) -> tuple[str, ...]:
    return tuple(_type(table, name) for name in columns)


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


@lru_cache(maxsize=64)
def with_array(statement: str, kind: str) -> Statement:
    return Statement(statement.replace("IN {keys}", "= ANY({keys})").format(keys="$1"), (kind,))


@lru_cache(maxsize=64)
def with_texts(statement: str, sqlite: bool) -> Statement:
    if sqlite:
        return Statement(statement.format(texts="json_each(?) AS k"))
    return Statement(statement.format(texts="unnest($1) AS k(value)"), ("text",))


@lru_cache(maxsize=64)
def with_json(statement: str) -> Statement:
    return Statement(statement.format(keys="(SELECT value FROM json_each(?))"))
