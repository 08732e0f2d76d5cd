"""Notes of people about modems, SIMs, gateways, findings and other objects."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select

from modemagent.errors import UsageError
from modemagent.identity.csv_cells import clean_text
from modemagent.registry.assets.asset_fields import LONGEST_NOTE
from modemagent.registry.store.fleet.documents import Document, to_rfc3339
from modemagent.registry.store.intake.batch import Batch
from modemagent.registry.store.privacy import acts
from modemagent.registry.store.tables.outbound_tables import note

#: Kind and reference or id of the object that a note is about.
ABOUT = (
    r"(modem|sim|gateway):[0-9A-HJKMNP-TV-Z]{12}"
    r"|finding:[0-9a-f-]{36}|(case|asset|order|policy):[0-9]{1,18}"
)


def add(batch: Batch, about: str, text: str, actor: str) -> int:
    """Add a note; return its id.

    :raises UsageError: the object or the text is not valid
    """
    found = clean_text("text", text, LONGEST_NOTE)
    if not re.fullmatch(ABOUT, about) or not found:
        raise UsageError(
            "a note has a text and is about one object",
            hint="Examples: modem:REF, sim:REF, gateway:REF, finding:ID, case:ID, asset:ID.",
        )
    key = batch.key()
    values = {"id": key, "about": about, "text": found, "made_by": actor, "made_ms": batch.now_ms}
    batch.connection.execute(insert(note).values(values))
    acts.note(batch.connection, "note.add", about, note=str(key))
    return key


def remove(batch: Batch, key: int) -> bool:
    """Delete a note; return False if there is no such note."""
    gone = delete(note).where(note.c.id == key).returning(note.c.about)
    about = batch.connection.execute(gone).scalar()
    if about is None:
        return False
    acts.note(batch.connection, "note.delete", about, note=str(key))
    return True


def note_page(
    connection: Connection, *, limit: int, after: int | None = None, about: str | None = None
) -> Document:
    """Return a page of the notes, newest first."""
    c = note.c
    query = select(note).order_by(c.id.desc()).limit(limit + 1)
    query = query if after is None else query.where(c.id < after)
    query = query if about is None else query.where(c.about == about)
    rows = connection.execute(query).all()
    following = str(rows[limit - 1].id) if len(rows) > limit else None
    return {"notes": _documents(rows[:limit]), "next": following}


def note_document(connection: Connection, key: int) -> Document | None:
    """Return a note."""
    found = _documents(connection.execute(select(note).where(note.c.id == key)).all())
    return found[0] if found else None


def _documents(rows: Sequence[Row[Any]]) -> list[Document]:
    return [
        {
            "id": str(row.id),
            "about": row.about,
            "text": row.text,
            "made_by": row.made_by,
            "made_at": to_rfc3339(row.made_ms),
        }
        for row in rows
    ]
