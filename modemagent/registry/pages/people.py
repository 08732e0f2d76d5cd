"""People: who may do what, and when was each account used last?"""

from __future__ import annotations

from dataclasses import dataclass

from modemagent.registry.pages.figures import ShownTime, moment
from modemagent.registry.pages.frame import Answer, Ask, Page, SeeOther
from modemagent.registry.pages.page_errors import not_found
from modemagent.registry.pages.words import ACCESS_STATES, Word
from modemagent.registry.store.database.origin import openable, stored_origin
from modemagent.registry.store.fleet.documents import to_rfc3339
from modemagent.registry.store.people import invitations, people, sessions
from modemagent.registry.store.people.people import Person, PersonRole


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonRow:
    """An account.

    :param is_own: it is that of the person who looks at the page
    """

    name: str
    role: str
    full_ids: bool
    state: Word
    has_second_factor: bool
    sessions: int
    used: ShownTime | None
    created: ShownTime | None
    is_revoked: bool
    is_own: bool


@dataclass(frozen=True, slots=True)
class PeoplePage:
    """The accounts.

    :param link: address that sets the password of an account that was just made
    :param problem: why no account was made
    """

    rows: list[PersonRow]
    roles: list[str]
    invited: str
    link: str
    problem: str


def show_people(ask: Ask) -> Answer:
    """Return the accounts, those that are valid first."""
    return _page(ask)


def invite(ask: Ask) -> Answer:
    """Make an account or replace its password; return the page with the link."""
    name, role = ask.given("name").lower(), ask.given("role")
    if not people.is_name(name) or role not in list(PersonRole):
        return _page(ask, problem="A name has 1 to 64 of the characters a-z, 0-9 and . _ @ + -")
    database = ask.state.database
    secret = invitations.create_person(
        database, name, PersonRole(role), full_ids=bool(ask.given("full_ids"))
    )
    with ask.reading() as connection:
        origin = openable(stored_origin(connection))
    return _page(ask, invited=name, link=f"{origin}/welcome/{secret}")


def revoke_person(ask: Ask) -> Answer:
    """Revoke an account and end its sessions."""
    name = ask.path["name"]
    if name != ask.who.person.name and not people.revoke_person(ask.state.database, name):
        raise not_found("person")
    return SeeOther("/admin/people")


def _page(ask: Ask, *, invited: str = "", link: str = "", problem: str = "") -> Page:
    with ask.reading() as connection:
        found = people.all_people(connection)
        used = sessions.used_by_person(connection)
    rows = [_person(one, used.get(one.number, []), ask) for one in found]
    rows.sort(key=lambda one: (one.is_revoked, one.name))
    model = PeoplePage(rows, [str(one) for one in PersonRole], invited, link, problem)
    return Page("people.html", model, status=422 if problem else 200)


def _person(one: Person, used: list[int], ask: Ask) -> PersonRow:
    state = "active" if one.has_password else "invited"
    return PersonRow(
        name=one.name,
        role=str(one.role),
        full_ids=one.full_ids,
        state=ACCESS_STATES["revoked" if one.revoked_ms else state],
        has_second_factor=one.has_second_factor,
        sessions=len(used),
        used=moment(to_rfc3339(max(used, default=None)), ask.now),
        created=moment(to_rfc3339(one.created_ms), ask.now),
        is_revoked=one.revoked_ms is not None,
        is_own=one.number == ask.who.person.number,
    )
