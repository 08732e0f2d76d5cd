"""Exports in the background: which files are ready, and the form that requests another one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from modemagent.registry.pages.acts import Refusal, attempt
from modemagent.registry.pages.figures import ShownTime, byte_count, moment
from modemagent.registry.pages.frame import Answer, Ask, Download, Page, SeeOther
from modemagent.registry.pages.page_errors import PageError, forbidden, not_found
from modemagent.registry.pages.timeline import actor_text
from modemagent.registry.pages.words import LINK_STATES, SEVERITIES, Word
from modemagent.registry.store.fleet import reader
from modemagent.registry.store.fleet.documents import to_rfc3339
from modemagent.registry.store.fleet.unit_filters import LISTS
from modemagent.registry.store.outbound import exports
from modemagent.registry.store.outbound.exports import StoredExport
from modemagent.registry.store.people.tokens import Scope

_ROWS = 50
STATES = {
    "waiting": Word("being made", "gap", "info"),
    "done": Word("ready", "tick", "ok"),
    "failed": Word("failed", "diamond", "bad"),
}
#: What people can export, as words; one about a number is requested by the API.
KINDS = {
    "modems": "modems",
    "sims": "SIMs",
    "gateways": "gateways",
    "findings": "findings",
    "events": "events",
    "pairings": "SIMs in modems",
    "assets": "assets",
    exports.AUDIT: "audit",
}
_OF_AUDIT = (exports.AUDIT, exports.NUMBER)
_TEXTS = {
    "site": "Site",
    "model": "Model (modems, findings)",
    "firmware": "Firmware (modems, findings)",
    "gateway": "Gateway (modems, SIMs, findings)",
    "tac": "First digits of the IMEI",
    "issuer": "First digits of the ICCID",
    "type": "Rule (findings), such as sim.swapped",
}
_CHOICES = {
    "link_state": ("State of the link (modems, SIMs)", tuple(LINK_STATES)),
    "listed": ("On the list (modems, SIMs)", LISTS),
    "severity": ("Severity (findings)", tuple(SEVERITIES)),
}
_FILTERS = (*_TEXTS, *_CHOICES, "lifecycle", "owner")
#: Names of filters on pages that exports have under another name.
_RENAMED = {"rule": "type", "list": "listed"}
_MEDIA = {"csv": "text/csv; charset=utf-8", "jsonl": "application/jsonl"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportRow:
    """An export.

    :param url: of its file; empty: it is not complete, or this person may not have it
    :param why: why this person cannot have the file
    """

    key: str
    name: str
    what: str
    filters: str
    state: Word
    rows: int
    size: str
    url: str
    why: str
    full_ids: bool
    actor: str
    created: ShownTime | None
    until: ShownTime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportsPage:
    """The exports, newest first, with the form for another one.

    :param is_waiting: some are still being made
    :param texts: labels of filters that are typed
    :param choices: labels and values of filters that are chosen
    :param values: of the form, which a list that was too wide has filled in
    """

    rows: list[ExportRow]
    older: str | None
    is_waiting: bool
    kinds: dict[str, str]
    formats: tuple[str, ...]
    texts: dict[str, str]
    choices: dict[str, tuple[str, tuple[str, ...]]]
    values: dict[str, str]
    refusal: Refusal | None

    @property
    def is_filtered(self) -> bool:
        """Return True if the form states a filter."""
        return any(self.values[name] for name in _FILTERS)


def show(ask: Ask) -> Answer:
    """Return the list."""
    return _page(ask)


def add(ask: Ask) -> Answer:
    """Request an export."""
    what, form = ask.given("what"), ask.given("format")
    if what == exports.AUDIT and not ask.who.person.may(Scope.AUDIT):
        raise forbidden("read the audit")
    if what not in KINDS:
        return _page(ask, Refusal("Choose what is to be exported."))
    filters = {name: ask.given(name) for name in _FILTERS if ask.given(name)}
    if problem := _problem(ask, what, filters):
        return _page(ask, Refusal(problem))
    actor, full_ids = ask.who.actor, ask.who.full_ids
    key = attempt(
        lambda: ask.state.recorder.run(
            lambda batch: exports.add(batch, what, form, filters, actor, full_ids=full_ids)
        ),
        "export",
    )
    return _page(ask, key) if isinstance(key, Refusal) else SeeOther(f"/exports#E{key}")


def _problem(ask: Ask, what: str, filters: Mapping[str, str]) -> str:
    """Return why an export cannot have its filters, in the words of the form; empty: it can."""
    odd = sorted(filters.keys() - exports.filters_of(what))
    if odd:
        labels = _TEXTS | {name: label for name, (label, _) in _CHOICES.items()}
        named = [labels.get(name, name).partition(" (")[0] for name in odd]
        return f"Not a filter of {KINDS[what]}: {', '.join(named)}. Leave it empty."
    if name := filters.get("gateway"):
        with ask.reading() as connection:
            if reader.gateway(connection, name) is None:
                return "No gateway has this id. The page Gateways lists them."
    return ""


def fetch(ask: Ask) -> Answer:
    """Return the file of an export."""
    key = int(ask.key("E", "export"))
    with ask.reading() as connection:
        found = exports.stored_export(connection, key)
    if found is None:
        raise not_found("export")
    why = _why_not(found, ask)
    if why:
        raise PageError(403, "Not permitted", f"{why}.", "Request the export yourself.")
    if found.state != "done":
        raise PageError(409, "Not ready", "The file of this export is not complete.")
    if found.full_ids:
        exports.note_fetch(ask.state.database, key)

    def lines() -> Iterator[str]:
        for part in range(found.parts):
            with ask.reading() as connection:
                yield from exports.part_of(connection, key, part).splitlines(keepends=True)

    return Download(f"{found.what}-E{key}.{found.format}", lines(), _MEDIA[found.format])


def form_url(path: str, query: Mapping[str, str]) -> str:
    """Return the address of the form for an export of what a page lists; empty: there is none.

    >>> form_url("/findings", {"rule": "sim.swapped", "severity": "any", "after": "7"})
    '/exports?what=findings&type=sim.swapped'
    >>> form_url("/me", {})
    ''
    """
    what = path.strip("/").partition("/")[0]
    if what not in KINDS:
        return ""
    given = {_RENAMED.get(name, name): value for name, value in query.items()}
    kept = {
        name: value
        for name, value in given.items()
        if value and value != "any" and name in exports.filters_of(what)
    }
    return f"/exports?{urlencode({'what': what, **kept})}"


def _page(ask: Ask, refusal: Refusal | None = None) -> Page:
    after = ask.number("after")
    with ask.reading() as connection:
        found = exports.stored_exports(connection, limit=_ROWS + 1, after=after)
    rows = [_row(one, ask) for one in found[:_ROWS]]
    names = ("what", "format", *_FILTERS)
    may_audit = ask.who.person.may(Scope.AUDIT)
    model = ExportsPage(
        rows=rows,
        older=f"/exports?after={found[_ROWS - 1].key}" if len(found) > _ROWS else None,
        is_waiting=any(one.state == "waiting" for one in found),
        kinds={name: text for name, text in KINDS.items() if may_audit or name != exports.AUDIT},
        formats=exports.FORMATS,
        texts=_TEXTS,
        choices=_CHOICES,
        values={name: ask.given(name) or ask.query(name)[:64] for name in names},
        refusal=refusal,
    )
    return Page("exports.html", model, status=refusal.status if refusal else 200)


def _row(one: StoredExport, ask: Ask) -> ExportRow:
    why = _why_not(one, ask)
    filters = [f"{name.replace('_', ' ')} {value}" for name, value in one.filters.items()]
    return ExportRow(
        key=f"E{one.key}",
        name=f"{one.what}-E{one.key}.{one.format}",
        what=KINDS.get(one.what, "one number"),
        filters=ask.who.text(", ".join(filters)),
        state=STATES[one.state],
        rows=one.rows,
        size=byte_count(one.packed),
        url=f"/exports/E{one.key}/file" if one.state == "done" and not why else "",
        why=why,
        full_ids=one.full_ids,
        actor=actor_text(one.requested_by),
        created=_moment(one.created_ms, ask.now),
        until=_moment(one.created_ms + exports.KEPT_MS, ask.now),
    )


def _why_not(one: StoredExport, ask: Ask) -> str:
    """Return why a person may not have the file; empty: it is permitted."""
    if one.full_ids and not ask.who.full_ids:
        return "It has identifiers in full, which your account does not show"
    if one.what in _OF_AUDIT and not ask.who.person.may(Scope.AUDIT):
        return "It is for people who may read the audit"
    return ""


def _moment(at_ms: int, now: datetime) -> ShownTime | None:
    return moment(to_rfc3339(at_ms), now)
