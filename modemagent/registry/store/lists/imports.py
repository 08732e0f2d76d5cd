"""Imports of files: one transaction each, which can be undone.

A file goes into a list, into the TAC table, or into the register of assets or orders.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, select

from modemagent.errors import UsageError
from modemagent.identity.csv_table import LineProblem
from modemagent.registry.assets.asset_file import read_assets
from modemagent.registry.assets.order_file import read_order
from modemagent.registry.lists.entries import ListName
from modemagent.registry.lists.list_file import read_list
from modemagent.registry.lists.new_entries import LISTS
from modemagent.registry.lists.size_guard import MOST_CHANGE, judge_size
from modemagent.registry.lists.tac_file import read_tacs
from modemagent.registry.regulations.registration_file import read_registrations
from modemagent.registry.store.assets import asset_imports, order_imports
from modemagent.registry.store.database import dialect
from modemagent.registry.store.evaluation import inventory
from modemagent.registry.store.fleet.documents import Document, to_rfc3339
from modemagent.registry.store.intake.batch import Batch
from modemagent.registry.store.lists import lists, registers, tac_table
from modemagent.registry.store.lists.row_plan import RowPlan
from modemagent.registry.store.privacy import acts
from modemagent.registry.store.regulations import registrations
from modemagent.registry.store.tables import list_tables
from modemagent.registry.store.tables.asset_tables import ASSETS, ORDERS
from modemagent.registry.store.tables.deadline_tables import REGISTRATIONS

TACS = "tacs"  # the TAC table as the target of an import
_REGISTERS = {TACS: registers.TAC_TABLE, "assets": ASSETS, "orders": ORDERS,
              "registrations": REGISTRATIONS}  # fmt: skip
TARGETS = (*LISTS, *_REGISTERS)

AnyPlan = lists.Plan | tac_table.TacPlan | RowPlan
_MOST_PROBLEMS = 1000
_COLUMNS = (
    "id", "target", "mode", "source", "imported_by", "imported_ms", "rows", "added", "changed",
    "removed", "unchanged", "skipped", "undone_ms", "undone_by",
)  # fmt: skip
_ENTRY = lists.COLUMNS
_EMPTY = LineProblem(
    0, "", "empty", "error", "the file has no lines with numbers", "Check that it is complete."
)


class ImportOptions(NamedTuple):
    """How a file is imported.

    :param target: name of a list, ``tacs``, ``assets``, ``orders`` or ``registrations``
    :param instead: the file is the whole list: entries that it lacks are removed
    :param kind: what the file lists, if it does not state it
    :param force: import it although the size of the list changes much
    :param skip: leave out lines with errors
    :param most_change: largest change of the size, as a ratio
    :param order: number of the order, for lines that do not state it
    :param country: of registrations, for lines that do not state it
    """

    target: str
    instead: bool = False
    kind: str | None = None
    source: str = ""
    reason: str = ""
    force: bool = False
    skip: bool = False
    most_change: float = MOST_CHANGE
    order: str = ""
    country: str = ""


class ReadFile(NamedTuple):
    """A file that was read: number of lines, what it holds, and what is wrong with it."""

    rows: int
    items: list[Any]
    problems: list[LineProblem]


def read_file(content: bytes, options: ImportOptions) -> ReadFile:
    """Return what a file holds; takes seconds for a large one, so call it before the transaction.

    :param content: the file as it is
    :raises UsageError: the options do not fit the target
    """
    if options.target == TACS:
        return ReadFile(*read_tacs(content))
    if options.target == "assets":
        if options.instead:
            raise UsageError(
                "assets that a file lacks are not removed", hint="Set their state to retired."
            )
        return ReadFile(*read_assets(content))
    if options.target == "orders":
        return ReadFile(*read_order(content, options.order))
    if options.target == "registrations":
        if options.instead:
            raise UsageError(
                "registrations that a file lacks are not removed", hint="Undo their import."
            )
        return ReadFile(*read_registrations(content, options.country))
    defaults = {"source": options.source, "reason": options.reason}
    return ReadFile(*read_list(content, kind=options.kind, defaults=defaults))


def try_import(connection: Connection, found: ReadFile, options: ImportOptions) -> Document:
    """Return what an import would do, without doing it."""
    planned = _plan(connection, found, options)
    before = registers.size(connection, _list_of(options))
    return _report(found, options, planned, before)


def run_import(batch: Batch, found: ReadFile, options: ImportOptions, actor: str) -> Document:
    """Import a file, unless its errors or its size forbid it; return what was done."""
    target = _list_of(options)
    before = registers.lock(batch, target)
    planned = _plan(batch.connection, found, options)
    report = _report(found, options, planned, before)
    if not report["accepted"]:
        return report
    row = (
        batch.key(), options.target, report["mode"], options.source, actor, batch.now_ms,
        *(report[one] for one in ("rows", "added", "changed", "removed", "unchanged", "skipped")),
        None, None,
    )  # fmt: skip
    dialect.insert_rows(batch.connection, list_tables.import_run, _COLUMNS, [row])
    if isinstance(planned, tac_table.TacPlan):
        tac_table.put(batch, planned, row[0])
    elif isinstance(planned, RowPlan):
        if target == ASSETS:
            asset_imports.put(batch, planned, actor, row[0], options.reason or options.source)
        elif target == REGISTRATIONS:
            registrations.put(batch, planned, row[0])
        else:
            order_imports.put(batch, planned, actor, row[0], options.source)
        inventory.evaluate_noted(batch)
    else:
        lists.put(batch, ListName(target), planned, actor, row[0])
    acts.note(batch.connection, "import.run", f"import:{row[0]}", target=options.target)
    return {**report, **_document(row)}


def undo(batch: Batch, import_run: int, actor: str) -> Document | None:
    """Undo an import; return it with the numbers of removed, restored and kept entries.

    Entries that were changed since are kept. An import that is undone already is returned as it is.
    """
    found = import_document(batch.connection, import_run)
    if found is None:
        return None
    target = _list_of(ImportOptions(found["target"]))
    registers.lock(batch, target)
    if (import_document(batch.connection, import_run) or found)["undone_at"] is not None:
        return {**found, "undo": None}
    if target == registers.TAC_TABLE:
        removed, restored = tac_table.undo(batch, import_run)
    elif target == REGISTRATIONS:
        removed, restored = registrations.undo(batch, import_run, actor)
    elif target in (ASSETS, ORDERS):
        revert = asset_imports.undo if target == ASSETS else order_imports.undo
        removed, restored = revert(batch, import_run, actor)
        inventory.evaluate_noted(batch)
    else:
        removed, restored = _undo_entries(batch, ListName(target), import_run, actor)
    dialect.update_rows(
        batch.connection,
        list_tables.import_run,
        ("id",),
        ("undone_ms", "undone_by"),
        [(batch.now_ms, actor, import_run)],
    )
    acts.note(batch.connection, "import.undo", f"import:{import_run}", target=found["target"])
    done = import_document(batch.connection, import_run) or found
    kept = found["added"] + found["changed"] - removed
    return {**done, "undo": {"removed": removed, "restored": restored, "kept": kept}}


def _undo_entries(batch: Batch, name: ListName, import_run: int, actor: str) -> tuple[int, int]:
    connection = batch.connection
    key = [(import_run,)]
    rows = dialect.select_rows(connection, list_tables.list_entry, ("import_run",), _ENTRY, key)
    added = [lists.EntryRow(*row) for row in rows]
    lists.remove(batch, name, added, actor)
    rows = dialect.select_rows(connection, list_tables.list_past, ("removed_import",), _ENTRY, key)
    past = [lists.EntryRow(*row) for row in rows]
    newer = lists.stored_values(connection, name, [one.value for one in past])
    restored = [one for one in past if one.value not in newer]
    lists.insert(batch, name, restored)
    dialect.delete_rows(connection, list_tables.list_past, ("id",), [(one.id,) for one in restored])
    return len(added), len(restored)


def import_page(
    connection: Connection, *, limit: int, after: int | None = None, target: str | None = None
) -> Document:
    """Return a page of the imports, newest first.

    :param target: only those into it
    """
    c = list_tables.import_run.c
    query = select(*(c[one] for one in _COLUMNS)).order_by(c.id.desc()).limit(limit + 1)
    if after is not None:
        query = query.where(c.id < after)
    if target is not None:
        query = query.where(c.target == target)
    rows = [tuple(row) for row in connection.execute(query)]
    following = str(rows[limit - 1][0]) if len(rows) > limit else None
    return {"imports": [_document(row) for row in rows[:limit]], "next": following}


def import_document(connection: Connection, import_run: int) -> Document | None:
    """Return one import."""
    rows = dialect.select_rows(
        connection, list_tables.import_run, ("id",), _COLUMNS, [(import_run,)]
    )
    return _document(rows[0]) if rows else None


def _document(row: Sequence[Any]) -> Document:
    found = dict(zip(_COLUMNS, row, strict=True))
    times = {f"{name}_at": to_rfc3339(found.pop(f"{name}_ms")) for name in ("imported", "undone")}
    return {**found, "id": str(found["id"]), **times}


def _list_of(options: ImportOptions) -> int:
    name = options.target
    return _REGISTERS[name] if name in _REGISTERS else int(LISTS[name])


def _plan(connection: Connection, found: ReadFile, options: ImportOptions) -> AnyPlan:
    if options.target == TACS:
        return tac_table.plan(connection, found.items, instead=options.instead)
    if options.target == "assets":
        return asset_imports.plan(connection, found.items)
    if options.target == "registrations":
        return registrations.plan(connection, found.items)
    if options.target == "orders":
        return order_imports.plan(connection, found.items, instead=options.instead)
    name = LISTS[options.target]
    return lists.plan(connection, name, found.items, instead=options.instead)


def _report(
    found: ReadFile,
    options: ImportOptions,
    planned: AnyPlan,
    before: int,
) -> Document:
    problems = [*found.problems]
    if isinstance(planned, RowPlan):
        before = planned.before
        problems = sorted([*problems, *planned.problems], key=lambda one: one.line)
    after = before + planned.growth
    guard = judge_size(before, after, options.most_change)
    if guard is not None and not options.force:
        problems.insert(0, guard)
    if not found.rows and not problems:
        problems.append(_EMPTY)
    wrong = {one.line for one in problems if one.is_error}
    whole = 0 in wrong  # of the file, which no line can be left out for
    accepted = bool(found.rows) and not whole and (options.skip or not wrong)
    return {
        "id": None,
        "target": options.target,
        "mode": "replace" if options.instead else "add",
        "source": options.source,
        "accepted": accepted,
        "before": before,
        "after": after,
        "rows": found.rows,
        "added": len(planned.new) - len(planned.replaced),
        "changed": len(planned.replaced),
        "removed": len(planned.others),
        "unchanged": planned.unchanged,
        "skipped": len(wrong - {0}),
        "problems": [one.to_json() for one in problems[:_MOST_PROBLEMS]],
        "more_problems": max(len(problems) - _MOST_PROBLEMS, 0),
        "imported_at": None,
        "imported_by": None,
        "undone_at": None,
        "undone_by": None,
    }
