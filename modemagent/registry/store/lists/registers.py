"""Registers and their sizes: the lists, the TAC table, assets, orders and policies.

A change locks the row of its register, so two changes of one register follow each other.
"""

from __future__ import annotations

from sqlalchemy import Connection, select

from modemagent.registry.store.database import dialect
from modemagent.registry.store.intake.batch import Batch
from modemagent.registry.store.tables import list_tables

TAC_TABLE = 0  # the numbers of the lists are those of ListName


def lock(batch: Batch, name: int) -> int:
    """Lock a register until the end of the transaction, and return the number of its entries."""
    ((_, entries),) = dialect.select_rows(
        batch.connection,
        list_tables.listing,
        ("list",),
        ("list", "entries"),
        [(int(name),)],
        lock=True,
    )
    return int(entries)


def size(connection: Connection, name: int) -> int:
    """Return the number of entries of a register."""
    c = list_tables.listing.c
    return int(connection.execute(select(c.entries).where(c.list == int(name))).scalar_one())


def count(batch: Batch, name: int, more: int) -> None:
    """Add to the number of entries of a locked register."""
    if more:
        c = list_tables.listing.c
        values = {"entries": c.entries + more, "revision": c.revision + 1}
        statement = list_tables.listing.update().where(c.list == int(name))
        batch.connection.execute(statement.values(changed_ms=batch.now_ms, **values))
