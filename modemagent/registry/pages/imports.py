"""Imports of files: first a dry run, then the import, which can be undone."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Any

from modemagent.errors import UsageError
from modemagent.registry.calls.lists import ListCalls
from modemagent.registry.lists.new_entries import KINDS
from modemagent.registry.pages.acts import Refusal, attempt
from modemagent.registry.pages.figures import ShownTime, moment
from modemagent.registry.pages.frame import Answer, Ask, Page, SeeOther
from modemagent.registry.pages.page_errors import not_found
from modemagent.registry.pages.timeline import actor_text
from modemagent.registry.pages.words import TARGETS
from modemagent.registry.store.fleet.documents import Document
from modemagent.registry.store.people.tokens import Scope

_ROWS = 50
_TEXTS = ("target", "kind", "mode", "source", "reason", "order")
#: Registrations are imported on the command line, and undone on these pages too.
_NAMES = {**TARGETS, "registrations": "registrations"}
_FLAGS = ("force", "skip")
_LINKS = {"assets": "/assets", "orders": "/orders", "tacs": "/check", "registrations": "/deadlines"}
#: A larger file is chosen again after the dry run, because the page does not keep it.
_MOST_KEPT = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportRow:
    """An import."""

    url: str
    name: str
    target: str
    target_url: str
    mode: str
    source: str
    time: ShownTime | None
    actor: str
    counts: list[tuple[str, int]]
    undone: ShownTime | None
    undone_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportsPage:
    """The imports, newest first, with the form for another one.

    :param report: what a dry run has found; None: there was none
    :param content: the file of the dry run, for the import that follows
    """

    rows: list[ImportRow]
    older: str | None
    may_operate: bool
    targets: dict[str, str]
    kinds: tuple[str, ...]
    values: dict[str, str]
    report: Document | None
    counts: list[tuple[str, int]]
    content: str
    refusal: Refusal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportView:
    """One import.

    :param effect: of its undoing, as words
    """

    row: ImportRow
    may_undo: bool
    effect: str
    refusal: Refusal | None


def show_all(ask: Ask) -> Answer:
    """Return the imports with the form."""
    return _page(ask)


def dry_run(ask: Ask) -> Answer:
    """Show what a file would change, without changing it."""
    content = ask.form.files.get("file") or ask.form.text("pasted").encode()
    if not content.strip():
        return _page(ask, refusal=Refusal("Choose a file, or paste its lines."))
    calls, options = ListCalls(ask.state.database, ask.who.actor), _options(ask)
    report = attempt(lambda: calls.import_file(content, dry_run=True, **options), "target")
    if isinstance(report, Refusal):
        return _page(ask, refusal=report)
    return _page(ask, report=report, content=content)


def apply(ask: Ask) -> Answer:
    """Import the file of the dry run."""
    try:
        kept = base64.b64decode(ask.form.text("content"), validate=True)
    except binascii.Error:
        kept = b""
    content = ask.form.files.get("file") or kept
    if not content:
        return _page(ask, refusal=Refusal("Choose the file again."))
    calls, options = ListCalls(ask.state.database, ask.who.actor), _options(ask)
    report = attempt(lambda: calls.import_file(content, dry_run=False, **options), "target")
    if isinstance(report, Refusal):
        return _page(ask, refusal=report)
    if not report["accepted"]:
        return _page(ask, report=report, content=content)
    return SeeOther(f"/imports/I{report['id']}")


def show(ask: Ask) -> Answer:
    """Return the page of an import."""
    return _one(ask)


def undo(ask: Ask) -> Answer:
    """Undo an import; entries that were changed since are kept."""
    key = ask.key("I", "import")
    made = attempt(lambda: ListCalls(ask.state.database, ask.who.actor).undo(key), "import")
    if isinstance(made, Refusal):
        return _one(ask, made)
    effect = made["undo"]
    if effect is None:
        return _one(ask, Refusal("This import was undone before."))
    numbers = ".".join(str(effect[name]) for name in ("removed", "restored", "kept"))
    return SeeOther(f"/imports/I{key}?undone={numbers}")


def _options(ask: Ask) -> dict[str, Any]:
    options: dict[str, Any] = {name: ask.given(name) for name in ("target", "source", "reason")}
    if options["target"] not in TARGETS:
        raise UsageError("the target is unknown", hint=f"Use one of: {', '.join(TARGETS)}.")
    options |= {name: ask.given(name) == "on" for name in _FLAGS}
    kind = ask.given("kind")
    options["kind"] = kind if kind in KINDS else None
    return {**options, "instead": ask.given("mode") == "replace", "order": ask.given("order")}


def _page(
    ask: Ask,
    *,
    report: Document | None = None,
    content: bytes = b"",
    refusal: Refusal | None = None,
) -> Page:
    found = ListCalls(ask.state.database, ask.who.actor).imports(_ROWS, ask.query("after") or None)
    keep = report is not None and len(content) <= _MOST_KEPT
    values = {name: ask.given(name) or ask.query(name) for name in (*_TEXTS, *_FLAGS)}
    refused = refusal is not None or (report is not None and not report["accepted"])
    model = ImportsPage(
        rows=[import_row(one, ask) for one in found["imports"]],
        older=found["next"] and f"/imports?after={found['next']}",
        may_operate=ask.who.may_operate,
        targets=TARGETS,
        kinds=tuple(KINDS),
        values={**values, "pasted": ask.form.text("pasted")},
        report=report,
        counts=_counts(report) if report else [],
        content=base64.b64encode(content).decode() if keep else "",
        refusal=refusal,
    )
    return Page("imports.html", model, status=422 if refused else 200)


def _one(ask: Ask, refusal: Refusal | None = None) -> Page:
    found = ListCalls(ask.state.database, ask.who.actor).import_run(ask.key("I", "import"))
    if found is None:
        raise not_found("import")
    effect, numbers = "", ask.query("undone").split(".")
    if len(numbers) == 3 and all(one.isdecimal() for one in numbers) and found["undone_at"]:
        removed, restored, kept = numbers
        effect = f"{removed} removed, {restored} restored, {kept} kept because they changed since."
    may_undo = ask.who.may_operate and found["undone_at"] is None
    model = ImportView(
        row=import_row(found, ask), may_undo=may_undo, effect=effect, refusal=refusal
    )
    return Page("import.html", model, status=refusal.status if refusal else 200)


def import_row(one: Document, ask: Ask) -> ImportRow:
    """Return an import as a row of a list."""
    target = one["target"]
    links = {**_LINKS, "tacs": "/admin/tac"} if ask.who.person.may(Scope.ADMIN) else _LINKS
    return ImportRow(
        url=f"/imports/I{one['id']}",
        name=f"I{one['id']}",
        target=_NAMES[target],
        target_url=links.get(target, f"/lists/{target}"),
        mode=one["mode"],
        source=ask.who.text(one["source"]),
        time=moment(one["imported_at"], ask.now),
        actor=actor_text(one["imported_by"]),
        counts=_counts(one),
        undone=moment(one["undone_at"], ask.now),
        undone_by=actor_text(one["undone_by"] or ""),
    )


def _counts(one: Document) -> list[tuple[str, int]]:
    names = ("rows", "added", "changed", "removed", "unchanged", "skipped")
    shown = {"rows": "line" if one["rows"] == 1 else "lines", "added": "new"}
    return [(shown.get(name, name), one[name]) for name in names]
