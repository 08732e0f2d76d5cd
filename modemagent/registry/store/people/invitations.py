"""Links by which people choose a password: the first administrator, and people with an account.

The secret of a link is 256 random bits, of which only the SHA-256 is stored. A link is valid once.
"""

from __future__ import annotations

import secrets
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from modemagent.registry.store.database.engine import Database, now_ms
from modemagent.registry.store.people.people import (
    IN_FULL,
    Person,
    PersonRole,
    end_access,
    has_people,
    person_from,
)
from modemagent.registry.store.people.sessions import SECRET, add_session, digest
from modemagent.registry.store.privacy import acts
from modemagent.registry.store.tables.people_tables import invitation, person

#: Validity of the link to the first administrator, and of one for a person with an account.
FIRST_LINK_MS = 10 * 60_000
LINK_MS = 24 * 3_600_000


def create_person(
    database: Database, name: str, role: PersonRole, *, full_ids: bool = False
) -> str:
    """Create a person, or give one a new link; return the secret of the link.

    An existing person gets the role, and loses password, second factor and sessions.
    """
    with database.writing() as connection:
        row = connection.execute(select(person.c.number).where(person.c.name == name)).scalar()
        values: dict[str, Any] = {"role": str(role), "full_ids": full_ids or role in IN_FULL}
        if row is None:
            new = insert(person).values(name=name, created_ms=now_ms(), **values)
            row = connection.execute(new.returning(person.c.number)).scalar_one()
        else:
            known = update(person).where(person.c.number == row)
            connection.execute(known.values(password=None, totp=None, revoked_ms=None, **values))
            end_access(connection, row)
        acts.note(connection, "person.invite", f"person:{name}", role=str(role))
        return _link(connection, row, LINK_MS)


def invite_first(database: Database) -> str | None:
    """Return the secret of a link that makes the first administrator; None if there are people."""
    with database.writing() as connection:
        connection.execute(delete(invitation).where(invitation.c.expires_ms <= now_ms()))
        if has_people(connection):
            return None
        return _link(connection, None, FIRST_LINK_MS)


def invited(connection: Connection, secret: str) -> Person | bool | None:
    """Return the person of a link; True: it makes the first administrator; None: not valid."""
    if not SECRET.fullmatch(secret):
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
    return None if found is None else person_from(found)


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
            end_access(connection, number)
        else:
            values = {"name": name, "role": str(PersonRole.ADMIN), "full_ids": True}
            new = insert(person).values(password=password, created_ms=now_ms(), **values)
            number = connection.execute(new.returning(person.c.number)).scalar_one()
            connection.execute(delete(invitation))
        acts.note(connection, "person.accept", f"person:{name}", by=f"person:{name}")
        return add_session(connection, number, browser)


def _link(connection: Connection, number: int | None, valid_ms: int) -> str:
    secret = secrets.token_urlsafe(32)
    values = {"hash": digest(secret), "person": number, "expires_ms": now_ms() + valid_ms}
    connection.execute(insert(invitation).values(values))
    return secret
