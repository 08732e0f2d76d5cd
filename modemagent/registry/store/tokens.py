"""Access tokens: 256 random bits each, of which only the SHA-256 is stored."""

from __future__ import annotations

import hashlib
import secrets
from enum import StrEnum
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, func, select, update

from modemagent.registry.store.engine import Database, now_ms
from modemagent.registry.store.schema import token as table

_PREFIX = "mma_"  # recognized by secret scanners
_USED_EVERY_MS = 60_000  # interval of updates of the time of last use


class Scope(StrEnum):
    """Permission of a token: ``admin`` includes ``operate``, which includes ``read``."""

    GATEWAY = "gateway"
    READ = "read"
    OPERATE = "operate"
    ADMIN = "admin"
    ENROLL = "enroll"


class Token(msgspec.Struct, frozen=True):
    """A stored token, without its secret."""

    number: int
    scope: Scope
    gateway_id: str | None
    full_ids: bool
    created_ms: int
    used_ms: int | None
    revoked_ms: int | None


_COLUMNS = [table.c[name] for name in Token.__struct_fields__]


def create(
    database: Database, scope: Scope, *, gateway_id: str | None = None, full_ids: bool = False
) -> str:
    """Create a token and return its secret, which cannot be shown again."""
    with database.writing() as connection:
        return _insert(connection, scope, gateway_id, full_ids=full_ids)


def enroll(database: Database, gateway_id: str) -> str | None:
    """Create the token of a gateway, or return None if the gateway has used one already.

    An unused token is replaced, since it may never have reached the gateway.
    """
    valid = (
        (table.c.gateway_id == gateway_id)
        & (table.c.scope == str(Scope.GATEWAY))
        & table.c.revoked_ms.is_(None)
    )
    with database.writing() as connection:
        if connection.execute(select(table.c.number).where(valid, table.c.used_ms > 0)).first():
            return None
        connection.execute(update(table).where(valid).values(revoked_ms=now_ms()))
        return _insert(connection, Scope.GATEWAY, gateway_id, full_ids=False)


def find(database: Database, secret: str) -> Token | None:
    """Return the valid token of a secret, or None; record its use at most once a minute."""
    query = select(*_COLUMNS).where(table.c.hash == _hash(secret), table.c.revoked_ms.is_(None))
    with database.reading() as connection:
        row = connection.execute(query).first()
    if row is None:
        return None
    found = _token(row)
    if found.used_ms is None or now_ms() - found.used_ms > _USED_EVERY_MS:
        with database.writing() as connection:
            connection.execute(
                update(table).where(table.c.number == found.number).values(used_ms=now_ms())
            )
    return found


def all_tokens(database: Database) -> list[Token]:
    """Return all tokens, oldest first, including revoked ones."""
    with database.reading() as connection:
        rows = connection.execute(select(*_COLUMNS).order_by(table.c.number)).all()
    return [_token(row) for row in rows]


def revoke(database: Database, number: int) -> bool:
    """Revoke a token; return False if no token has this number."""
    # a token that is revoked already keeps the time
    revoked_ms = func.coalesce(table.c.revoked_ms, now_ms())
    with database.writing() as connection:
        statement = update(table).where(table.c.number == number).values(revoked_ms=revoked_ms)
        return connection.execute(statement).rowcount > 0


def _insert(connection: Connection, scope: Scope, gateway_id: str | None, *, full_ids: bool) -> str:
    secret = _PREFIX + secrets.token_urlsafe(32)
    connection.execute(
        table.insert().values(
            hash=_hash(secret),
            scope=str(scope),
            gateway_id=gateway_id,
            full_ids=full_ids,
            created_ms=now_ms(),
        )
    )
    return secret


def _token(row: Row[Any]) -> Token:
    return msgspec.convert(row, Token, from_attributes=True)


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
