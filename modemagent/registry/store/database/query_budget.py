"""Limit on what the queries of a page may cost: 300 ms on PostgreSQL, the same work on SQLite.

SQLite counts instructions of its virtual machine, of which it executes some 50 million a second, so
that a busy machine does not stop a query that is cheap.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from modemagent.registry.store.database.dialect import pipeline_of
from modemagent.registry.store.database.statements import Statement

BUDGET_MS = 300
_LIMIT = Statement(f"SET LOCAL statement_timeout = {BUDGET_MS}")
_QUERY_CANCELED = "57014"  # SQLSTATE
_STEPS = 100_000  # instructions between two looks
_MOST_LOOKS = BUDGET_MS * 50_000 // _STEPS


@contextmanager
def limited(connection: Connection) -> Iterator[Connection]:
    """Limit the queries of a connection within a transaction.

    A query that exceeds the limit raises an error for which :func:`is_exceeded` returns True.
    """
    if connection.dialect.name != "sqlite":
        pipeline_of(connection).write(_LIMIT)
        yield connection
        return
    driver: Any = connection.connection.dbapi_connection
    looks = 0

    def is_over() -> bool:
        nonlocal looks
        looks += 1
        return looks > _MOST_LOOKS

    driver.set_progress_handler(is_over, _STEPS)
    try:
        yield connection
    finally:
        driver.set_progress_handler(None, 0)


def is_exceeded(error: BaseException) -> bool:
    """Return True if a query was stopped because it exceeded the limit."""
    if not isinstance(error, DBAPIError):
        return False
    code = getattr(error.orig, "sqlite_errorcode", None)
    state = getattr(error.orig, "sqlstate", None)
    return code == sqlite3.SQLITE_INTERRUPT or state == _QUERY_CANCELED
