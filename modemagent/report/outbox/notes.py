"""What an outbox notes about itself (the table ``meta``): who speaks, and which number is next.

A checksum stands over all of it. The rows of reports have one each, but a number that is read
wrong here would be given out a second time, and no row would show it.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Mapping

from modemagent.report.outbox.faults import DatabaseDamaged

#: The schema of the file, which its header has too: one of the two may be damaged.
SCHEMA_KEY = "schema"
_CHECKSUM = "checksum"
_NUMBERS = (SCHEMA_KEY, "next_sequence", "boot_count", "dropped")
_LARGEST = 2**63 - 1
_TOGETHER = ("stream_id", "next_sequence")


def read(db: sqlite3.Connection) -> dict[str, str]:
    """Return the notes.

    :raises Damage: they are not what was written
    """
    notes = everything(db)
    said = notes.pop(_CHECKSUM, None)
    # an outbox that was made before there was one gets it with its next report
    if said is not None and said != _checksum(notes):
        raise DatabaseDamaged("its notes about itself are not what was written")
    for key in _NUMBERS:
        if key in notes and number(notes[key]) is None:
            raise DatabaseDamaged(f"its {key} is no number")
    if len(notes.keys() & _TOGETHER) == 1:
        raise DatabaseDamaged("it does not know which number is next")
    return notes


def write(db: sqlite3.Connection, values: Mapping[str, str], *, schema: int) -> None:
    """Take these down; to be called inside a transaction.

    :raises Damage: what stands there already is not what was written
    """
    if not values:
        return
    notes = {**read(db), **values, SCHEMA_KEY: str(schema)}
    db.executemany(
        "INSERT OR REPLACE INTO meta VALUES (?, ?)",
        [*values.items(), (SCHEMA_KEY, str(schema)), (_CHECKSUM, _checksum(notes))],
    )


def everything(db: sqlite3.Connection) -> dict[str, str]:
    """Return the notes as they stand, believed or not.

    :raises Damage: something in them is no text
    """
    notes = dict(db.execute("SELECT key, value FROM meta").fetchall())
    if not all(isinstance(text, str) for row in notes.items() for text in row):
        raise DatabaseDamaged("its notes about itself are no text")
    return notes


def number(text: str) -> int | None:
    """Return what a note says as a number, None when it says none.

    >>> number("12"), number("1e2"), number("-1"), number("9" * 30)
    (12, None, None, None)
    """
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        return None
    found = int(text)
    return found if found <= _LARGEST else None


def _checksum(notes: Mapping[str, str]) -> str:
    told = "\n".join(f"{key}={notes[key]}" for key in sorted(notes))
    return f"{zlib.crc32(told.encode()):08x}"
