"""The lists of prohibited, tracked and permitted numbers: is it listed, by whom, until when?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from modemagent.errors import UsageError
from modemagent.registry.api.masked_lists import shown_entry
from modemagent.registry.calls.lists import ListCalls
from modemagent.registry.lists.new_entries import KINDS, LISTS
from modemagent.registry.lists.numbers import read_number
from modemagent.registry.pages.acts import Refusal, attempt
from modemagent.registry.pages.csv_files import csv_lines
from modemagent.registry.pages.figures import ShownTime, moment
from modemagent.registry.pages.frame import Answer, Ask, Download, Page, SeeOther
from modemagent.registry.pages.links import Link
from modemagent.registry.pages.lookup import count_lookup
from modemagent.registry.pages.page_errors import not_found
from modemagent.registry.pages.timeline import actor_text
from modemagent.registry.pages.words import LISTS as LIST_WORDS
from modemagent.registry.pages.words import Word
from modemagent.registry.store.fleet.documents import Document
from modemagent.registry.store.lists.list_hits import entries_about
from modemagent.registry.store.lists.lists import entry_document

_ROWS = 50
_BLOCK = 1000
_FIELDS = ("kind", "value", "last", "valid_from", "valid_to", "source", "reason")
_COLUMNS = (*_FIELDS, "added_at", "added_by")


@dataclass(frozen=True, slots=True, kw_only=True)
class ListLine:
    """A list with the number of its entries."""

    url: str
    word: Word
    entries: int
    changed: ShownTime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownEntry:
    """An entry of a list."""

    key: str
    kind: str
    value: str
    last: str
    begin: ShownTime | None
    end: ShownTime | None
    source: str
    reason: str
    added: ShownTime | None
    actor: str
    import_run: Link | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListView:
    """A page of a list.

    :param found: the entries that cover the number that was looked for; None: nothing was
    """

    url: str
    name: str
    word: Word
    others: list[ListLine]
    rows: list[ShownEntry]
    older: str | None
    kinds: tuple[str, ...]
    may_operate: bool
    refusal: Refusal | None
    values: dict[str, str]
    typed: str
    found: list[ShownEntry] | None


def show_all(ask: Ask) -> Answer:
    """Return the lists with the numbers of their entries."""
    return Page("lists.html", _lines(ask))


def show(ask: Ask) -> Answer:
    """Return a page of a list in the order in which the entries were added."""
    return _page(ask)


def find(ask: Ask) -> Answer:
    """Return the entries of a list that cover a number; the number is in no address."""
    count_lookup(ask)
    typed, name = ask.given("number")[:64], _name(ask)
    listed = read_number(typed).listed
    rows: list[ShownEntry] = []
    if listed is not None:
        with ask.reading() as connection:
            covering = entries_about(connection, [listed])[listed]
            documents = [entry_document(connection, one.list, one.id) for one in covering]
        rows = [_row(one, ask) for one in documents if one is not None and one["list"] == name]
    return _page(ask, found=rows, typed=typed)


def csv(ask: Ask) -> Answer:
    """Return a list as CSV, which an import reads."""
    name = _name(ask)
    rows = ([str(one[column] or "") for column in _COLUMNS] for one in _entries(ask, name))
    lines = csv_lines(_COLUMNS, rows, as_text=ask.query("numbers") == "text")
    return Download(f"{name}.csv", lines)


def put(ask: Ask) -> Answer:
    """Put an entry on a list."""
    given: dict[str, str | None] = {name: ask.given(name) or None for name in _FIELDS}
    given |= {name: ask.given(name) for name in ("source", "reason")}
    calls, name = ListCalls(ask.state.database, ask.who.actor), _name(ask)
    made = attempt(lambda: calls.put_entry(name, given), "list")
    if isinstance(made, Refusal):
        return _page(ask, refusal=made)
    return SeeOther(f"/lists/{name}#E{made['id']}")


def remove(ask: Ask) -> Answer:
    """Remove an entry from a list."""
    calls, name = ListCalls(ask.state.database, ask.who.actor), _name(ask)
    if not calls.remove_entry(name, str(ask.number("entry") or 0)):
        raise not_found("entry")
    return SeeOther(f"/lists/{name}")


def _name(ask: Ask) -> str:
    if ask.path["name"] not in LISTS:
        raise not_found("list")
    return ask.path["name"]


def _entries(ask: Ask, name: str) -> Iterator[Document]:
    calls, after = ListCalls(ask.state.database, ask.who.actor), None
    while True:
        page = calls.entries(name, _BLOCK, after)
        yield from (shown_entry(one, ask.who) for one in page["entries"])
        after = page["next"]
        if after is None:
            return


def _lines(ask: Ask) -> list[ListLine]:
    found = ListCalls(ask.state.database, ask.who.actor).lists()["lists"]
    return [
        ListLine(
            url=f"/lists/{one['list']}",
            word=LIST_WORDS[one["list"]],
            entries=one["entries"],
            changed=moment(one["changed_at"], ask.now),
        )
        for one in found
    ]


def _page(
    ask: Ask,
    refusal: Refusal | None = None,
    found: list[ShownEntry] | None = None,
    typed: str = "",
) -> Page:
    name = _name(ask)
    calls = ListCalls(ask.state.database, ask.who.actor)
    try:
        page = calls.entries(name, _ROWS, ask.query("after") or None)
    except UsageError:
        raise not_found("page of this list") from None
    model = ListView(
        url=f"/lists/{name}",
        name=name,
        word=LIST_WORDS[name],
        others=_lines(ask),
        rows=[_row(one, ask) for one in page["entries"]],
        older=page["next"] and f"/lists/{name}?after={page['next']}",
        kinds=tuple(KINDS),
        may_operate=ask.who.may_operate,
        refusal=refusal,
        values={one: ask.given(one) for one in _FIELDS},
        typed=typed,
        found=found,
    )
    return Page("list.html", model, status=refusal.status if refusal else 200)


def _row(entry: Document, ask: Ask) -> ShownEntry:
    one = shown_entry(entry, ask.who)
    run = one["import"]
    return ShownEntry(
        key=f"E{one['id']}",
        kind=one["kind"].replace("_", " ").upper() if one["kind"] != "range" else "range of IMEIs",
        value=one["value"],
        last=one["last"] or "",
        begin=moment(one["valid_from"], ask.now),
        end=moment(one["valid_to"], ask.now),
        source=one["source"],
        reason=one["reason"],
        added=moment(one["added_at"], ask.now),
        actor=actor_text(one["added_by"]),
        import_run=Link(f"I{run}", f"/imports/I{run}") if run else None,
    )
