"""Rows that one process at a time takes, such as jobs that are due."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from modemagent.registry.store.database import dialect


def take_job(connection: Connection, key: int) -> int | None:
    """Lock a job until the end of the transaction and return when it is due.

    :returns: None if another process has taken it
    """
    found = _take(connection, f"SELECT due_ms FROM job WHERE id = {key:d}")  # noqa: S608
    return found[0][0] if found else None


def take_jobs(connection: Connection, condition: str, limit: int) -> list[tuple[Any, ...]]:
    """Lock the oldest jobs that fulfil a condition until the end of the transaction.

    :returns: key and content of those that no other process has taken
    """
    query = f"SELECT id, units FROM job WHERE {condition} ORDER BY due_ms, id LIMIT {limit:d}"  # noqa: S608
    return _take(connection, query)


def take_due(connection: Connection, table: str, condition: str, limit: int) -> list[int]:
    """Lock the first rows that are due until the end of the transaction; return their keys."""
    query = f"SELECT id FROM {table} WHERE {condition} ORDER BY due_ms, id LIMIT {limit:d}"  # noqa: S608
    return [row for (row,) in _take(connection, query)]


def _take(connection: Connection, query: str) -> list[tuple[Any, ...]]:
    if not dialect.is_sqlite(connection):
        query += " FOR UPDATE SKIP LOCKED"
    return [tuple(row) for row in connection.exec_driver_sql(query)]
