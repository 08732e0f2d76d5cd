"""Tables of people: accounts, sessions, and links that can be used once to choose a password."""

from __future__ import annotations

from sqlalchemy import (
    Column,
    Index,
    Table,
    UniqueConstraint,
    false,
    true,
)

from modemagent.registry.store.tables.case_tables import metadata
from modemagent.registry.store.tables.columns import (
    BOOLEAN,
    BYTES,
    LONG,
    ROW,
    TEXT,
)

__all__ = ["invitation", "metadata", "person", "recovery_code", "session"]


person = Table(
    "person",
    metadata,
    Column("number", ROW, primary_key=True, autoincrement=True),
    Column("name", TEXT, nullable=False),
    Column("role", TEXT, nullable=False),
    Column("full_ids", BOOLEAN, nullable=False),
    Column("password", TEXT, nullable=True),  # argon2id; null: the link was not used yet
    Column("created_ms", LONG, nullable=False),
    Column("revoked_ms", LONG, nullable=True),
    Column("keys", BOOLEAN, nullable=False, server_default=true()),
    Column("theme", TEXT, nullable=False, server_default=""),  # empty: as the system
    Column("totp", TEXT, nullable=True),  # base32; null: no second factor
    Column("totp_step", LONG, nullable=False, server_default="0"),  # of the last accepted code
    Column("zone", TEXT, nullable=False, server_default=""),  # beside UTC; empty: none
    UniqueConstraint("name", name="person_name"),
)

session = Table(
    "session",
    metadata,
    Column("hash", BYTES, primary_key=True),  # SHA-256 of the cookie
    Column("person", LONG, nullable=False),
    Column("created_ms", LONG, nullable=False),
    Column("used_ms", LONG, nullable=False),
    Column("proved_ms", LONG, nullable=False, server_default="0"),  # last proof of the password
    Column("awaits_code", BOOLEAN, nullable=False, server_default=false()),
    Column("browser", TEXT, nullable=False, server_default=""),
    Index("session_of_person", "person"),
)

# A link that sets the password of a person; without a person it makes the first administrator.
invitation = Table(
    "invitation",
    metadata,
    Column("hash", BYTES, primary_key=True),
    Column("person", LONG, nullable=True),
    Column("expires_ms", LONG, nullable=False),
)

# Codes that replace one of the second factor, each once.
recovery_code = Table(
    "recovery_code",
    metadata,
    Column("hash", BYTES, primary_key=True),  # SHA-256
    Column("person", LONG, nullable=False),
    Index("recovery_code_of_person", "person"),
)
