"""The audit: who did what, who saw which numbers in full, and is the record complete?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import Connection, select

from modemagent.errors import UsageError
from modemagent.registry.calls.audit import AuditCalls
from modemagent.registry.pages.act_words import ACTS
from modemagent.registry.pages.choices import Chip
from modemagent.registry.pages.csv_files import csv_lines
from modemagent.registry.pages.deleted import ADDRESSES
from modemagent.registry.pages.figures import ShownTime, moment
from modemagent.registry.pages.frame import Answer, Ask, Download, Page
from modemagent.registry.pages.links import Link
from modemagent.registry.pages.page_errors import objection
from modemagent.registry.pages.timeline import actor_text
from modemagent.registry.pages.words import Word
from modemagent.registry.store.database.refs import MODEM, format_ref, parse_ref
from modemagent.registry.store.fleet.documents import Document
from modemagent.registry.store.privacy import audit
from modemagent.registry.store.privacy.audit import ChainProblem, Verification
from modemagent.registry.store.tables import schema

_ROWS, _BLOCK = 50, 500
_FILTERS = ("actor", "kind", "object", "from", "to")
_COLUMNS = ("position", "time", "actor", "kind", "object", "detail", "hash")
#: Entries that are verified for a page; more take longer than a page may.
_MOST_VERIFIED = 200_000
_PROBLEMS = {
    "changed": "was changed",
    "removed": "was removed",
    "inserted": "was inserted",
    "head": "differs from the head that you entered",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ActRow:
    """An act.

    :param by: address of all acts of the actor
    :param same: address of all acts about the object
    :param facts: names and values of the detail
    :param seen: modems and SIMs whose numbers were shown in full
    """

    position: int
    time: ShownTime | None
    actor: str
    by: str
    kind: str
    words: str
    about: Link | None
    same: str
    facts: list[tuple[str, str]]
    seen: list[Link]
    more: int


@dataclass(frozen=True, slots=True)
class ChainState:
    """Result of a verification.

    :param word: whether the chain is intact
    :param problems: what is wrong, as sentences
    """

    word: Word
    problems: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditView:
    """A page of the audit, newest first.

    :param head: position and hash of the last entry
    :param chain: None: it was not verified now
    """

    rows: list[ActRow]
    head: str
    entries: int
    chips: list[Chip]
    values: dict[str, str]
    kinds: Mapping[str, str]
    query: str
    first: str | None
    following: str | None
    chain: ChainState | None
    typed: str


def show(ask: Ask) -> Answer:
    """Return a page of acts, newest first."""
    return _page(ask)


def verify(ask: Ask) -> Answer:
    """Verify the chain of all acts, and compare it with a head that was kept elsewhere."""
    calls, typed = AuditCalls(ask.state.database), ask.given("head")[:100]
    if calls.head().position > _MOST_VERIFIED:
        sentence = (
            f"There are more than {_MOST_VERIFIED:,} entries. Verify them on the machine of the "
            "registry: modemagent registry audit verify"
        )
        return _page(ask, ChainState(Word("not verified", "question", "warn"), [sentence]), typed)
    try:
        found = calls.verify(typed or None)
    except UsageError as error:
        wrong = ChainState(Word("not verified", "question", "warn"), [objection(error)])
        return _page(ask, wrong, typed)
    return _page(ask, _chain_state(found, compared=bool(typed)), typed)


def csv(ask: Ask) -> Answer:
    """Return the acts of the filters as CSV, newest first."""

    def lines() -> Iterator[list[str]]:
        after = None
        while True:
            with ask.reading() as connection:
                page = _read(connection, ask, _BLOCK, after)
            for one in page["entries"]:
                detail = _plain(one["detail"])
                yield [str({**one, "detail": detail}[name] or "") for name in _COLUMNS]
            if page["next"] is None:
                return
            after = int(page["next"])

    return Download("audit.csv", csv_lines(_COLUMNS, lines(), as_text=False))


def _page(ask: Ask, chain: ChainState | None = None, typed: str = "") -> Page:
    given, after = _given(ask), ask.number("after")
    with ask.reading() as connection:
        page = _read(connection, ask, _ROWS, after)
        kinds = _kinds_of(connection, page["entries"])
    model = AuditView(
        rows=[_row(one, kinds, ask) for one in page["entries"]],
        head=page["head"],
        entries=int(page["head"].partition(":")[0]),
        chips=[
            Chip(text=f"{name}: {value}", without=_url({**given, name: ""}))
            for name, value in given.items()
        ],
        values={name: given.get(name, "") for name in _FILTERS},
        kinds=ACTS,
        query=urlencode(given),
        first=_url(given) if after is not None else None,
        following=_url({**given, "after": page["next"]}) if page["next"] else None,
        chain=chain,
        typed=typed,
    )
    return Page("audit.html", model)


def _given(ask: Ask) -> dict[str, str]:
    return {name: ask.query(name) for name in _FILTERS if ask.query(name)}


def _read(connection: Connection, ask: Ask, limit: int, after: int | None) -> Document:
    return audit.audit_page(
        connection,
        limit=limit,
        after=after,
        newest_first=True,
        begin_ms=ask.time_ms("from"),
        end_ms=ask.time_ms("to"),
        **{name: ask.query(name) or None for name in ("actor", "kind", "object")},
    )


def _url(values: Mapping[str, str]) -> str:
    given = {name: value for name, value in values.items() if value}
    return f"/audit?{urlencode(given)}" if given else "/audit"


def _row(one: Document, kinds: Mapping[str, str], ask: Ask) -> ActRow:
    detail = dict(one["detail"])
    refs = detail.pop("refs", [])
    return ActRow(
        position=one["position"],
        time=moment(one["time"], ask.now),
        actor=actor_text(one["actor"]),
        by=_url({"actor": one["actor"]}),
        kind=one["kind"],
        words=ACTS.get(one["kind"]) or one["kind"],
        about=_object(one["object"], kinds) if one["object"] else None,
        same=_url({"object": one["object"] or ""}),
        facts=[(name.replace("_", " "), _plain(value)) for name, value in detail.items()],
        seen=[_object(f"unit:{ref}", kinds) for ref in refs[:_ROWS]],
        more=len(refs[_ROWS:]) + detail.get("more", 0),
    )


def _object(name: str, kinds: Mapping[str, str]) -> Link:
    """Return the link of an object; that of a modem or SIM has its reference, not its number."""
    kind, _, key = name.partition(":")
    kind = kinds.get(key, kind) if kind == "unit" else kind
    address = ADDRESSES.get(kind)
    if address is None:
        return Link(name.replace(":", " "))
    letter = address.rpartition("/")[2]
    text = key[:8] if kind == "finding" else key
    return Link(f"{'SIM' if kind == 'sim' else kind} {letter}{text}", f"{address}{key}")


def _kinds_of(connection: Connection, entries: list[Document]) -> dict[str, str]:
    """Return modem or sim for the references in entries."""
    names = [one["object"] or "" for one in entries]
    refs = [name.removeprefix("unit:") for name in names if name.startswith("unit:")]
    refs += [ref for one in entries for ref in one["detail"].get("refs", [])[:_ROWS]]
    wanted = {parse_ref(ref) for ref in refs}
    c = schema.unit.c
    query = select(c.ref, c.kind).where(c.ref.in_(wanted - {None}))
    return {
        format_ref(row.ref): "modem" if row.kind == MODEM else "sim"
        for row in connection.execute(query)
    }


def _plain(value: Any) -> str:
    """Return a value of a detail as text.

    >>> _plain(["owner", "site"]), _plain({"fields": ["owner"], "task": 2}), _plain(True)
    ('owner, site', 'fields: owner; task: 2', 'yes')
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return "; ".join(f"{name}: {_plain(one)}" for name, one in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _chain_state(found: Verification, *, compared: bool) -> ChainState:
    if found.problems:
        problems = [_problem(one) for one in found.problems]
        problems += [f"{found.more:,} further problems."] if found.more else []
        return ChainState(Word("not intact", "diamond", "bad"), problems)
    against = ", and the chain has the head that you entered" if compared else ""
    sentence = f"All {found.entries:,} entries are as they were written{against}."
    return ChainState(Word("intact", "tick", "ok"), [sentence])


def _problem(one: ChainProblem) -> str:
    """Return a problem as a sentence.

    >>> _problem(ChainProblem(3, 5, "removed"))
    'Entries 3 to 5: each was removed.'
    """
    if one.last > one.position:
        return f"Entries {one.position:,} to {one.last:,}: each {_PROBLEMS[one.problem]}."
    return f"Entry {one.position:,} {_PROBLEMS[one.problem]}."
