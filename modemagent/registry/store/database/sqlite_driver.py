"""Statements for SQLite, given to its driver directly.

SQLite answers most statements in less than 10 microseconds; SQLAlchemy would add 40 to each. Errors
are raised as SQLAlchemy raises them, without values.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

Values = tuple[Any, ...]

#: Held by the event loop during a query, which lets go of the interpreter at each row. Other
#: threads would take it, each time for up to the switch interval; so they begin no statement then.
loop_turn = threading.RLock()


def fetch(connection: Connection, statement: str, values: Values) -> list[Values]:
    """Return the rows of a query."""
    try:
        return _driver(connection).execute(statement, values).fetchall()
    except sqlite3.Error as error:
        raise _wrapped(statement, error) from error


def write(connection: Connection, statement: str, rows: Sequence[Values]) -> None:
    """Execute a statement once for each of the rows."""
    try:
        _driver(connection).executemany(statement, rows)
    except sqlite3.Error as error:
        raise _wrapped(statement, error) from error


def begin(connection: Connection, *, writes: bool) -> None:
    """Begin a transaction of the driver."""
    statement = "BEGIN IMMEDIATE" if writes else "BEGIN"
    try:
        _driver(connection).execute(statement)
    except sqlite3.Error as error:
        raise _wrapped(statement, error) from error


def leave_wal(driver: sqlite3.Connection) -> None:
    """Merge the write-ahead log into the file and do without one.

    :raises sqlite3.OperationalError: another process has the database open
    """
    mode = driver.execute("PRAGMA journal_mode=DELETE").fetchone()[0]
    if mode != "delete":
        raise sqlite3.OperationalError("database is locked")


def _driver(connection: Connection) -> sqlite3.Connection:
    """Return the connection of the driver, when the event loop is not in a query."""
    with loop_turn:
        pass
    driver: sqlite3.Connection = connection.connection.dbapi_connection  # type: ignore[assignment]
    return driver


def _wrapped(statement: str, error: sqlite3.Error) -> Exception:
    return DBAPIError.instance(statement, None, error, sqlite3.Error)
