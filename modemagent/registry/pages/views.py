"""Views with a name on lists: choosing one writes its whole query into the address."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode

from sqlalchemy import Connection

from modemagent.privacy.masking import mask_text
from modemagent.registry.pages.frame import Answer, Ask, SeeOther
from modemagent.registry.pages.page_errors import PageError
from modemagent.registry.store.people import saved_views as store

#: Lists that have views.
SECTIONS = ("findings", "modems", "sims", "gateways", "assets")
_LONGEST_NAME, _LONGEST_QUERY = 60, 500
#: Parameters that are not part of a view.
_NOT_KEPT = ("after", "before")


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewLink:
    """A view that can be chosen."""

    key: str
    name: str
    url: str
    is_chosen: bool
    is_own: bool
    is_shared: bool


@dataclass(frozen=True, slots=True)
class SavedViews:
    """The views of a list, and the query that would be saved."""

    section: str
    query: str
    links: list[ViewLink]


def saved_views(connection: Connection, ask: Ask, section: str, url: str) -> SavedViews:
    """Return the views of a list.

    :param url: address of the list with its filters, without a cursor
    """
    query = url.partition("?")[2]
    links = [
        ViewLink(
            key=f"V{one.id}",
            name=ask.who.text(one.name),
            url=f"/{section}" + (f"?{one.query}" if one.query else ""),
            is_chosen=one.query == query,
            is_own=one.is_own,
            is_shared=one.shared,
        )
        for one in store.views_of(connection, section, ask.who.person.number)
    ]
    return SavedViews(section, query, links)


def save(ask: Ask) -> Answer:
    """Save a view under a name."""
    section, name = ask.given("section"), " ".join(ask.given("name").split())
    given = parse_qsl(ask.given("query")[:_LONGEST_QUERY])
    query = urlencode([(key, value) for key, value in given if key not in _NOT_KEPT])
    if section not in SECTIONS or not 0 < len(name) <= _LONGEST_NAME or mask_text(query) != query:
        raise PageError(
            422,
            "Not saved",
            f"A view has a name of at most {_LONGEST_NAME} characters, and no number in its "
            "filters.",
            "Go back, and save it under another name.",
        )
    done = store.save(
        ask.state.database,
        ask.who.person.number,
        section,
        name,
        query,
        shared=ask.given("shared") == "on",
    )
    if not done:
        detail = f"A person has at most {store.MOST_OF_A_PERSON} views."
        raise PageError(422, "Not saved", detail, "Remove one of them first.")
    return SeeOther(f"/{section}" + (f"?{query}" if query else ""))


def remove(ask: Ask) -> Answer:
    """Remove a view of the person."""
    store.remove(ask.state.database, ask.who.person.number, int(ask.key("V", "view")))
    section = ask.given("section")
    return SeeOther(f"/{section}" if section in SECTIONS else "/")
