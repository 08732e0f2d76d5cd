"""Tables of people: accounts, sessions, and links that can be used once to choose a password."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    true,
)

from modemagent.registry.store.case_tables import metadata

__all__ = ["invitation", "metadata", "person", "session"]

# SQLite takes a column as the number of the row only if its type is INTEGER.
_ROW = BigInteger().with_variant(Integer, "sqlite")

person = Table(
    "person",
    metadata,
    Column("number", _ROW, primary_key=True, autoincrement=True),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("full_ids", Boolean(create_constraint=False), nullable=False),
    Column("password", Text, nullable=True),  # argon2id; null: the link was not used yet
    Column("created_ms", BigInteger, nullable=False),
    Column("revoked_ms", BigInteger, nullable=True),
    Column("keys", Boolean(create_constraint=False), nullable=False, server_default=true()),
    Column("theme", Text, nullable=False, server_default=""),  # empty: as the system
    UniqueConstraint("name", name="person_name"),
)

session = Table(
    "session",
    metadata,
    Column("hash", LargeBinary, primary_key=True),  # SHA-256 of the cookie
    Column("person", BigInteger, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("used_ms", BigInteger, nullable=False),
    Index("session_of_person", "person"),
)

# A link that sets the password of a person; without a person it makes the first administrator.
invitation = Table(
    "invitation",
    metadata,
    Column("hash", LargeBinary, primary_key=True),
    Column("person", BigInteger, nullable=True),
    Column("expires_ms", BigInteger, nullable=False),
)
