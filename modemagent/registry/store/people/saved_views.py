"""Views with a name: the parameters of the address of a list, for one person or for all."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, delete, func, insert, or_, select

from modemagent.registry.store.database.engine import Database
from modemagent.registry.store.tables.view_tables import saved_view

MOST_OF_A_PERSON = 50
_c = saved_view.c


class SavedView(NamedTuple):
    """A view; ``is_own``: the person who sees it has saved it."""

    id: int
    name: str
    query: str
    shared: bool
    is_own: bool


def views_of(connection: Connection, section: str, person: int) -> list[SavedView]:
    """Return the views of a list that a person has saved, and those that are shared."""
    query = (
        select(_c.id, _c.name, _c.query, _c.shared, _c.person)
        .where(_c.section == section, or_(_c.person == person, _c.shared))
        .order_by(_c.name, _c.id)
        .limit(MOST_OF_A_PERSON)
    )
    return [
        SavedView(row.id, row.name, row.query, bool(row.shared), row.person == person)
        for row in connection.execute(query)
    ]


def save(
    database: Database, person: int, section: str, name: str, query: str, *, shared: bool
) -> bool:
    """Save a view, in place of one with the same name; return False if there are too many."""
    with database.writing() as connection:
        own = (_c.person == person) & (_c.section == section)
        connection.execute(delete(saved_view).where(own, _c.name == name))
        count = connection.execute(select(func.count()).where(_c.person == person)).scalar_one()
        if count >= MOST_OF_A_PERSON:
            return False
        values = {"person": person, "section": section, "name": name, "query": query}
        connection.execute(insert(saved_view).values(shared=shared, **values))
        return True


def remove(database: Database, person: int, view: int) -> None:
    """Remove a view that a person has saved."""
    with database.writing() as connection:
        connection.execute(delete(saved_view).where(_c.id == view, _c.person == person))
