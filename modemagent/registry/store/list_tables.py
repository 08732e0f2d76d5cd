"""Tables of the lists, of imports, of the TAC table, and of checks.

``list_entry`` holds what is on the lists now. What was removed or replaced is moved to
``list_past``, so that an import can be undone and that an entry of last year can be explained; the
same with ``tac`` and ``tac_past``.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from modemagent.registry.store.schema import metadata

__all__ = [
    "check_part", "check_run", "import_run", "list_block", "list_entry", "list_past", "listing",
    "metadata", "tac", "tac_past",
]  # fmt: skip

# SQLite takes a column as the number of the row only if its type is INTEGER.
_ROW = BigInteger().with_variant(Integer, "sqlite")
_LONG, _TEXT, _BYTES, _SMALL = BigInteger(), Text(), LargeBinary(), SmallInteger()
_BEGINS, _ENDS = text("valid_from_ms IS NOT NULL"), text("valid_to_ms IS NOT NULL")
_UNSORTED: dict[str, Any] = {"sqlite_with_rowid": False}  # the table is its own index


def _id() -> Column[int]:
    return Column("id", _ROW, primary_key=True, autoincrement=False)


def _key(kind: Any, *names: str) -> list[Column[Any]]:
    return [Column(name, kind, primary_key=True, autoincrement=False) for name in names]


def _required(kind: Any, *names: str) -> list[Column[Any]]:
    return [Column(name, kind, nullable=False) for name in names]


def _optional(kind: Any, *names: str) -> list[Column[Any]]:
    return [Column(name, kind, nullable=True) for name in names]


def _entry() -> list[Column[Any]]:
    return [
        *_required(_SMALL, "list", "kind"),
        *_required(_TEXT, "first", "last", "source", "reason", "added_by"),
        *_required(_LONG, "added_ms"),
        *_optional(_LONG, "valid_from_ms", "valid_to_ms", "import_run"),
    ]


# The three lists, and the TAC table as 0. A change locks the row of its list.
listing = Table(
    "list",
    metadata,
    *_key(_SMALL, "list"),
    *_required(_LONG, "entries", "revision"),
    *_optional(_LONG, "changed_ms"),
)

list_entry = Table(
    "list_entry",
    metadata,
    _id(),
    *_entry(),
    UniqueConstraint("kind", "first", "last", "list", name="list_entry_key"),
    Index("list_entry_of_list", "list", "id"),
    Index("list_entry_of_import", "import_run"),
    Index("list_entry_begins", "valid_from_ms", sqlite_where=_BEGINS, postgresql_where=_BEGINS),
    Index("list_entry_ends", "valid_to_ms", sqlite_where=_ENDS, postgresql_where=_ENDS),
)

list_past = Table(
    "list_past",
    metadata,
    _id(),
    *_entry(),
    *_required(_LONG, "removed_ms"),
    *_required(_TEXT, "removed_by"),
    *_optional(_LONG, "removed_import"),
    Index("list_past_of_import", "removed_import"),
)

# Decimal prefixes that together are a range, as numbers with a 1 in front.
list_block = Table("list_block", metadata, *_key(_LONG, "prefix", "entry"), **_UNSORTED)

# Imports of files, into a list or into the TAC table.
import_run = Table(
    "import_run",
    metadata,
    _id(),
    *_required(_TEXT, "target", "mode", "source", "imported_by"),
    *_required(_LONG, "imported_ms", "rows", "added", "changed", "removed", "unchanged", "skipped"),
    *_optional(_LONG, "undone_ms"),
    *_optional(_TEXT, "undone_by"),
)

# Maker and model by TAC, from an operator's own table.
tac = Table(
    "tac",
    metadata,
    *_key(_LONG, "tac"),
    *_required(_TEXT, "manufacturer", "model"),
    *_required(_LONG, "import_run"),
    Index("tac_of_import", "import_run"),
)

tac_past = Table(
    "tac_past",
    metadata,
    *_key(_LONG, "removed_import", "tac"),
    *_required(_TEXT, "manufacturer", "model"),
    *_required(_LONG, "import_run"),
)

# Checks of many numbers, in parts; a part without results waits for the job.
check_run = Table(
    "check_run",
    metadata,
    _id(),
    *_required(_TEXT, "kind", "checked_by"),
    *_required(_LONG, "total", "done", "created_ms", "finished_ms"),
    *_optional(_LONG, "previous"),
)

check_part = Table(
    "check_part",
    metadata,
    *_key(_LONG, "check_run", "part"),
    *_required(_BYTES, "numbers"),
    *_optional(_BYTES, "results"),
)
