"""The page of the person who is signed in: sessions, keys, light or dark."""

from __future__ import annotations

from dataclasses import dataclass

from modemagent.registry.pages.figures import ShownTime, moment
from modemagent.registry.pages.frame import Answer, Ask, Page, SeeOther
from modemagent.registry.pages.session import secret_of
from modemagent.registry.store import people
from modemagent.registry.store.documents import to_rfc3339

_THEMES = ("", "light", "dark")


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRow:
    """A session of the person."""

    began: ShownTime | None
    used: ShownTime | None
    is_this: bool


@dataclass(frozen=True, slots=True)
class MePage:
    """The account of the person."""

    name: str
    role: str
    full_ids: bool
    keys: bool
    theme: str
    sessions: list[SessionRow]


def show(ask: Ask) -> Answer:
    """Return the page."""
    person, secret = ask.who.person, secret_of(ask.request.cookies, ask.is_secure)
    with ask.reading() as connection:
        found = people.sessions_of(connection, person.number, secret)
    rows = [
        SessionRow(
            began=moment(to_rfc3339(created), ask.now),
            used=moment(to_rfc3339(used), ask.now),
            is_this=is_this,
        )
        for created, used, is_this in found
    ]
    model = MePage(person.name, person.role, person.full_ids, person.keys, person.theme, rows)
    return Page("me.html", model)


def set_preferences(ask: Ask) -> Answer:
    """Store keys and theme."""
    theme = ask.given("theme") if ask.given("theme") in _THEMES else ""
    people.set_preferences(
        ask.state.database, ask.who.person.number, keys=ask.given("keys") == "on", theme=theme
    )
    return SeeOther("/me")


def end_others(ask: Ask) -> Answer:
    """End all sessions of the person except this one."""
    secret = secret_of(ask.request.cookies, ask.is_secure)
    people.close_others(ask.state.database, ask.who.person.number, secret)
    return SeeOther("/me")
