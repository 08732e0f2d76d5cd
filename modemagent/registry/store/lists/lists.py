"""The lists in the database: look-ups by index, changes, and what was changed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, select

from modemagent.registry.lists.entries import (
    EntryKind,
    EntryValue,
    ListEntry,
    ListName,
    block_number,
    blocks,
)
from modemagent.registry.lists.new_entries import NewEntry
from modemagent.registry.store.database import dialect
from modemagent.registry.store.fleet.documents import Document, to_rfc3339
from modemagent.registry.store.intake.batch import Batch
from modemagent.registry.store.lists.registers import TAC_TABLE, count, lock
from modemagent.registry.store.privacy import acts
from modemagent.registry.store.tables import list_tables

_KEY = ("kind", "first", "last", "list")
COLUMNS = (
    "id", "list", "kind", "first", "last", "source", "reason", "added_by", "added_ms",
    "valid_from_ms", "valid_to_ms", "import_run",
)  # fmt: skip
_REMOVAL = ("removed_ms", "removed_by", "removed_import")


class EntryRow(NamedTuple):
    """A stored entry with who added it; for the columns see :mod:`.list_tables`."""

    id: int
    list: int
    kind: int
    first: str
    last: str
    source: str
    reason: str
    added_by: str
    added_ms: int
    valid_from_ms: int | None
    valid_to_ms: int | None
    import_run: int | None

    @property
    def value(self) -> EntryValue:
        return EntryValue(EntryKind(self.kind), self.first, self.last)

    @property
    def content(self) -> NewEntry:
        """What the entry states, without who added it and when."""
        return NewEntry(self.value, self.valid_from_ms, self.valid_to_ms, self.source, self.reason)

    def entry(self) -> ListEntry:
        return ListEntry(
            self.id, ListName(self.list), self.value, self.valid_from_ms, self.valid_to_ms,
            self.source, self.reason,
        )  # fmt: skip

    def to_json(self) -> Document:
        first, last = self.value.shown
        return {
            "id": str(self.id),
            "list": ListName(self.list).shown,
            "kind": EntryKind(self.kind).shown,
            "value": first,
            "last": last,
            "valid_from": to_rfc3339(self.valid_from_ms),
            "valid_to": to_rfc3339(self.valid_to_ms),
            "source": self.source,
            "reason": self.reason,
            "added_at": to_rfc3339(self.added_ms),
            "added_by": self.added_by,
            "import": None if self.import_run is None else str(self.import_run),
        }


class Plan(NamedTuple):
    """Effect of a change on a list.

    :param new: entries to be added
    :param replaced: stored ones with the numbers of some of these
    :param others: stored ones to be removed
    :param unchanged: number of entries that are stored already
    """

    new: list[NewEntry]
    replaced: list[EntryRow]
    others: list[EntryRow]
    unchanged: int

    @property
    def growth(self) -> int:
        return len(self.new) - len(self.replaced) - len(self.others)


def select_entries(
    connection: Connection, key: Sequence[str], keys: Iterable[tuple[Any, ...]]
) -> list[EntryRow]:
    """Return the entries with one of these keys, as values of some columns."""
    rows = dialect.select_rows(connection, list_tables.list_entry, key, COLUMNS, keys)
    return [EntryRow(*row) for row in rows]


def stored_values(
    connection: Connection, name: ListName, values: Sequence[EntryValue]
) -> set[EntryValue]:
    """Return those of the values that a list has an entry for."""
    return {row.value for row in entries_of(connection, name, values)}


def entries_of(
    connection: Connection, name: ListName, values: Iterable[EntryValue]
) -> list[EntryRow]:
    """Return the entries of a list with just these numbers."""
    return select_entries(
        connection, _KEY, [(int(one.kind), one.first, one.last, int(name)) for one in values]
    )


def entries_by_id(connection: Connection, name: ListName, entries: Iterable[int]) -> list[EntryRow]:
    """Return the entries of a list with these ids."""
    rows = select_entries(connection, ("id",), [(one,) for one in entries])
    return [row for row in rows if row.list == name]


# -- pages ------------------------------------------------------------------------------------


def list_documents(connection: Connection) -> Document:
    """Return the lists with the numbers of their entries."""
    c = list_tables.listing.c
    query = select(c.list, c.entries, c.revision, c.changed_ms).where(c.list > TAC_TABLE)
    rows = connection.execute(query.order_by(c.list)).all()
    return {
        "lists": [
            {
                "list": ListName(row[0]).shown,
                "entries": row.entries,
                "revision": row.revision,
                "changed_at": to_rfc3339(row.changed_ms),
            }
            for row in rows
        ]
    }


def entry_page(connection: Connection, name: ListName, *, limit: int, after: int = 0) -> Document:
    """Return a page of the entries of a list in the order in which they were added."""
    c = list_tables.list_entry.c
    query = (
        select(*(c[one] for one in COLUMNS))
        .where(c.list == int(name), c.id > after)
        .order_by(c.id)
        .limit(limit + 1)
    )
    rows = [EntryRow(*row) for row in connection.execute(query)]
    following = str(rows[limit - 1].id) if len(rows) > limit else None
    return {"entries": [one.to_json() for one in rows[:limit]], "next": following}


def entry_document(connection: Connection, name: ListName, entry: int) -> Document | None:
    """Return one entry of a list."""
    rows = entries_by_id(connection, name, [entry])
    return rows[0].to_json() if rows else None


# -- changes ----------------------------------------------------------------------------------


def put_entry(batch: Batch, name: ListName, new: NewEntry, actor: str) -> Document:
    """Put an entry on a list, in place of the one with the same numbers; return it."""
    lock(batch, name)
    put(batch, name, plan(batch.connection, name, [new]), actor)
    value = new.value
    key = (int(value.kind), value.first, value.last, int(name))
    (row,) = select_entries(batch.connection, _KEY, [key])
    acts.note(batch.connection, "list.put", f"entry:{row.id}", list=name.shown)
    return row.to_json()


def remove_entry(batch: Batch, name: ListName, entry: int, actor: str) -> bool:
    """Remove an entry from a list; return False if the list does not have it."""
    lock(batch, name)
    rows = entries_by_id(batch.connection, name, [entry])
    remove(batch, name, rows, actor)
    for row in rows:
        acts.note(batch.connection, "list.remove", f"entry:{row.id}", list=name.shown)
    return bool(rows)


def plan(
    connection: Connection, name: ListName, entries: Sequence[NewEntry], *, instead: bool = False
) -> Plan:
    """Return the effect of putting entries on a list, no two of them with the same numbers.

    :param instead: remove all other entries of the list
    """
    wanted = {one.value: one for one in entries}
    if instead:
        c = list_tables.list_entry.c
        query = select(*(c[one] for one in COLUMNS)).where(c.list == int(name))
        stored = [EntryRow(*row) for row in connection.execute(query)]
    else:
        keys = [(int(one.kind), one.first, one.last, int(name)) for one in wanted]
        stored = select_entries(connection, _KEY, keys)
    known = {row.value: row for row in stored}
    same = {value for value, row in known.items() if wanted.get(value) == row.content}
    new = [one for value, one in wanted.items() if value not in same]
    return Plan(
        new,
        [known[one.value] for one in new if one.value in known],
        [row for value, row in known.items() if value not in wanted],
        len(same),
    )


def put(
    batch: Batch, name: ListName, planned: Plan, actor: str, import_run: int | None = None
) -> None:
    """Change a locked list as planned."""
    rows = [
        EntryRow(
            batch.key(), int(name), int(one.value.kind), one.value.first, one.value.last,
            one.source, one.reason, actor, batch.now_ms, one.valid_from_ms, one.valid_to_ms,
            import_run,
        )
        for one in planned.new
    ]  # fmt: skip
    remove(batch, name, [*planned.replaced, *planned.others], actor, import_run=import_run)
    insert(batch, name, rows)


def insert(batch: Batch, name: ListName, rows: Sequence[EntryRow]) -> None:
    """Insert rows into a locked list."""
    batch.changed += [(int(name), row.value) for row in rows]
    dialect.insert_rows(batch.connection, list_tables.list_entry, COLUMNS, rows)
    found = [
        (block_number(prefix), row.id)
        for row in rows
        if row.kind == EntryKind.RANGE
        for prefix in blocks(row.value)
    ]
    dialect.insert_rows(batch.connection, list_tables.list_block, ("prefix", "entry"), found)
    count(batch, name, len(rows))


def remove(
    batch: Batch,
    name: ListName,
    rows: Sequence[EntryRow],
    actor: str,
    *,
    import_run: int | None = None,
) -> None:
    """Move rows of a locked list to those that were removed."""
    batch.changed += [(int(name), row.value) for row in rows]
    connection = batch.connection
    removal = (batch.now_ms, actor, import_run)
    dialect.insert_rows(
        connection, list_tables.list_past, (*COLUMNS, *_REMOVAL), [(*row, *removal) for row in rows]
    )
    dialect.delete_rows(connection, list_tables.list_entry, ("id",), [(row.id,) for row in rows])
    found = [
        (block_number(prefix), row.id)
        for row in rows
        if row.kind == EntryKind.RANGE
        for prefix in blocks(row.value)
    ]
    dialect.delete_rows(connection, list_tables.list_block, ("prefix", "entry"), found)
    count(batch, name, -len(rows))
