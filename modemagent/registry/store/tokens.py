"""Who may do what: random tokens of 256 bits, of which only the SHA-256 is kept."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from enum import StrEnum

import msgspec
from sqlalchemy import select, update

from modemagent.registry.store.engine import Database, now_ms
from modemagent.registry.store.schema import token as table

_PREFIX = "mma_"  # lets a secret scanner know one when it sees one
_USED_EVERY_MS = 60_000


class Scope(StrEnum):
    """What a token is for. ``admin`` may what ``operate`` may, and that what ``read`` may."""

    GATEWAY = "gateway"
    READ = "read"
    OPERATE = "operate"
    ADMIN = "admin"
    ENROLL = "enroll"


class Token(msgspec.Struct, frozen=True):
    """A token as the registry knows it, without its secret."""

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
    """Make a token and return its secret; it can not be shown again."""
    secret = _PREFIX + secrets.token_urlsafe(32)
    with database.writing() as connection:
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


def enroll(database: Database, gateway_id: str) -> str | None:
    """Make a gateway's own token, or return None when it has one that was used.

    An unused one is replaced: its holder may never have received it.
    """
    secret = _PREFIX + secrets.token_urlsafe(32)
    live = (
        (table.c.gateway_id == gateway_id)
        & (table.c.scope == str(Scope.GATEWAY))
        & table.c.revoked_ms.is_(None)
    )
    with database.writing() as connection:
        if connection.execute(select(table.c.number).where(live, table.c.used_ms > 0)).first():
            return None
        connection.execute(update(table).where(live).values(revoked_ms=now_ms()))
        connection.execute(
            table.insert().values(
                hash=_hash(secret),
                scope=str(Scope.GATEWAY),
                gateway_id=gateway_id,
                full_ids=False,
                created_ms=now_ms(),
            )
        )
    return secret


def find(database: Database, secret: str) -> Token | None:
    """Return the live token of a secret, or None. Its use is noted at most once a minute."""
    wanted = _hash(secret)
    with database.reading() as connection:
        row = connection.execute(
            select(table.c.hash, *_COLUMNS).where(table.c.hash == wanted)
        ).first()
    if row is None or not hmac.compare_digest(bytes(row.hash), wanted) or row.revoked_ms:
        return None
    found = _token(row[1:])
    if found.used_ms is None or now_ms() - found.used_ms > _USED_EVERY_MS:
        with database.writing() as connection:
            connection.execute(
                update(table).where(table.c.number == found.number).values(used_ms=now_ms())
            )
    return found


def all_tokens(database: Database) -> list[Token]:
    """Return all tokens, the oldest first, revoked ones too."""
    with database.reading() as connection:
        rows = connection.execute(select(*_COLUMNS).order_by(table.c.number)).all()
    return [_token(row) for row in rows]


def revoke(database: Database, number: int) -> bool:
    """End a token's life; return whether there was such a token, alive or not."""
    with database.writing() as connection:
        found = connection.execute(select(table.c.number).where(table.c.number == number)).first()
        connection.execute(
            update(table)
            .where(table.c.number == number, table.c.revoked_ms.is_(None))
            .values(revoked_ms=now_ms())
        )
    return found is not None


def _token(row: Sequence[object]) -> Token:
    return msgspec.convert(dict(zip(Token.__struct_fields__, row, strict=True)), Token)


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
