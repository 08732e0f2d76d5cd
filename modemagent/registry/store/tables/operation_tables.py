"""Tables of the registry's operation: keys, jobs, counts of rows, and tokens."""

from __future__ import annotations

from sqlalchemy import Column, Index, LargeBinary, Table

from modemagent.registry.store.tables.columns import (
    BOOLEAN,
    BYTES,
    LONG,
    ROW,
    TEXT,
    key,
    optional,
    required,
    row_id,
)
from modemagent.registry.store.tables.finding_tables import metadata

__all__ = ["job", "metadata", "surrogate", "tally", "token"]

# The next free surrogate key on SQLite; PostgreSQL has a sequence of this name.
surrogate = Table("surrogate_key", metadata, *key(LONG, "next"))

# Timers, which one process at a time takes (:mod:`.jobs`), and what the rules are to evaluate.
job = Table(
    "job",
    metadata,
    row_id(),
    *required(TEXT, "kind"),
    *required(LONG, "due_ms"),
    *required(BYTES, "units"),
    Index("job_due", "kind", "due_ms"),
)

# Numbers of stored rows as of the last count (:mod:`.tallies`).
tally = Table("tally", metadata, *key(TEXT, "name"), *required(LONG, "value"))

token = Table(
    "token",
    metadata,
    Column("number", ROW, primary_key=True, autoincrement=True),
    Column("hash", LargeBinary, nullable=False, unique=True),
    *required(TEXT, "scope"),
    *optional(TEXT, "gateway_id"),
    *required(BOOLEAN, "full_ids"),
    *required(LONG, "created_ms"),
    *optional(LONG, "used_ms", "revoked_ms", "expires_ms", "enrolment_blocked_ms"),
    Index("token_of_gateway", "gateway_id"),
)
