"""The page of the person who is signed in: sessions, second factor, keys, light or dark."""

from __future__ import annotations

from dataclasses import dataclass

from modemagent.registry.pages import time_zones
from modemagent.registry.pages.acts import Refusal
from modemagent.registry.pages.figures import ShownTime, moment
from modemagent.registry.pages.frame import Answer, Ask, Page, SeeOther
from modemagent.registry.pages.session import secret_of
from modemagent.registry.store.fleet.documents import to_rfc3339
from modemagent.registry.store.people import people, second_factor, sessions

_THEMES = ("", "light", "dark")
_LONGEST_ZONE = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRow:
    """A session of the person."""

    name: str
    browser: str
    began: ShownTime | None
    used: ShownTime | None
    is_this: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MePage:
    """The account of the person.

    :param zone: name of the zone in the form
    :param zones: names that can be chosen
    :param codes_left: recovery codes that were not used
    """

    name: str
    role: str
    full_ids: bool
    keys: bool
    theme: str
    zone: str
    zones: list[str]
    refusal: Refusal | None
    sessions: list[SessionRow]
    has_second_factor: bool
    codes_left: int


def show(ask: Ask) -> Answer:
    """Return the page."""
    return _page(ask, ask.who.person.zone)


def _page(ask: Ask, zone: str, refusal: Refusal | None = None) -> Page:
    person, secret = ask.who.person, secret_of(ask.request.cookies, ask.is_secure)
    with ask.reading() as connection:
        found = sessions.sessions_of(connection, person.number, secret)
        left = second_factor.codes_left(connection, person.number)
    rows = [
        SessionRow(
            name=one.name,
            browser=one.browser or "unknown browser",
            began=moment(to_rfc3339(one.created_ms), ask.now),
            used=moment(to_rfc3339(one.used_ms), ask.now),
            is_this=one.is_this,
        )
        for one in found
    ]
    model = MePage(
        name=person.name,
        role=person.role,
        full_ids=person.full_ids,
        keys=person.keys,
        theme=person.theme,
        zone=zone,
        zones=time_zones.names(),
        refusal=refusal,
        sessions=rows,
        has_second_factor=person.has_second_factor,
        codes_left=left,
    )
    return Page("me.html", model, status=refusal.status if refusal else 200)


def set_preferences(ask: Ask) -> Answer:
    """Store keys, theme and second time zone."""
    theme = ask.given("theme") if ask.given("theme") in _THEMES else ""
    zone = ask.given("zone")[:_LONGEST_ZONE]
    if zone and zone not in time_zones.names():
        return _page(ask, zone, Refusal("This is not a time zone. Example: Europe/Berlin."))
    keys = ask.given("keys") == "on"
    number = ask.who.person.number
    people.set_preferences(ask.state.database, number, keys=keys, theme=theme, zone=zone)
    return SeeOther("/me")


def end_session(ask: Ask) -> Answer:
    """End one session of the person."""
    sessions.close_named(ask.state.database, ask.who.person.number, ask.path["name"])
    return SeeOther("/me#sessions")


def end_others(ask: Ask) -> Answer:
    """End all sessions of the person except this one."""
    secret = secret_of(ask.request.cookies, ask.is_secure)
    sessions.close_others(ask.state.database, ask.who.person.number, secret)
    return SeeOther("/me#sessions")
