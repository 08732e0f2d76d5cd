"""People with their roles, their sessions, and the links by which they choose a password.

Secrets of sessions and links are 256 random bits, of which only the SHA-256 is stored. A session
ends 12 hours after its last use and 7 days after the sign-in; a link is valid once.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from enum import StrEnum
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, Row, delete, func, insert, or_, select, update

from modemagent.registry.store import acts
from modemagent.registry.store.engine import Database, now_ms
from modemagent.registry.store.people_tables import invitation, person, recovery_code, session
from modemagent.registry.store.tokens import Scope

IDLE_MS = 12 * 3_600_000
LONGEST_MS = 7 * 24 * 3_600_000
_USED_AGAIN_AFTER_MS = 5 * 60_000  # interval of updates of the last use
#: Validity of the link to the first administrator, and of one for a person with an account.
FIRST_LINK_MS = 10 * 60_000
LINK_MS = 24 * 3_600_000
_NAME_BYTES = 8  # of the hash of a session, as its name in lists
_SECRET = re.compile(r"[A-Za-z0-9_-]{43}")
NAME = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,63}")


class PersonRole(StrEnum):
    """What a person may do; an auditor reads everything in full and changes nothing."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    AUDITOR = "auditor"
    ADMIN = "admin"


_SCOPES = {
    PersonRole.VIEWER: frozenset({Scope.READ}),
    PersonRole.OPERATOR: frozenset({Scope.READ, Scope.OPERATE}),
    PersonRole.AUDITOR: frozenset({Scope.READ, Scope.AUDIT}),
    PersonRole.ADMIN: frozenset({Scope.READ, Scope.OPERATE, Scope.AUDIT, Scope.ADMIN}),
}
_IN_FULL = (PersonRole.AUDITOR, PersonRole.ADMIN)


class Person(msgspec.Struct, frozen=True):
    """An account.

    :param full_ids: identifiers are shown in full
    :param has_password: the link was used
    :param keys: pages react to single keys
    :param theme: light, dark, or empty: as the system
    :param has_second_factor: signing in needs a code
    """

    number: int
    name: str
    role: PersonRole
    full_ids: bool
    has_password: bool
    created_ms: int
    revoked_ms: int | None
    keys: bool
    theme: str
    has_second_factor: bool

    def may(self, scope: Scope) -> bool:
        """Return True if the role has a permission."""
        return scope in _SCOPES[self.role]


class OpenSession(NamedTuple):
    """A session of a person in a list.

    :param name: which one it is; it is not its secret
    :param browser: as words, such as ``Firefox on Linux``
    """

    name: str
    created_ms: int
    used_ms: int
    browser: str
    is_this: bool


class NewSession(NamedTuple):
    """A session that was opened.

    :param awaits_code: it is valid only after a code of the second factor
    """

    secret: str
    awaits_code: bool


def is_name(text: str) -> bool:
    """Return True if a text can be the name of a person."""
    return NAME.fullmatch(text) is not None


def create_person(
    database: Database, name: str, role: PersonRole, *, full_ids: bool = False
) -> str:
    """Create a person, or give one a new link; return the secret of the link.

    An existing person gets the role, and loses password, second factor and sessions.
    """
    with database.writing() as connection:
        row = connection.execute(select(person.c.number).where(person.c.name == name)).scalar()
        values: dict[str, Any] = {"role": str(role), "full_ids": full_ids or role in _IN_FULL}
        if row is None:
            new = insert(person).values(name=name, created_ms=now_ms(), **values)
            row = connection.execute(new.returning(person.c.number)).scalar_one()
        else:
            known = update(person).where(person.c.number == row)
            connection.execute(known.values(password=None, totp=None, revoked_ms=None, **values))
            _end_access(connection, row)
        acts.note(connection, "person.invite", f"person:{name}", role=str(role))
        return _invite(connection, row, LINK_MS)


def invite_first(database: Database) -> str | None:
    """Return the secret of a link that makes the first administrator; None if there are people."""
    with database.writing() as connection:
        connection.execute(delete(invitation).where(invitation.c.expires_ms <= now_ms()))
        if has_people(connection):
            return None
        return _invite(connection, None, FIRST_LINK_MS)


def revoke_person(database: Database, name: str) -> bool:
    """End all access of a person; return False if the name is not in use."""
    with database.writing() as connection:
        row = connection.execute(select(person.c.number).where(person.c.name == name)).scalar()
        if row is None:
            return False
        values = {
            "password": None,
            "totp": None,
            "revoked_ms": func.coalesce(person.c.revoked_ms, now_ms()),
        }
        connection.execute(update(person).where(person.c.number == row).values(values))
        _end_access(connection, row)
        acts.note(connection, "person.revoke", f"person:{name}")
        return True


def all_people(connection: Connection) -> list[Person]:
    """Return all people by name, revoked ones included."""
    return [_person(row) for row in connection.execute(select(person).order_by(person.c.name))]


def password_hash(connection: Connection, name: str) -> tuple[int, str] | None:
    """Return the number and the password hash of a person who may sign in."""
    query = select(person.c.number, person.c.password).where(
        person.c.name == name, person.c.revoked_ms.is_(None), person.c.password.is_not(None)
    )
    row = connection.execute(query).first()
    return None if row is None else (row.number, row.password)


def open_session(
    database: Database, number: int, password: str, browser: str = ""
) -> NewSession | None:
    """Open a session; None if the password has been changed meanwhile.

    :param password: the hash with which the person has signed in
    """
    now = now_ms()
    with database.writing() as connection:
        query = select(person.c.name, person.c.totp).where(
            person.c.number == number, person.c.password == password
        )
        row = connection.execute(query).first()
        if row is None:
            return None
        over = or_(session.c.used_ms <= now - IDLE_MS, session.c.created_ms <= now - LONGEST_MS)
        connection.execute(delete(session).where(over))
        if row.totp is None:
            acts.note(connection, "session.open", by=f"person:{row.name}")
        awaits_code = row.totp is not None
        secret = add_session(connection, number, browser, awaits_code=awaits_code)
        return NewSession(secret, awaits_code)


def close_session(database: Database, secret: str) -> None:
    """End a session."""
    with database.writing() as connection:
        query = select(person.c.name).join_from(
            session, person, session.c.person == person.c.number
        )
        name = connection.execute(query.where(session.c.hash == digest(secret))).scalar()
        if name is not None:
            connection.execute(delete(session).where(session.c.hash == digest(secret)))
            acts.note(connection, "session.close", by=f"person:{name}")


def sessions_of(connection: Connection, number: int, secret: str) -> list[OpenSession]:
    """Return the sessions of a person, the one that was used last first.

    :param secret: of the present one
    """
    now = now_ms()
    of = (
        select(session)
        .where(session.c.person == number, session.c.used_ms > now - IDLE_MS)
        .where(session.c.created_ms > now - LONGEST_MS, ~session.c.awaits_code)
        .order_by(session.c.used_ms.desc())
    )
    here = digest(secret)
    return [
        OpenSession(
            bytes(row.hash)[:_NAME_BYTES].hex(),
            row.created_ms,
            row.used_ms,
            row.browser,
            bytes(row.hash) == here,
        )
        for row in connection.execute(of)
    ]


def close_named(database: Database, number: int, name: str) -> bool:
    """End the session of a person with a name in the list; return False if there is none."""
    with database.writing() as connection:
        found = connection.execute(select(session.c.hash).where(session.c.person == number))
        for one in found.scalars():
            if bytes(one)[:_NAME_BYTES].hex() == name:
                connection.execute(delete(session).where(session.c.hash == one))
                acts.note(connection, "session.close_one")
                return True
        return False


def close_others(database: Database, number: int, secret: str) -> None:
    """End all sessions of a person except one."""
    with database.writing() as connection:
        end_others(connection, number, secret)
        acts.note(connection, "session.close_others")


def proved_ms(connection: Connection, secret: str) -> int:
    """Return when the person of a session has last proved a password or code."""
    query = select(session.c.proved_ms).where(session.c.hash == digest(secret))
    return int(connection.execute(query).scalar() or 0)


def note_proof(database: Database, secret: str) -> None:
    """Store that the person of a session has proved the password or a code."""
    with database.writing() as connection:
        of = update(session).where(session.c.hash == digest(secret))
        connection.execute(of.values(proved_ms=now_ms()))


def set_preferences(database: Database, number: int, *, keys: bool, theme: str) -> None:
    """Store what a person prefers on pages."""
    with database.writing() as connection:
        known = update(person).where(person.c.number == number)
        connection.execute(known.values(keys=keys, theme=theme))
        acts.note(connection, "person.preferences")


def person_of(connection: Connection, secret: str) -> tuple[Person, bool] | None:
    """Return who has a session, and True if its use must be noted; None: no valid session."""
    if not _SECRET.fullmatch(secret):
        return None
    now = now_ms()
    query = (
        select(person, session.c.used_ms)
        .join_from(session, person, session.c.person == person.c.number)
        .where(
            session.c.hash == digest(secret),
            session.c.used_ms > now - IDLE_MS,
            session.c.created_ms > now - LONGEST_MS,
            ~session.c.awaits_code,
            person.c.revoked_ms.is_(None),
        )
    )
    row = connection.execute(query).first()
    return None if row is None else (_person(row), now - row.used_ms > _USED_AGAIN_AFTER_MS)


def note_use(database: Database, secret: str) -> None:
    """Store that a session is in use."""
    with database.writing() as connection:
        of = update(session).where(session.c.hash == digest(secret))
        connection.execute(of.values(used_ms=now_ms()))


def invited(connection: Connection, secret: str) -> Person | bool | None:
    """Return the person of a link; True: it makes the first administrator; None: not valid."""
    if not _SECRET.fullmatch(secret):
        return None
    query = select(invitation.c.person).where(
        invitation.c.hash == digest(secret), invitation.c.expires_ms > now_ms()
    )
    row = connection.execute(query).first()
    if row is None or (row.person is None and has_people(connection)):
        return None
    if row.person is None:
        return True
    of = select(person).where(person.c.number == row.person, person.c.revoked_ms.is_(None))
    found = connection.execute(of).first()
    return None if found is None else _person(found)


def accept(
    database: Database, secret: str, name: str, password: str, browser: str = ""
) -> str | None:
    """Use a link up: set the password, and return the secret of a session; None: not valid.

    :param name: of the first administrator; not used for a person with an account
    :param password: its argon2 hash
    """
    with database.writing() as connection:
        who = invited(connection, secret)
        used = delete(invitation).where(invitation.c.hash == digest(secret))
        if who is None or connection.execute(used).rowcount == 0:
            return None
        if isinstance(who, Person):
            number, name = who.number, who.name
            known = update(person).where(person.c.number == number)
            connection.execute(known.values(password=password))
            _end_access(connection, number)
        else:
            values = {"name": name, "role": str(PersonRole.ADMIN), "full_ids": True}
            new = insert(person).values(password=password, created_ms=now_ms(), **values)
            number = connection.execute(new.returning(person.c.number)).scalar_one()
            connection.execute(delete(invitation))
        acts.note(connection, "person.accept", f"person:{name}", by=f"person:{name}")
        return add_session(connection, number, browser)


def has_people(connection: Connection) -> bool:
    """Return True if an account was created."""
    return connection.execute(select(person.c.number).limit(1)).first() is not None


def _invite(connection: Connection, number: int | None, valid_ms: int) -> str:
    secret = secrets.token_urlsafe(32)
    values = {"hash": digest(secret), "person": number, "expires_ms": now_ms() + valid_ms}
    connection.execute(insert(invitation).values(values))
    return secret


def add_session(
    connection: Connection, number: int, browser: str, *, awaits_code: bool = False
) -> str:
    """Add a session of a person; return its secret."""
    secret, now = secrets.token_urlsafe(32), now_ms()
    values = {"hash": digest(secret), "person": number, "created_ms": now, "used_ms": now,
              "proved_ms": now, "awaits_code": awaits_code, "browser": browser}  # fmt: skip
    connection.execute(insert(session).values(values))
    return secret


def end_others(connection: Connection, number: int, secret: str) -> None:
    """Delete all sessions of a person except one."""
    others = session.c.hash != digest(secret)
    connection.execute(delete(session).where(session.c.person == number, others))


def _end_access(connection: Connection, number: int) -> None:
    for table in (session, invitation, recovery_code):
        connection.execute(delete(table).where(table.c.person == number))


def digest(secret: str) -> bytes:
    """Return the hash under which a secret is stored."""
    return hashlib.sha256(secret.encode()).digest()


def _person(row: Row[Any]) -> Person:
    return Person(
        row.number,
        row.name,
        PersonRole(row.role),
        bool(row.full_ids),
        row.password is not None,
        row.created_ms,
        row.revoked_ms,
        bool(row.keys),
        row.theme,
        row.totp is not None,
    )
