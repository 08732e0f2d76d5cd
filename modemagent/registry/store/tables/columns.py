"""Columns of tables: their types, and several of one type at once."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Integer, LargeBinary, SmallInteger, Text
from sqlalchemy.types import TypeEngine

#: SQLite takes a column as the number of the row only if its type is INTEGER.
ROW = BigInteger().with_variant(Integer, "sqlite")
LONG, TEXT, BYTES, SMALL = BigInteger(), Text(), LargeBinary(), SmallInteger()
BOOLEAN = Boolean(create_constraint=False)
#: Arguments of a table that SQLite stores in the order of its primary key.
BY_KEY: dict[str, Any] = {"sqlite_with_rowid": False}


def row_id() -> Column[int]:
    """Return the column of a surrogate key, which the program assigns."""
    return Column("id", ROW, primary_key=True, autoincrement=False)


def key(kind: TypeEngine[Any], *names: str) -> list[Column[Any]]:
    """Return columns of the primary key."""
    return [Column(name, kind, primary_key=True, autoincrement=False) for name in names]


def required(kind: TypeEngine[Any], *names: str) -> list[Column[Any]]:
    """Return columns that always have a value."""
    return [Column(name, kind, nullable=False) for name in names]


def optional(kind: TypeEngine[Any], *names: str) -> list[Column[Any]]:
    """Return columns that may be null."""
    return [Column(name, kind, nullable=True) for name in names]
