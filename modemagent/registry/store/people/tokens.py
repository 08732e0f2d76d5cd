"""Access tokens: 256 random bits each, of which only the SHA-256 is stored.

A token is valid until it is revoked or expires. Revoking the token of a gateway also blocks the
enrollment of that gateway, since a stolen enrollment token would be enough to enroll it again.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import sqlite3
from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import Any, Protocol

import msgspec
from sqlalchemy import ColumnElement, Connection, Row, and_, bindparam, func, or_, select, update

from modemagent.registry.store.database.engine import Database, now_ms
from modemagent.registry.store.privacy import acts
from modemagent.registry.store.tables.operation_tables import token as table

_PREFIX = "mma_"  # recognized by secret scanners
_SECRET = re.compile(rb"mma_[A-Za-z0-9_-]{43}")
# slashes, control characters, line separators, changes of direction, bytes that are not UTF-8
_NOT_IN_IDS = r"/\\\x00-\x1F\x7F-\x9F\u2028-\u202E\u2066-\u2069\uFFFD"
#: Pattern of a gateway id: "." and ".." alone would be other paths.
GATEWAY_ID = f"^([.]{{0,2}}[^.{_NOT_IN_IDS}][^{_NOT_IN_IDS}]*|[.]{{3,}})$"
#: Time during which an unused token of an enrollment may be replaced: its response may be lost.
REPLACED_WITHIN_MS = 10 * 60_000


class Scope(StrEnum):
    """Permission of a token: ``admin`` includes all but gateway and enroll; all include read."""

    GATEWAY = "gateway"
    READ = "read"
    OPERATE = "operate"
    AUDIT = "audit"
    ADMIN = "admin"
    ENROLL = "enroll"


class Token(msgspec.Struct, frozen=True):
    """A stored token, without its secret.

    :param enrolment_blocked_ms: time of the revocation that blocks the enrollment of the gateway
    """

    number: int
    scope: Scope
    gateway_id: str | None
    full_ids: bool
    created_ms: int
    used_ms: int | None
    revoked_ms: int | None
    expires_ms: int | None
    enrolment_blocked_ms: int | None

    def is_valid(self, at_ms: int) -> bool:
        """Return True if the token is neither revoked nor expired."""
        return self.revoked_ms is None and (self.expires_ms is None or at_ms < self.expires_ms)


class Beholder(Protocol):
    """The reader of a document: a token or a person."""

    @property
    def full_ids(self) -> bool:
        """Return True if identifiers are shown in full."""


class NewGatewayToken(msgspec.Struct, frozen=True):
    """Result of an enrollment: the secret, and the number of the unused token that it replaced."""

    secret: str
    replaced: int | None


class EnrollmentRefused(Exception):
    """A gateway cannot be enrolled.

    :param blocked: its token was revoked; otherwise it has a valid token
    """

    def __init__(self, *, blocked: bool) -> None:
        super().__init__("blocked" if blocked else "enrolled")
        self.blocked = blocked


def is_gateway_id(text: str) -> bool:
    """Return True if a text can be a gateway id.

    A slash would be ambiguous in paths and in the keys of reports, ``GATEWAY/STREAM/SEQUENCE``.
    """
    return 0 < len(text) <= 256 and re.fullmatch(GATEWAY_ID, text) is not None


_COLUMNS = [table.c[name] for name in Token.__struct_fields__]


def create(
    database: Database,
    scope: Scope,
    *,
    gateway_id: str | None = None,
    full_ids: bool = False,
    expires_ms: int | None = None,
) -> str:
    """Create a token and return its secret, which cannot be shown again.

    :param expires_ms: milliseconds since 1970 UTC; None: the token is valid until it is revoked
    """
    with database.writing() as connection:
        secret, number = _insert(
            connection, scope, gateway_id, full_ids=full_ids, expires_ms=expires_ms
        )
        acts.note(
            connection, "token.create", f"token:{number}", scope=str(scope), full_ids=full_ids
        )
        return secret


def enroll(database: Database, gateway_id: str) -> NewGatewayToken:
    """Create the token of a gateway.

    A token in use is never replaced. An unused one is replaced within 10 minutes of its creation,
    since the response that contained it may not have reached the gateway.

    :raises EnrollmentRefused: the gateway has a valid token, or its enrollment is blocked
    """
    now = now_ms()
    of_gateway = and_(table.c.gateway_id == gateway_id, table.c.scope == str(Scope.GATEWAY))
    with database.writing() as connection:
        found = [
            _token(row) for row in connection.execute(select(*_COLUMNS).where(of_gateway)).all()
        ]
        if any(one.enrolment_blocked_ms is not None for one in found):
            raise EnrollmentRefused(blocked=True)
        valid = [one for one in found if one.is_valid(now)]
        if any(one.used_ms or now - one.created_ms > REPLACED_WITHIN_MS for one in valid):
            raise EnrollmentRefused(blocked=False)
        if valid:
            connection.execute(update(table).where(of_gateway, _valid(now)).values(revoked_ms=now))
        secret, number = _insert(
            connection, Scope.GATEWAY, gateway_id, full_ids=False, expires_ms=None
        )
        about = acts.gateway_ref(connection, gateway_id)
        acts.note(connection, "gateway.enroll", f"gateway:{about}", token=number)
        return NewGatewayToken(secret, valid[-1].number if valid else None)


def allow_enrollment(database: Database, gateway_id: str) -> bool:
    """Let a gateway enroll again; return False if its enrollment was not blocked."""
    blocked = and_(table.c.gateway_id == gateway_id, table.c.enrolment_blocked_ms.is_not(None))
    with database.writing() as connection:
        statement = update(table).where(blocked).values(enrolment_blocked_ms=None)
        if connection.execute(statement).rowcount == 0:
            return False
        about = acts.gateway_ref(connection, gateway_id)
        acts.note(connection, "gateway.allow_enrollment", f"gateway:{about}")
        return True


def digest_of(secret: bytes) -> bytes | None:
    """Return the digest under which a secret is stored, or None if it cannot be a secret."""
    return hashlib.sha256(secret).digest() if _SECRET.fullmatch(secret) else None


class TokenFinder:
    """Finds tokens by digest in about 10 microseconds, on the event loop.

    Only for SQLite, whose readers never wait for the writer.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        names = ", ".join(("hash", *Token.__struct_fields__))
        self._query = f"SELECT {names} FROM token WHERE hash = ?"  # noqa: S608 - own names

    def find(self, digest: bytes) -> Token | None:
        """Return the token with this digest, valid or not."""
        row = self._connection.execute(self._query, (digest,)).fetchone()
        if row is None or not hmac.compare_digest(row[0], digest):
            return None
        number, scope, gateway_id, full_ids, *times = row[1:]
        return Token(number, Scope(scope), gateway_id, bool(full_ids), *times)

    def close(self) -> None:
        self._connection.close()


def find(database: Database, digest: bytes) -> Token | None:
    """Return the token with this digest, valid or not."""
    query = select(table.c.hash, *_COLUMNS).where(table.c.hash == digest)
    with database.reading() as connection:
        row = connection.execute(query).first()
    return _token(row) if row and hmac.compare_digest(bytes(row.hash), digest) else None


def valid_numbers(connection: Connection, numbers: Collection[int]) -> set[int]:
    """Return those of the numbers whose tokens are valid now."""
    query = select(table.c.number).where(table.c.number.in_(numbers), _valid(now_ms()))
    return set(connection.execute(query).scalars())


def record_uses(database: Database, uses: Mapping[int, int]) -> None:
    """Store the time of last use of tokens, given by number, in milliseconds since 1970."""
    if not uses:
        return
    with database.writing() as connection:
        connection.execute(
            update(table)
            .where(table.c.number == bindparam("of"))
            .values(used_ms=bindparam("at_ms")),
            [{"of": number, "at_ms": used_ms} for number, used_ms in sorted(uses.items())],
        )


def all_tokens(database: Database) -> list[Token]:
    """Return all tokens, oldest first, including revoked ones."""
    with database.reading() as connection:
        rows = connection.execute(select(*_COLUMNS).order_by(table.c.number)).all()
    return [_token(row) for row in rows]


def newest(connection: Connection, limit: int, *, of_gateways: bool) -> list[Token]:
    """Return the newest tokens of gateways, which can be a million, or of programs."""
    c = table.c.gateway_id
    query = select(*_COLUMNS).where(c.is_not(None) if of_gateways else c.is_(None))
    rows = connection.execute(query.order_by(table.c.number.desc()).limit(limit))
    return [_token(row) for row in rows]


def revoke(database: Database, number: int) -> Token | None:
    """Revoke a token, and block the enrollment of its gateway; return the token if it exists."""
    now = now_ms()
    is_it = table.c.number == number
    with database.writing() as connection:
        # a token that is revoked already keeps the time
        revoked = (
            update(table).where(is_it).values(revoked_ms=func.coalesce(table.c.revoked_ms, now))
        )
        connection.execute(revoked)
        of_gateway = and_(is_it, table.c.scope == str(Scope.GATEWAY))
        connection.execute(update(table).where(of_gateway).values(enrolment_blocked_ms=now))
        row = connection.execute(select(*_COLUMNS).where(is_it)).first()
        if row is not None:
            acts.note(connection, "token.revoke", f"token:{number}")
    return _token(row) if row else None


def _valid(at_ms: int) -> ColumnElement[bool]:
    unexpired = or_(table.c.expires_ms.is_(None), table.c.expires_ms > at_ms)
    return and_(table.c.revoked_ms.is_(None), unexpired)


def _insert(
    connection: Connection,
    scope: Scope,
    gateway_id: str | None,
    *,
    full_ids: bool,
    expires_ms: int | None,
) -> tuple[str, int]:
    secret = _PREFIX + secrets.token_urlsafe(32)
    new = connection.execute(
        table.insert()
        .values(
            hash=hashlib.sha256(secret.encode("ascii")).digest(),
            scope=str(scope),
            gateway_id=gateway_id,
            full_ids=full_ids,
            created_ms=now_ms(),
            expires_ms=expires_ms,
        )
        .returning(table.c.number)
    )
    return secret, int(new.scalar_one())


def _token(row: Row[Any]) -> Token:
    return msgspec.convert(row, Token, from_attributes=True)
