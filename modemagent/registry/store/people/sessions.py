"""Sessions of people who have signed in on a page.

A secret is 256 random bits, of which only the SHA-256 is stored. A session ends 12 hours after its
last use and 7 days after the sign-in.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from typing import NamedTuple

from sqlalchemy import Connection, delete, insert, or_, select, update

from modemagent.registry.store.database.engine import Database, now_ms
from modemagent.registry.store.people.people import Person, person_from
from modemagent.registry.store.privacy import acts
from modemagent.registry.store.tables.people_tables import person, session

IDLE_MS = 12 * 3_600_000
LONGEST_MS = 7 * 24 * 3_600_000
_USED_AGAIN_AFTER_MS = 5 * 60_000  # interval of updates of the last use
_NAME_BYTES = 8  # of the hash of a session, as its name in lists
#: A secret of a session or a link.
SECRET = re.compile(r"[A-Za-z0-9_-]{43}")


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


def used_by_person(connection: Connection) -> dict[int, list[int]]:
    """Return when each valid session was used last, by the number of its person."""
    now = now_ms()
    query = (
        select(session.c.person, session.c.used_ms)
        .where(session.c.used_ms > now - IDLE_MS, session.c.created_ms > now - LONGEST_MS)
        .where(~session.c.awaits_code)
    )
    found: dict[int, list[int]] = {}
    for number, used_ms in connection.execute(query):
        found.setdefault(number, []).append(used_ms)
    return found


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


def person_of(connection: Connection, secret: str) -> tuple[Person, bool] | None:
    """Return who has a session, and True if its use must be noted; None: no valid session."""
    if not SECRET.fullmatch(secret):
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
    return None if row is None else (person_from(row), now - row.used_ms > _USED_AGAIN_AFTER_MS)


def note_use(database: Database, secret: str) -> None:
    """Store that a session is in use."""
    with database.writing() as connection:
        of = update(session).where(session.c.hash == digest(secret))
        connection.execute(of.values(used_ms=now_ms()))


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


def digest(secret: str) -> bytes:
    """Return the hash under which a secret is stored."""
    return hashlib.sha256(secret.encode()).digest()
