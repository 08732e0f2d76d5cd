"""Upkeep of the database: old key pages and bodies, notifications of other processes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import NamedTuple

from sqlalchemy import delete, update

from modemagent.registry.store.database import dialect, partitions
from modemagent.registry.store.database.engine import Database
from modemagent.registry.store.intake.batch import Batch
from modemagent.registry.store.intake.key_pages import DAY_MS
from modemagent.registry.store.tables import privacy_tables, schema

_PAGES_KEPT_DAYS = 7
_POLL_S = 1.0
_BODIES_AT_ONCE = 1000  # deleted in one transaction, between which reports are stored


def delete_key_pages(batch: Batch) -> bool:
    """Delete key pages that were not used for a week."""
    oldest = batch.now_ms // DAY_MS - _PAGES_KEPT_DAYS
    batch.connection.execute(delete(schema.key_page).where(schema.key_page.c.used_day < oldest))
    return False


def create_partitions(batch: Batch) -> bool:
    """Create the partitions of this month and the next."""
    partitions.create_months(batch.connection, batch.now_ms)
    return False


class Deleted(NamedTuple):
    """What was deleted: the number of rows, and whether there may be more."""

    rows: int
    more: bool


def delete_bodies(batch: Batch, oldest_ms: int) -> Deleted:
    """Delete bodies of reports received before a time.

    PostgreSQL drops months all of whose days are past, so bodies are kept up to a month longer.
    """
    connection = batch.connection
    c = schema.conflict.c
    connection.execute(
        # its other columns decide which report counts
        update(schema.conflict).where(c.received_ms < oldest_ms, c.body != b"").values(body=b"")
    )
    erased = privacy_tables.erased_number
    connection.execute(delete(erased).where(erased.c.erased_ms < oldest_ms))
    if dialect.is_sqlite(connection):
        rows = dialect.delete_oldest_bodies(connection, oldest_ms, _BODIES_AT_ONCE)
        return Deleted(rows, rows == _BODIES_AT_ONCE)
    return Deleted(partitions.drop_months(connection, oldest_ms), more=False)


def listen(database: Database, on_events: Callable[[], None], stopping: threading.Event) -> None:
    """Call a function when another process has published events, until stopped."""
    with database.notifications(dialect.EVENTS_CHANNEL) as wait:
        while not stopping.is_set():
            if wait(_POLL_S):
                on_events()
