"""Tables of the lists, of imports, of the TAC table, and of checks.

``list_entry`` holds what is on the lists now. What was removed or replaced is moved to
``list_past``, so that an import can be undone and that an entry of last year can be explained; the
same with ``tac`` and ``tac_past``.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    Column,
    Index,
    Table,
    UniqueConstraint,
    text,
)

from modemagent.registry.store.tables.columns import (
    BY_KEY,
    BYTES,
    LONG,
    SMALL,
    TEXT,
    key,
    optional,
    required,
    row_id,
)
from modemagent.registry.store.tables.operation_tables import metadata

__all__ = [
    "check_part", "check_run", "import_run", "list_block", "list_entry", "list_past", "listing",
    "metadata", "tac", "tac_past",
]  # fmt: skip

_BEGINS, _ENDS = text("valid_from_ms IS NOT NULL"), text("valid_to_ms IS NOT NULL")


def _entry() -> list[Column[Any]]:
    return [
        *required(SMALL, "list", "kind"),
        *required(TEXT, "first", "last", "source", "reason", "added_by"),
        *required(LONG, "added_ms"),
        *optional(LONG, "valid_from_ms", "valid_to_ms", "import_run"),
    ]


# The three lists, and the TAC table as 0. A change locks the row of its list.
listing = Table(
    "list",
    metadata,
    *key(SMALL, "list"),
    *required(LONG, "entries", "revision"),
    *optional(LONG, "changed_ms"),
)

list_entry = Table(
    "list_entry",
    metadata,
    row_id(),
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
    row_id(),
    *_entry(),
    *required(LONG, "removed_ms"),
    *required(TEXT, "removed_by"),
    *optional(LONG, "removed_import"),
    Index("list_past_of_import", "removed_import"),
)

# Decimal prefixes that together are a range, as numbers with a 1 in front.
list_block = Table("list_block", metadata, *key(LONG, "prefix", "entry"), **BY_KEY)

# Imports of files, into a list or into the TAC table.
import_run = Table(
    "import_run",
    metadata,
    row_id(),
    *required(TEXT, "target", "mode", "source", "imported_by"),
    *required(LONG, "imported_ms", "rows", "added", "changed", "removed", "unchanged", "skipped"),
    *optional(LONG, "undone_ms"),
    *optional(TEXT, "undone_by"),
)

# Maker and model by TAC, from an operator's own table.
tac = Table(
    "tac",
    metadata,
    *key(LONG, "tac"),
    *required(TEXT, "manufacturer", "model"),
    *required(LONG, "import_run"),
    Index("tac_of_import", "import_run"),
)

tac_past = Table(
    "tac_past",
    metadata,
    *key(LONG, "removed_import", "tac"),
    *required(TEXT, "manufacturer", "model"),
    *required(LONG, "import_run"),
)

# Checks of many numbers, in parts; a part without results waits for the job.
check_run = Table(
    "check_run",
    metadata,
    row_id(),
    *required(TEXT, "kind", "checked_by"),
    *required(LONG, "total", "done", "created_ms", "finished_ms"),
    *optional(LONG, "previous"),
)

check_part = Table(
    "check_part",
    metadata,
    *key(LONG, "check_run", "part"),
    *required(BYTES, "numbers"),
    *optional(BYTES, "results"),
)
