"""People with their roles and preferences; for how they sign in see sessions and invitations."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, delete, func, select, update

from modemagent.registry.store.database.engine import Database, now_ms
from modemagent.registry.store.people.tokens import Scope
from modemagent.registry.store.privacy import acts
from modemagent.registry.store.tables.people_tables import (
    invitation,
    person,
    recovery_code,
    session,
)

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
#: Roles that see identifiers in full.
IN_FULL = (PersonRole.AUDITOR, PersonRole.ADMIN)


class Person(msgspec.Struct, frozen=True):
    """An account.

    :param full_ids: identifiers are shown in full
    :param has_password: the link was used
    :param keys: pages react to single keys
    :param theme: light, dark, or empty: as the system
    :param has_second_factor: signing in needs a code
    :param zone: name of the time zone that is shown beside UTC; empty: none
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
    zone: str = ""

    def may(self, scope: Scope) -> bool:
        """Return True if the role has a permission."""
        return scope in _SCOPES[self.role]


def is_name(text: str) -> bool:
    """Return True if a text can be the name of a person."""
    return NAME.fullmatch(text) is not None


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
        end_access(connection, row)
        acts.note(connection, "person.revoke", f"person:{name}")
        return True


def all_people(connection: Connection) -> list[Person]:
    """Return all people by name, revoked ones included."""
    return [person_from(row) for row in connection.execute(select(person).order_by(person.c.name))]


def password_hash(connection: Connection, name: str) -> tuple[int, str] | None:
    """Return the number and the password hash of a person who may sign in."""
    query = select(person.c.number, person.c.password).where(
        person.c.name == name, person.c.revoked_ms.is_(None), person.c.password.is_not(None)
    )
    row = connection.execute(query).first()
    return None if row is None else (row.number, row.password)


def set_preferences(database: Database, number: int, *, keys: bool, theme: str, zone: str) -> None:
    """Store what a person prefers on pages."""
    with database.writing() as connection:
        known = update(person).where(person.c.number == number)
        connection.execute(known.values(keys=keys, theme=theme, zone=zone))
        acts.note(connection, "person.preferences")


def has_people(connection: Connection) -> bool:
    """Return True if an account was created."""
    return connection.execute(select(person.c.number).limit(1)).first() is not None


def end_access(connection: Connection, number: int) -> None:
    """Delete the sessions, links and recovery codes of a person."""
    for table in (session, invitation, recovery_code):
        connection.execute(delete(table).where(table.c.person == number))


def person_from(row: Row[Any]) -> Person:
    """Return the person of a row of the table."""
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
        row.zone,
    )
