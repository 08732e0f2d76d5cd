"""Queries that take less than a change of threads, made in the event loop.

On SQLite a query is made in the event loop. A long one is interrupted and made again in a thread;
so is every query on other databases.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError
from starlette.concurrency import run_in_threadpool

from modemagent.registry.store.database import sqlite_driver
from modemagent.registry.store.database.engine import Database
from modemagent.registry.store.fleet.lookup import ManyMatches

#: Steps of a transaction of SQLite in the event loop, about 1 ms; a usual one takes 2,000.
_MOST_STEPS = 40_000

T = TypeVar("T")


class QuickQueries:
    """The connection of an event loop, and threads for what takes long."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._quick: Connection | None = None

    def start(self) -> None:
        """Open the connection of the event loop."""
        self._quick = self._database.quick_connection(_MOST_STEPS)

    def stop(self) -> None:
        if self._quick is not None:
            self._quick.close()

    async def run(
        self, query: Callable[[Connection], T], quick: Callable[[Connection], T] | None = None
    ) -> T:
        """Return the result of a query.

        :param quick: the same in the event loop, which may raise :exc:`.ManyMatches` to be made in
            a thread instead
        """
        if self._quick is not None:
            try:
                with sqlite_driver.loop_turn, self._quick.begin():
                    return (quick or query)(self._quick)
            except ManyMatches:
                pass
            except OperationalError as error:
                code = getattr(error.orig, "sqlite_errorcode", None)
                if code != sqlite3.SQLITE_INTERRUPT:
                    raise
        return await run_in_threadpool(self._run, query)

    def _run(self, query: Callable[[Connection], T]) -> T:
        with self._database.reading() as connection:
            return query(connection)
