"""The audit as a chain: each entry has the hash of the one before it in its own.

One process at a time gives the waiting acts their positions, under a lock that no act takes. The
position and the hash of the last entry are kept beside the table too, so the removal of the last
entries is found. Someone who can write to the database could compute all hashes again: compare
the chain with a head that was exported before.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from itertools import zip_longest
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, Row, Select, select

from modemagent.errors import UsageError
from modemagent.registry.store.database import dialect
from modemagent.registry.store.fleet.documents import Document, to_rfc3339
from modemagent.registry.store.intake.batch import Batch
from modemagent.registry.store.tables import schema
from modemagent.registry.store.tables.privacy_tables import audit

_AT_ONCE = 1000
_HEAD = "audit_head"  # setting: position in 8 bytes, and the hash
_FIRST = bytes(32)  # hash before the first entry
_HEAD_TEXT = re.compile(r"([0-9]{1,18}):([0-9a-f]{64})")
_MOST_PROBLEMS = 100


class Head(NamedTuple):
    """Position and hash of the last entry of the chain.

    >>> str(Head(0, bytes(2)))
    '0:0000'
    """

    position: int
    hash: bytes

    def __str__(self) -> str:
        return f"{self.position}:{self.hash.hex()}"


class ChainProblem(NamedTuple):
    """An entry that is not as it was chained.

    :param problem: changed, removed, inserted, or ``head``: it differs from an exported head
    :param last: last position of several entries that were removed
    """

    position: int
    last: int
    problem: str


class Verification(NamedTuple):
    """Result of the verification of the chain; further problems are only counted."""

    entries: int
    head: Head
    problems: list[ChainProblem]
    more: int


def parse_head(text: str) -> Head:
    """Return an exported head.

    :raises UsageError: the text is not one
    """
    found = _HEAD_TEXT.fullmatch(text.strip())
    if found is None:
        raise UsageError(
            "a head is POSITION:HASH", hint="Use the output of modemagent registry audit head."
        )
    return Head(int(found[1]), bytes.fromhex(found[2]))


def is_waiting(connection: Connection) -> bool:
    """Return True if an act waits to be chained."""
    query = select(audit.c.id).where(audit.c.position.is_(None)).limit(1)
    return connection.execute(query).first() is not None


def chain(batch: Batch) -> bool:
    """Chain the acts that wait longest; return True if there may be more."""
    connection = batch.connection
    dialect.lock_audit(connection)
    c = audit.c
    query = select(audit).where(c.position.is_(None)).order_by(c.id).limit(_AT_ONCE)
    rows = connection.execute(query).all()
    position, last = head(connection)
    chained = []
    for row in rows:
        position += 1
        last = _hash(last, position, row)
        chained.append((position, last, row.id))
    dialect.update_rows(connection, audit, ("id",), ("position", "hash"), chained)
    if rows:
        value = position.to_bytes(8, "big") + last
        dialect.upsert_rows(connection, schema.setting, ("name",), ("value",), [(_HEAD, value)])
    return len(rows) == _AT_ONCE


def head(connection: Connection) -> Head:
    """Return position and hash of the last entry."""
    query = select(schema.setting.c.value).where(schema.setting.c.name == _HEAD)
    value = connection.execute(query).scalar()
    if value is None:
        return Head(0, _FIRST)
    return Head(int.from_bytes(bytes(value)[:8], "big"), bytes(value)[8:])


def head_at(connection: Connection, position: int | None) -> Head | None:
    """Return position and hash of an entry; None: there is no such entry."""
    query = select(audit.c.hash).where(audit.c.position == position)
    value = None if position is None else connection.execute(query).scalar()
    return None if position is None or value is None else Head(position, bytes(value))


def _hash(before: bytes, position: int, row: Row[Any]) -> bytes:
    """Return the hash of an entry: over that of the entry before it, and its own content."""
    content = [position, row.made_ms, row.actor, row.kind, row.object, row.detail]
    return hashlib.sha256(before + msgspec.json.encode(content)).digest()


def verify(connection: Connection, exported: Head | None = None) -> Verification:
    """Verify all entries.

    :param exported: head of the same chain at an earlier time
    """
    problems: list[ChainProblem] = []
    end = head(connection)
    before, position, entries = _FIRST, 0, 0
    known = None
    for row in _entries(connection):
        entries += 1
        if row.position > position + 1:
            problems.append(ChainProblem(position + 1, row.position - 1, "removed"))
        elif row.position > end.position or row.position < 1:
            problems.append(ChainProblem(row.position, row.position, "inserted"))
            continue
        stored = bytes(row.hash or b"")
        is_next = row.position == position + 1
        if is_next and stored != _hash(before, row.position, row):
            problems.append(ChainProblem(row.position, row.position, "changed"))
        before, position = stored, row.position
        if exported is not None and position == exported.position:
            known = stored
    if position < end.position:
        problems.append(ChainProblem(position + 1, end.position, "removed"))
    elif before != end.hash and entries and not problems:
        problems.append(ChainProblem(position, position, "changed"))
    if exported is not None and exported.position and known != exported.hash:
        at = exported.position
        problems.append(ChainProblem(at, at, "head"))
    return Verification(entries, end, problems[:_MOST_PROBLEMS], len(problems[_MOST_PROBLEMS:]))


def verify_end(connection: Connection, most: int) -> tuple[int, int]:
    """Verify the newest entries; return how many they are, and how many are not as written."""
    c = audit.c
    query = select(audit).where(c.position.is_not(None)).order_by(c.position.desc())
    rows = connection.execute(query.limit(most + 1)).all()
    end = head(connection)
    position = end.position
    wrong = sum(1 for row in rows[:1] if bytes(row.hash or b"") != end.hash)
    for row, before in zip_longest(rows, rows[1:]):
        is_next = row.position == position
        position = row.position - 1
        if before is None and row.position > 1:  # its predecessor was not read, or has been deleted
            wrong += not is_next
            break
        last = _FIRST if before is None else bytes(before.hash or b"")
        wrong += not is_next or bytes(row.hash or b"") != _hash(last, row.position, row)
    return min(len(rows), most), wrong + (not rows and end.position > 0)


def _entries(connection: Connection) -> Iterator[Row[Any]]:
    """Yield the chained entries in order."""
    c = audit.c
    after: int | None = None
    while True:
        query = select(audit).where(c.position.is_not(None)).order_by(c.position)
        query = query if after is None else query.where(c.position > after)
        rows = connection.execute(query.limit(_AT_ONCE)).all()
        yield from rows
        if len(rows) < _AT_ONCE:
            return
        after = rows[-1].position


def audit_page(
    connection: Connection,
    *,
    limit: int,
    after: int | None = None,
    newest_first: bool = False,
    begin_ms: int | None = None,
    end_ms: int | None = None,
    **filters: str | None,
) -> Document:
    """Return a page of the chained entries.

    :param filters: actor, kind and object
    :param begin_ms: only acts made at this time or later
    :param end_ms: only acts made before this time
    """
    c = audit.c
    query: Select[Any] = select(audit).where(c.position.is_not(None))
    for name, value in filters.items():
        query = query if value is None else query.where(c[name] == value)
    if begin_ms is not None:
        query = query.where(c.made_ms >= begin_ms)
    if end_ms is not None:
        query = query.where(c.made_ms < end_ms)
    if after is not None:
        query = query.where(c.position < after if newest_first else c.position > after)
    order = c.position.desc() if newest_first else c.position
    rows = connection.execute(query.order_by(order).limit(limit + 1)).all()
    following = str(rows[limit - 1].position) if len(rows) > limit else None
    return {
        "entries": [_document(row) for row in rows[:limit]],
        "next": following,
        "head": str(head(connection)),
    }


def last_act(connection: Connection, name: str) -> Any:
    """Return the last act about an object, also one that waits to be chained."""
    c = audit.c
    query = select(c.kind, c.actor, c.made_ms).where(c.object == name)
    return connection.execute(query.order_by(c.id.desc()).limit(1)).first()


def _document(row: Row[Any]) -> Document:
    return {
        "position": row.position,
        "time": to_rfc3339(row.made_ms),
        "actor": row.actor,
        "kind": row.kind,
        "object": row.object or None,
        "detail": msgspec.json.decode(row.detail) if row.detail else {},
        "hash": bytes(row.hash).hex(),
    }
