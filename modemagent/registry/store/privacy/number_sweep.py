"""Numbers removed from the tables that people fill: lists, orders, checks, policies, free text.

Rows that are about a number alone are deleted; a number in another text is replaced.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Table,
    Text,
    and_,
    delete,
    func,
    literal_column,
    or_,
    select,
)

from modemagent.registry.lists.entries import EntryKind
from modemagent.registry.policies.policy_content import PolicyContent
from modemagent.registry.redaction import ERASED, Redaction
from modemagent.registry.store.database import dialect
from modemagent.registry.store.intake.batch import Batch
from modemagent.registry.store.lists import registers
from modemagent.registry.store.tables import list_tables, policy_tables, recheck_tables, schema
from modemagent.registry.store.tables.outbound_tables import delivery

#: Tables whose rows refer to units, or that hold no text of people: they are not searched.
WITHOUT_TEXT = frozenset(
    {
        "alembic_version", "audit", "boot", "boot_stream", "conflict", "erasure", "event",
        "fact", "finding_report", "hole", "identifier", "identifier_of", "key_page",
        "link", "make", "modem_type", "place_sim", "presence", "received", "report", "session",
        "setting", "sighting", "stay", "surrogate_key", "tally", "token", "unit",
    }
)  # fmt: skip
#: What people write between the digits of a number.
_SEPARATORS = (
    " \t\r\n-./_:,;'()\u00a0\u00b7\u2009\u200b\u2010\u2011\u2012\u2013\u2014\u2212\u202f\ufeff"
)
_NUMBER_COLUMNS = frozenset({"iccid", "imsi", "eid"})
_LISTED = (int(EntryKind.ICCID), int(EntryKind.IMSI_PREFIX))


def tables() -> list[str]:
    """Return the names of the tables that are searched, in order."""
    return sorted(set(schema.metadata.tables) - WITHOUT_TEXT)


def delete_rows_about(batch: Batch, numbers: Sequence[str]) -> int:
    """Delete the entries of lists and the SIMs of policies that are these numbers."""
    connection, deleted = batch.connection, 0
    entry = list_tables.list_entry.c
    query = select(entry.list, func.count()).where(
        entry.kind.in_(_LISTED), entry.first.in_(numbers)
    )
    for name, some in connection.execute(query.group_by(entry.list)).all():
        registers.lock(batch, name)
        registers.count(batch, name, -some)
    for table in (list_tables.list_entry, list_tables.list_past):
        about = delete(table).where(table.c.kind.in_(_LISTED), table.c.first.in_(numbers))
        deleted += connection.execute(about).rowcount
    for table in (policy_tables.policy_sim, policy_tables.policy_pair):
        deleted += connection.execute(delete(table).where(table.c.value.in_(numbers))).rowcount
    return deleted


def sweep(connection: Connection, name: str, redaction: Redaction) -> int:
    """Remove numbers from a table; return how many rows had one."""
    special = {
        "check_part": _sweep_checks,
        "delivery": _sweep_messages,
        "policy_version": _sweep_policies,
        "recheck_part": _sweep_rechecks,
    }.get(name)
    table = schema.metadata.tables[name]
    changed = 0 if special is None else special(connection, redaction)
    texts = [column for column in table.columns if isinstance(column.type, Text)]
    if not texts:
        return changed
    keys = [column for column in texts if column.primary_key]
    if keys:
        in_key = or_(*(has_number(column, redaction) for column in keys))
        changed += connection.execute(delete(table).where(in_key)).rowcount
    texts = [column for column in texts if not column.primary_key]
    if not texts:
        return changed
    key = [column.name for column in table.primary_key.columns]
    query = select(*(table.c[one] for one in key), *texts)
    rows = connection.execute(
        query.where(or_(*(has_number(column, redaction) for column in texts)))
    ).all()
    values = []
    for row in rows:
        pairs = zip(texts, row[len(key) :], strict=True)
        values.append((*(_without(*pair, redaction) for pair in pairs), *row[: len(key)]))
    dialect.update_rows(connection, table, key, [column.name for column in texts], values)
    return changed + len(rows)


def has_number(column: Column[Any], redaction: Redaction) -> ColumnElement[bool]:
    """Return the condition that a text has one of the numbers, also written with separators."""
    bare = literal_column(_bare(column), Text)
    return or_(
        *(column.contains(one) for one in redaction.numbers),
        *(
            and_(func.length(column) > len(one), bare.contains(one))
            for one in redaction.numbers
        ),
    )  # fmt: skip


def _bare(column: Column[Any]) -> str:
    """Return the SQL of a column without separators; made as text, it compiles faster."""
    found = f'"{column.table.name}"."{column.name}"'
    for one in _SEPARATORS:
        found = f"replace({found}, '{one.replace(chr(39), chr(39) * 2)}', '')"
    return found


def _without(column: Column[Any], text: str | None, redaction: Redaction) -> str | None:
    """Return the value of a column without the numbers."""
    found = None if text is None else redaction.of_text(text)
    is_number = column.name in _NUMBER_COLUMNS and column.nullable
    return None if is_number and found == ERASED else found


def _sweep_checks(connection: Connection, redaction: Redaction) -> int:
    """Remove numbers from stored checks, which are compressed."""
    table = list_tables.check_part
    changed = 0
    for row in connection.execute(select(table)).all():
        values = {}
        for name in ("numbers", "results"):
            content = getattr(row, name)
            text = None if content is None else zlib.decompress(bytes(content)).decode()
            if text is not None and redaction.is_in(text):
                document = redaction.of_value(msgspec.json.decode(text), "text")
                values[name] = zlib.compress(msgspec.json.encode(document), 1)
        if values:
            _update(connection, table, row, ("check_run", "part"), values)
            changed += 1
    return changed


def _sweep_policies(connection: Connection, redaction: Redaction) -> int:
    """Remove SIMs from all revisions of policies."""
    table = policy_tables.policy_version
    numbers = set(redaction.numbers)
    changed = 0
    for row in connection.execute(select(table).where(table.c.content.is_not(None))).all():
        text = bytes(row.content).decode()
        if not redaction.is_in(text):
            continue
        old = msgspec.json.decode(text, type=PolicyContent)
        new = msgspec.structs.replace(
            old,
            name=redaction.of_text(old.name),
            iccids=tuple(one for one in old.iccids if one not in numbers),
            iccid_prefixes=tuple(one for one in old.iccid_prefixes if one not in numbers),
            imsis=tuple(one for one in old.imsis if one not in numbers),
            pairs=tuple(one for one in old.pairs if one[1] not in numbers),
            exceptions=tuple(one for one in old.exceptions if one[2] not in numbers),
            note=redaction.of_text(old.note),
        )
        values = {"content": msgspec.json.encode(new)}
        _update(connection, table, row, ("policy", "revision"), values)
        changed += 1
    return changed


def _sweep_messages(connection: Connection, redaction: Redaction) -> int:
    """Remove numbers from messages to webhooks that get them in full."""
    changed = 0
    for row in connection.execute(select(delivery.c.id, delivery.c.body)).all():
        text = bytes(row.body).decode()
        if redaction.is_in(text):
            body = msgspec.json.encode(redaction.of_value(msgspec.json.decode(text)))
            _update(connection, delivery, row, ("id",), {"body": body})
            changed += 1
    return changed


def _sweep_rechecks(connection: Connection, redaction: Redaction) -> int:
    """Remove numbers from re-checks whose units are still to be found."""
    table = recheck_tables.recheck_part
    changed = 0
    for row in connection.execute(select(table)).all():
        content = bytes(row.content)
        if not any(one.encode() in content for one in redaction.numbers):
            continue
        document = redaction.of_value(msgspec.msgpack.decode(content))
        _update(connection, table, row, ("run", "part"),
                {"content": msgspec.msgpack.encode(document)})  # fmt: skip
        changed += 1
    return changed


def _update(
    connection: Connection, table: Table, row: Any, key: Sequence[str], values: dict[str, bytes]
) -> None:
    rows = [(*values.values(), *(getattr(row, name) for name in key))]
    dialect.update_rows(connection, table, key, tuple(values), rows)
