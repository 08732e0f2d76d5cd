"""Upkeep of the database: old key pages, partitions, notifications of other processes."""

from __future__ import annotations

import threading
from collections.abc import Callable

from sqlalchemy import delete

from modemagent.registry.store import dialect, schema
from modemagent.registry.store.engine import Database, now_ms
from modemagent.registry.store.key_pages import DAY_MS

_PAGES_KEPT_DAYS = 7
_POLL_S = 1.0
_BODIES_AT_ONCE = 1000  # deleted in one transaction, between which reports are stored


def tidy(database: Database) -> None:
    """Delete key pages that were not used for a week, and create partitions of coming months."""
    oldest = now_ms() // DAY_MS - _PAGES_KEPT_DAYS
    with database.writing() as connection:
        connection.execute(delete(schema.key_page).where(schema.key_page.c.used_day < oldest))
        dialect.create_months(connection)


def delete_bodies(database: Database, keep_days: int) -> None:
    """Delete the bodies of reports received more than some days ago.

    PostgreSQL drops months all of whose days are past, so bodies are kept up to a month longer.
    """
    oldest_ms = now_ms() - keep_days * DAY_MS
    more = True
    while more:
        with database.writing() as connection:
            if database.is_sqlite:
                more = dialect.delete_oldest_bodies(connection, oldest_ms, _BODIES_AT_ONCE)
            else:
                dialect.drop_months(connection, oldest_ms)
                more = False


def listen(database: Database, on_events: Callable[[], None], stopping: threading.Event) -> None:
    """Call a function when another process has published events, until stopped."""
    with database.notifications(dialect.EVENTS_CHANNEL) as wait:
        while not stopping.is_set():
            if wait(_POLL_S):
                on_events()
