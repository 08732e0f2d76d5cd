"""People and tokens: who may do what, and when was each used last?"""

from __future__ import annotations

from dataclasses import dataclass

from modemagent.registry.pages.figures import ShownTime, moment
from modemagent.registry.pages.frame import Answer, Ask, Page, SeeOther
from modemagent.registry.pages.page_errors import not_found
from modemagent.registry.pages.words import ACCESS_STATES, Word
from modemagent.registry.store import invitations, people, sessions, tokens
from modemagent.registry.store.documents import to_rfc3339
from modemagent.registry.store.engine import now_ms
from modemagent.registry.store.origin import openable, stored_origin
from modemagent.registry.store.people import Person, PersonRole

_MOST_TOKENS = 200


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


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRow:
    """A token without its secret."""

    number: int
    scope: str
    gateway_id: str
    full_ids: bool
    state: Word
    used: ShownTime | None
    created: ShownTime | None
    expires: ShownTime | None
    is_valid: bool


@dataclass(frozen=True, slots=True)
class TokensPage:
    """The newest tokens of one kind.

    :param more: number of those that are left out
    """

    rows: list[TokenRow]
    more: int
    of_gateways: bool


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


def show_tokens(ask: Ask) -> Answer:
    """Return the tokens, newest first; those of gateways are many and have a list of their own."""
    of_gateways = ask.query("of") == "gateways"
    found = [
        one
        for one in reversed(tokens.all_tokens(ask.state.database))
        if (one.gateway_id is not None) is of_gateways
    ]
    rows = [_token(one, ask) for one in found[:_MOST_TOKENS]]
    return Page("tokens.html", TokensPage(rows, len(found) - len(rows), of_gateways))


def revoke_token(ask: Ask) -> Answer:
    """Revoke a token; that of a gateway blocks its enrollment too."""
    found = tokens.revoke(ask.state.database, int(ask.key("T", "token")))
    if found is None:
        raise not_found("token")
    return SeeOther("/admin/tokens" + ("?of=gateways" if found.gateway_id else ""))


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


def _token(one: tokens.Token, ask: Ask) -> TokenRow:
    is_valid = one.is_valid(now_ms())
    state = "active" if is_valid else "revoked" if one.revoked_ms else "expired"
    return TokenRow(
        number=one.number,
        scope=str(one.scope),
        gateway_id=ask.who.text(one.gateway_id or ""),
        full_ids=one.full_ids,
        state=ACCESS_STATES[state],
        used=moment(to_rfc3339(one.used_ms), ask.now),
        created=moment(to_rfc3339(one.created_ms), ask.now),
        expires=moment(to_rfc3339(one.expires_ms), ask.now),
        is_valid=is_valid,
    )
