"""Imports of assets: which line is which asset, the fields that change, and their undoing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from modemagent.errors import UsageError
from modemagent.identity.csv_table import LineProblem
from modemagent.registry.assets.asset_file import AssetLine
from modemagent.registry.store.assets import asset_changes, assets
from modemagent.registry.store.assets.asset_changes import AssetChange
from modemagent.registry.store.assets.assets import AssetRow
from modemagent.registry.store.database import dialect
from modemagent.registry.store.intake.batch import Batch
from modemagent.registry.store.lists.registers import size
from modemagent.registry.store.lists.row_plan import RowPlan
from modemagent.registry.store.tables.asset_tables import ASSETS, asset_change, asset_revision


def plan(connection: Connection, lines: Sequence[AssetLine]) -> RowPlan:
    """Return the effect of the lines of a file; assets that it lacks stay as they are."""
    stored = _NamedAssets(connection, lines)
    found: dict[int, AssetChange] = {}  # by line
    seen: dict[int, int] = {}
    problems: list[LineProblem] = []
    unchanged = 0
    for one in lines:
        try:
            row = stored.of(one)
            if row is not None and row["id"] in seen:
                message = f"the asset of line {seen[row['id']]} again"
                problems.append(_error(one.line, "duplicate", message, "Delete one of the lines."))
                continue
            change = (
                asset_changes.new_asset(one.values) if row is None
                else asset_changes.changed_asset(row, one.values)
            )  # fmt: skip
        except UsageError as error:
            problems.append(_error(one.line, "refused", error.message, error.hint))
            continue
        if row is not None:
            seen[row["id"]] = one.line
        if change is None:
            unchanged += 1
        else:
            found[one.line] = change
    taken = asset_changes.taken_tags(connection, list(found.values()))
    own: dict[str, int] = {}
    for line, change in list(found.items()):
        tag = change.values.get("tag")
        if tag is not None and (tag in taken or tag in own):
            del found[line]
            problems.append(_error(line, "tag", "another asset has this tag",
                                   "A tag belongs to one asset."))  # fmt: skip
        elif tag is not None:
            own[tag] = line
    changes = list(found.values())
    changed = [one for one in changes if one.row is not None]
    before = size(connection, ASSETS)
    return RowPlan(changes, changed, [], unchanged, before, problems)


def put(batch: Batch, planned: RowPlan, actor: str, import_run: int, reason: str) -> None:
    """Write what is planned into the locked register."""
    asset_changes.write(batch, planned.new, actor, reason, import_run)


def undo(batch: Batch, import_run: int, actor: str) -> tuple[int, int]:
    """Undo an import; return the numbers of assets taken back, and of those restored."""
    connection = batch.connection
    revisions: list[Any] = dialect.select_rows(
        connection, asset_revision, ("import_run",), ("asset", "revision"), [(import_run,)]
    )
    made: dict[int, int] = dict(revisions)
    present = {row["id"]: row for row in assets.load(connection, "id", made)}
    last = {key: row for key, row in present.items() if row["revision"] == made[key]}
    in_use = asset_changes.references_to(connection, list(last))
    added = [row for key, row in last.items() if made[key] == 1 and key not in in_use]
    old: dict[int, dict[str, str | None]] = defaultdict(dict)
    keys = [(key, made[key]) for key in last if made[key] > 1]
    changed: list[Any] = dialect.select_rows(
        connection, asset_change, ("asset", "revision"), ("asset", "field", "old"), keys
    )
    for key, field, value in changed:
        old[key][field] = value
    changes = [AssetChange(last[key], values) for key, values in old.items()]
    asset_changes.delete(batch, added)
    taken = asset_changes.taken_tags(connection, changes)
    changes = [one for one in changes if one.values.get("tag") not in taken]
    asset_changes.write(batch, changes, actor, f"import {import_run} undone")
    return len(added) + len(changes), len(changes)


class _NamedAssets:
    """The stored assets that the lines of a file name."""

    def __init__(self, connection: Connection, lines: Sequence[AssetLine]) -> None:
        def values(name: str) -> list[str]:
            return [text for one in lines if (text := one.values.get(name)) is not None]

        ids = [one.asset for one in lines if one.asset is not None]
        self._by_id = {row["id"]: row for row in assets.load(connection, "id", ids)}
        self._by_tag = {row["tag"]: row for row in assets.load(connection, "tag", values("tag"))}
        self._by_serial: dict[str, list[AssetRow]] = defaultdict(list)
        for row in assets.load(connection, "serial_number", values("serial_number")):
            self._by_serial[row["serial_number"]].append(row)

    def of(self, one: AssetLine) -> AssetRow | None:
        """Return the asset of a line; None: it is new.

        :raises UsageError: there is none with the id, or several with the serial number
        """
        if one.asset is not None:
            if one.asset not in self._by_id:
                raise UsageError("no asset has this id", hint="Empty the cell for a new asset.")
            return self._by_id[one.asset]
        tag, serial_number = one.values.get("tag"), one.values.get("serial_number")
        found = self._by_serial.get(serial_number or "", [])
        if tag is not None:
            without = [row for row in found if row["tag"] is None]  # a tag for a known asset
            return self._by_tag.get(tag) or (without[0] if len(without) == 1 else None)
        if len(found) > 1:
            raise UsageError(
                "several assets have this serial number", hint="Add their ids or tags."
            )
        return found[0] if found else None


def _error(line: int, code: str, message: str, remedy: str) -> LineProblem:
    return LineProblem(line, "", code, "error", message, remedy)
