"""Cases in the database: opened, changed and closed, each change with its entry in the journal.

Opening a case of a lost or stolen device puts its numbers on the tracked list and marks its places,
in the same transaction; closing it takes both back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection

from modemagent.errors import UsageError
from modemagent.registry.assets.case_fields import CHECKLISTS, OUTCOMES, TRACKED
from modemagent.registry.lists.entries import EntryKind, EntryValue, ListName
from modemagent.registry.lists.new_entries import NewEntry
from modemagent.registry.store.assets import case_sightings
from modemagent.registry.store.assets.case_reader import (
    CASE_COLUMNS,
    CaseRow,
    case_document,
    journal,
    things_of,
)
from modemagent.registry.store.database import dialect
from modemagent.registry.store.findings.decisions import StaleRevision
from modemagent.registry.store.history.units import UnitKind
from modemagent.registry.store.intake.batch import Batch
from modemagent.registry.store.lists import lists, registers
from modemagent.registry.store.outbound import notices
from modemagent.registry.store.privacy import acts
from modemagent.registry.store.tables.case_tables import (
    case_entry,
    case_task,
    case_thing,
    device_case,
)

MOST_THINGS = 100
_ENTRY_KINDS = {UnitKind.MODEM: EntryKind.IMEI, UnitKind.SIM: EntryKind.ICCID}


class CaseThing(NamedTuple):
    """A missing or listed device.

    :param number: 14 digits of an IMEI, or an ICCID
    :param asset: id of its asset, if it has one
    """

    kind: UnitKind
    number: str
    asset: int | None = None


def open_case(
    batch: Batch,
    kind: str,
    things: Sequence[CaseThing],
    values: Mapping[str, str | bool | None],
    actor: str,
) -> int:
    """Open a case and return its id.

    :raises UsageError: a thing is in another open case
    """
    connection = batch.connection
    registers.lock(batch, ListName.TRACKED)  # before the check, so that no number gets two cases
    taken = open_case_of(connection, things)
    if taken is not None:
        raise UsageError(
            f"case {taken} about one of these numbers is open", hint="Add a note to that case."
        )
    case = batch.key()
    made = _track(batch, kind, things, case, actor) if kind in TRACKED else {}
    row = {
        **dict.fromkeys(CASE_COLUMNS), "cell": False, **values, "id": case, "kind": kind,
        "state": "open", "opened_by": actor, "revision": 1, "opened_ms": batch.now_ms,
        "changed_ms": batch.now_ms,
    }  # fmt: skip
    values_of_row = tuple(row[name] for name in CASE_COLUMNS)
    dialect.insert_rows(connection, device_case, CASE_COLUMNS, [values_of_row])
    dialect.insert_rows(
        connection,
        case_thing,
        ("device_case", "position", "kind", "number", "asset", "entry"),
        [
            (case, position, int(one.kind), one.number, one.asset, made.get(one.number))
            for position, one in enumerate(things, 1)
        ],
    )
    tasks = [(case, position, text) for position, text in enumerate(CHECKLISTS[kind], 1)]
    dialect.insert_rows(connection, case_task, ("device_case", "position", "text"), tasks)
    _note(batch, case, 1, actor, "opened", "")
    if kind in TRACKED:
        case_sightings.watch(batch, case, _units_of(connection, things))
    acts.note(connection, "case.open", f"case:{case}", case_kind=kind)
    notices.note_case(batch, "case.opened", case, kind=kind)
    return case


def open_case_of(connection: Connection, things: Sequence[CaseThing]) -> int | None:
    """Return an open case about one of some things."""
    keys = [(int(one.kind), one.number) for one in things]
    rows = dialect.select_rows(connection, case_thing, ("kind", "number"), ("device_case",), keys)
    found = dialect.select_rows(connection, device_case, ("id",), ("id", "state"), set(rows))
    return next((row[0] for row in sorted(found) if row[1] == "open"), None)


def _track(
    batch: Batch, kind: str, things: Sequence[CaseThing], case: int, actor: str
) -> dict[str, int]:
    """Put things on the locked tracked list, those that it lacks; return the ids of the entries."""
    values = [EntryValue(_ENTRY_KINDS[one.kind], one.number) for one in things]
    known = lists.stored_values(batch.connection, ListName.TRACKED, values)
    new = [NewEntry(one, None, None, f"case {case}", kind) for one in values if one not in known]
    lists.put(batch, ListName.TRACKED, lists.Plan(new, [], [], 0), actor)
    return {
        row.first: row.id
        for row in lists.entries_of(batch.connection, ListName.TRACKED, [one.value for one in new])
    }


def change_case(
    batch: Batch, case: int, revision: int, values: Mapping[str, str | bool | None], text: str,
    actor: str,
) -> bool:  # fmt: skip
    """Change fields of a case and add a note to its journal; False if there is no such case.

    :raises StaleRevision: the case has another revision
    """
    row = locked_case(batch, case, revision)
    if row is None:
        return False
    changed = {name: value for name, value in values.items() if row[name] != value}
    if changed or text:
        fields = ", ".join(f"{name}: {_shown(value)}" for name, value in changed.items())
        entry = "; ".join(one for one in (fields, text) if one)
        _write(batch, row, changed, actor, "changed" if changed else "note", entry)
        acts.note(batch.connection, "case.change", f"case:{case}", fields=sorted(changed))
    return True


def _shown(value: str | bool | None) -> str:
    return ("on" if value else "off") if isinstance(value, bool) else value or "empty"


def do_task(
    batch: Batch, case: int, revision: int, position: int, done: bool, reference: str, actor: str
) -> bool:
    """Mark a task of the checklist as done, or as not done; False if there is no such task.

    :raises StaleRevision: the case has another revision
    """
    row = locked_case(batch, case, revision)
    key = [(case, position)]
    names = ("device_case", "position")
    tasks = dialect.select_rows(batch.connection, case_task, names, ("text",), key)
    if row is None or not tasks:
        return False
    values = (batch.now_ms, actor, reference or None) if done else (None, None, None)
    dialect.update_rows(
        batch.connection, case_task, names, ("done_ms", "done_by", "reference"),
        [(*values, case, position)],
    )  # fmt: skip
    text = f"{tasks[0][0]} {reference}".strip()
    _write(batch, row, {}, actor, "task_done" if done else "task_open", text)
    acts.note(batch.connection, "case.task", f"case:{case}", task=position, done=done)
    return True


def close_case(batch: Batch, case: int, revision: int, outcome: str, text: str, actor: str) -> bool:
    """Close a case: what it tracks is no longer tracked; False if there is no such case.

    :raises StaleRevision: the case has another revision
    :raises UsageError: the case is closed, or the outcome does not fit its kind
    """
    connection = batch.connection
    registers.lock(batch, ListName.TRACKED)
    row = locked_case(batch, case, revision)
    if row is None:
        return False
    if row["state"] != "open":
        raise UsageError("the case is closed", hint="Open another case.")
    if outcome not in OUTCOMES[row["kind"]]:
        raise UsageError(
            f"a case of kind {row['kind']} cannot be closed as {outcome}",
            hint=f"Use one of: {', '.join(OUTCOMES[row['kind']])}.",
        )
    things = things_of(connection, [case])[case]
    entries = [one["entry"] for one in things if one["entry"] is not None]
    stored = lists.entries_by_id(connection, ListName.TRACKED, entries)
    if outcome == "delisted":
        values = [EntryValue(_ENTRY_KINDS[one["kind"]], one["number"]) for one in things]
        stored += lists.entries_of(connection, ListName.TRACKED, values)
    lists.remove(batch, ListName.TRACKED, list(dict.fromkeys(stored)), actor)
    closed = {"state": "closed", "outcome": outcome, "closed_ms": batch.now_ms}
    _write(batch, row, closed, actor, "closed", f"{outcome}: {text}" if text else outcome)
    found = [CaseThing(UnitKind(one["kind"]), one["number"]) for one in things]
    case_sightings.end(batch, case, _units_of(connection, found))
    acts.note(connection, "case.close", f"case:{case}", outcome=outcome)
    notices.note_case(batch, "case.closed", case, kind=row["kind"], outcome=outcome)
    return True


def locked_case(batch: Batch, case: int, revision: int) -> CaseRow | None:
    """Lock a case and return it.

    :raises StaleRevision: it has another revision
    """
    rows = dialect.select_rows(
        batch.connection, device_case, ("id",), CASE_COLUMNS, [(case,)], lock=True
    )
    if not rows:
        return None
    row = dict(zip(CASE_COLUMNS, rows[0], strict=True))
    if row["revision"] != revision:
        difference = {
            "case": case_document(batch.connection, row),
            "changes": journal(batch.connection, case, revision),
        }
        raise StaleRevision(row["revision"], difference)
    return row


def _write(
    batch: Batch, row: CaseRow, values: Mapping[str, Any], actor: str, action: str, text: str
) -> None:
    revision = row["revision"] + 1
    changed = {**values, "revision": revision, "changed_ms": batch.now_ms}
    dialect.update_rows(
        batch.connection, device_case, ("id",), tuple(changed), [(*changed.values(), row["id"])]
    )
    _note(batch, row["id"], revision, actor, action, text)


def _note(batch: Batch, case: int, revision: int, actor: str, action: str, text: str) -> None:
    names = ("device_case", "revision", "made_ms", "actor", "action", "text")
    row = (case, revision, batch.now_ms, actor, action, text)
    dialect.insert_rows(batch.connection, case_entry, names, [row])


def _units_of(connection: Connection, things: Sequence[CaseThing]) -> list[int]:
    found = case_sightings.units_of(connection, [(int(one.kind), one.number) for one in things])
    return sorted({unit for units in found.values() for unit in units})
