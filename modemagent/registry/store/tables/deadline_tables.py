"""Tables of regulations, of registrations with authorities, and of the deadlines of modems."""

from __future__ import annotations

from sqlalchemy import Index, Table

from modemagent.registry.store.tables.asset_tables import metadata
from modemagent.registry.store.tables.columns import (
    BOOLEAN,
    BY_KEY,
    LONG,
    TEXT,
    key,
    optional,
    required,
    row_id,
)

__all__ = ["deadline", "metadata", "registration", "regulation"]

#: Number of the register of registrations, beside those of assets and orders.
REGISTRATIONS = -12
#: Due day of a modem that is not in the country.
NEVER = 1_000_000

# Rules of the operator, in place of the ones with the same ids that come with the program.
regulation = Table(
    "regulation",
    metadata,
    *key(TEXT, "id"),
    *required(TEXT, "country", "kind", "sim"),
    *required(LONG, "limit_days"),
    *required(TEXT, "use_window"),
    *required(LONG, "window_days"),
    *required(BOOLEAN, "registered"),
    *required(TEXT, "text", "source", "as_of", "confidence"),
    *required(BOOLEAN, "enabled"),
    *required(TEXT, "changed_by"),
    *required(LONG, "changed_ms"),
)

# One row of each import that states it, so that an import can be undone.
registration = Table(
    "registration",
    metadata,
    *key(TEXT, "imei", "country"),  # 14 digits
    *key(LONG, "import_run"),
    *optional(TEXT, "reference", "registered_on"),
    Index("registration_of_import", "import_run"),
    **BY_KEY,
)

# How far a modem is from a limit; only from a half of it on, or if it is near.
deadline = Table(
    "deadline",
    metadata,
    row_id(),
    *required(LONG, "unit"),
    *required(TEXT, "regulation", "country"),
    *required(LONG, "days", "limit_days", "ratio"),
    *required(LONG, "first_day", "last_day", "due_day"),
    *required(LONG, "gateway"),  # of the last day
    *required(LONG, "stream", "sequence"),  # first report
    Index("deadline_of_unit", "unit"),
    Index("deadline_due", "due_day", "id"),
    Index("deadline_in_country", "country", "due_day", "id"),
)
