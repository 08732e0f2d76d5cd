"""Recall and warranty notices in the database."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, select

from modemagent.errors import UsageError
from modemagent.identity.cleaning import is_decimal
from modemagent.identity.csv_cells import LONGEST, clean_text
from modemagent.registry.rules.recalled import RecallNotice
from modemagent.registry.store.database import dialect
from modemagent.registry.store.fleet.documents import Document, to_rfc3339
from modemagent.registry.store.intake.batch import Batch
from modemagent.registry.store.privacy import acts
from modemagent.registry.store.tables.case_tables import recall

_CRITERIA = ("tac", "manufacturer", "model", "firmware", "serial_first", "serial_last")
_COLUMNS = ("id", "kind", "title", "added_by", *_CRITERIA, "source", "reference", "added_ms")
KINDS = ("recall", "warranty")
MOST = 1000
_NOTICES = f"SELECT id, kind, {', '.join(_CRITERIA)} FROM recall ORDER BY id"  # noqa: S608


def notices(connection: Connection) -> list[RecallNotice]:
    """Return all notices, for the rule."""
    return [RecallNotice(*row) for row in dialect.query(connection, _NOTICES)]


def recall_page(connection: Connection, *, limit: int, after: int = 0) -> Document:
    """Return a page of the notices in the order in which they were added."""
    c = recall.c
    query = select(*(c[one] for one in _COLUMNS)).where(c.id > after).order_by(c.id)
    rows = [dict(row) for row in connection.execute(query.limit(limit + 1)).mappings()]
    following = str(rows[limit - 1]["id"]) if len(rows) > limit else None
    return {"recalls": [_document(row) for row in rows[:limit]], "next": following}


def recall_document(connection: Connection, key: int) -> Document | None:
    """Return a notice."""
    rows = dialect.select_rows(connection, recall, ("id",), _COLUMNS, [(key,)])
    return _document(dict(zip(_COLUMNS, rows[0], strict=True))) if rows else None


def add_recall(batch: Batch, given: Mapping[str, str | None], actor: str) -> int:
    """Add a notice and return its id.

    :raises UsageError: it is not valid, or there are too many
    """
    values = parse_recall(given)
    if len(notices(batch.connection)) >= MOST:
        raise UsageError(f"there are {MOST} notices", hint="Delete those that are settled.")
    key = batch.key()
    row = {**values, "id": key, "added_by": actor, "added_ms": batch.now_ms}
    dialect.insert_rows(batch.connection, recall, _COLUMNS, [tuple(row[name] for name in _COLUMNS)])
    acts.note(batch.connection, "recall.add", f"recall:{key}")
    return key


def remove_recall(batch: Batch, key: int) -> bool:
    """Remove a notice; return False if there is no such notice."""
    found = dialect.select_rows(batch.connection, recall, ("id",), ("id",), [(key,)])
    dialect.delete_rows(batch.connection, recall, ("id",), [(key,)])
    if found:
        acts.note(batch.connection, "recall.remove", f"recall:{key}")
    return bool(found)


def parse_recall(given: Mapping[str, str | None]) -> dict[str, str | None]:
    """Return the fields of a notice as they are stored.

    :raises UsageError: one of them is not valid, or all modems would be concerned
    """
    names = ("kind", "title", *_CRITERIA, "source", "reference")
    values = {name: clean_text(name, given.get(name) or "", LONGEST) for name in names}
    if values["kind"] not in KINDS:
        raise UsageError("the kind is unknown", hint=f"Use one of: {', '.join(KINDS)}.")
    if not values["title"]:
        raise UsageError("a notice has a title", hint="Give a title.")
    if not any(values[name] for name in _CRITERIA):
        raise UsageError(
            "the notice would concern all modems",
            hint="Give a TAC, model, firmware or a range of serial numbers.",
        )
    tac, first, last = values["tac"], values["serial_first"], values["serial_last"]
    if tac and (len(tac) != 8 or not is_decimal(tac)):
        raise UsageError("a TAC has 8 digits", hint="Use the first 8 digits of the IMEI.")
    if bool(first) != bool(last) or len(first) != len(last) or last.casefold() < first.casefold():
        raise UsageError(
            "the serial numbers are not a range",
            hint="Give two of one length, the lower one first.",
        )
    return {**values, "source": values["source"] or None, "reference": values["reference"] or None}


def _document(row: Document) -> Document:
    added_ms = row.pop("added_ms")
    empty = {name: row[name] or None for name in _CRITERIA}
    return {**row, **empty, "id": str(row["id"]), "added_at": to_rfc3339(added_ms)}
