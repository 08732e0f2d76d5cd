"""Changes of assets, each with who made it and why.

A change locks the register of assets, so two changes follow each other, and a tag stays unique.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from modemagent.errors import UsageError
from modemagent.registry.assets.asset_fields import (
    FIRST_STATE,
    NAMES,
    NEXT_STEPS,
    check_step,
)
from modemagent.registry.store.assets.assets import (
    COLUMNS,
    AssetRow,
    Values,
    asset_history,
    load,
    to_document,
)
from modemagent.registry.store.database import dialect
from modemagent.registry.store.findings.decisions import StaleRevision
from modemagent.registry.store.intake.batch import Batch
from modemagent.registry.store.lists.registers import count, lock
from modemagent.registry.store.privacy import acts
from modemagent.registry.store.tables.asset_tables import (
    ASSETS,
    asset,
    asset_change,
    asset_revision,
)
from modemagent.registry.store.tables.case_tables import case_thing
from modemagent.registry.store.tables.outbound_tables import note


class AssetInUse(Exception):
    """Cases or notes are about an asset that is to be deleted.

    :param references: such as ``case:17`` and ``note:3``
    """

    def __init__(self, references: Sequence[str]) -> None:
        super().__init__(f"the asset is referred to by {', '.join(references)}")
        self.references = list(references)


class AssetChange(NamedTuple):
    """New values of some fields of an asset.

    :param row: as stored; None: the asset is new
    """

    row: AssetRow | None
    values: dict[str, str | None]


def add_asset(batch: Batch, values: Values, actor: str, reason: str) -> int:
    """Add an asset and return its id.

    :raises UsageError: it has no name, or another asset has its tag
    """
    lock(batch, ASSETS)
    change = new_asset(values)
    check_tags(batch.connection, [change])
    (key,) = write(batch, [change], actor, reason)
    acts.note(batch.connection, "asset.add", f"asset:{key}")
    return key


def change_asset(
    batch: Batch, key: int, revision: int, values: Values, actor: str, reason: str
) -> bool:
    """Change fields of an asset; return False if there is no such asset.

    :param revision: of the asset on which the change is based
    :raises StaleRevision: the asset has another revision
    :raises UsageError: a state cannot follow the present one, or another asset has the tag
    """
    row = _locked(batch, key, revision)
    if row is None:
        return False
    change = changed_asset(row, values)
    if change is not None:
        check_tags(batch.connection, [change])
        write(batch, [change], actor, reason)
        fields = sorted(change.values)
        acts.note(batch.connection, "asset.change", f"asset:{key}", fields=fields)
    return True


def delete_asset(batch: Batch, key: int, revision: int) -> bool:
    """Delete an asset with its history; return False if there is no such asset.

    :param revision: of the asset on which the decision is based
    :raises StaleRevision: the asset has another revision
    :raises AssetInUse: a case or a note is about it
    """
    row = _locked(batch, key, revision)
    if row is None:
        return False
    found = references_to(batch.connection, [key]).get(key)
    if found:
        raise AssetInUse(found)
    delete(batch, [row])
    acts.note(batch.connection, "asset.delete", f"asset:{key}")
    return True


def references_to(connection: Connection, keys: Sequence[int]) -> dict[int, list[str]]:
    """Return the cases and notes that are about assets, by asset."""
    found: dict[int, list[str]] = defaultdict(list)
    wanted = [(key,) for key in keys]
    names = ("asset", "device_case")
    for key, case in sorted(set(dialect.select_rows(connection, case_thing, ("asset",), names,
                                                    wanted))):  # fmt: skip
        found[key].append(f"case:{case}")
    about = {f"asset:{key}": key for key in keys}
    rows = dialect.select_rows(
        connection, note, ("about",), ("about", "id"), [(one,) for one in about]
    )
    for named, row in sorted(rows):
        found[about[named]].append(f"note:{row}")
    return dict(found)


def _locked(batch: Batch, key: int, revision: int) -> AssetRow | None:
    """Return an asset of the register, which is locked; None: there is none.

    :raises StaleRevision: the asset has another revision
    """
    lock(batch, ASSETS)
    rows = load(batch.connection, "id", [key])
    if rows and rows[0]["revision"] != revision:
        changes = asset_history(batch.connection, key, revision)
        difference = {"asset": to_document(rows[0]), "changes": changes}
        raise StaleRevision(rows[0]["revision"], difference)
    return rows[0] if rows else None


def new_asset(values: Values) -> AssetChange:
    """Return an asset to be added.

    :raises UsageError: nothing identifies it
    """
    given = {name: value for name, value in values.items() if value is not None}
    if not any(given.get(name) for name in NAMES):
        raise UsageError(
            "the asset has no tag, serial number or IMEI", hint="Give at least one of them."
        )
    return AssetChange(None, {"lifecycle": FIRST_STATE, **given})


def changed_asset(row: AssetRow, values: Values) -> AssetChange | None:
    """Return the fields that differ; None: none of them does.

    :raises UsageError: a state cannot follow the present one, or no name is left
    """
    changed = {name: value for name, value in values.items() if row[name] != value}
    if not changed:
        return None
    after = changed.get("lifecycle", row["lifecycle"])
    if after is None:
        raise UsageError("an asset has a state", hint=f"Use one of: {', '.join(NEXT_STEPS)}.")
    if after != row["lifecycle"]:
        check_step(row["lifecycle"], after)
    if not any(changed.get(name, row[name]) for name in NAMES):
        raise UsageError(
            "the asset would have no tag, serial number or IMEI", hint="Leave one of them."
        )
    return AssetChange(row, changed)


def check_tags(connection: Connection, changes: Sequence[AssetChange]) -> None:
    """Check that the tags of changes are unique among all assets.

    :raises UsageError: another asset has such a tag
    """
    if taken_tags(connection, changes):
        raise UsageError("another asset has this tag", hint="A tag belongs to one asset.")


def taken_tags(connection: Connection, changes: Sequence[AssetChange]) -> set[str]:
    """Return the new tags that another asset has, and keeps."""
    wanted = [one.values["tag"] for one in changes if one.values.get("tag")]
    moving = {one.row["id"] for one in changes if one.row is not None and "tag" in one.values}
    rows = load(connection, "tag", wanted)
    return {row["tag"] for row in rows if row["id"] not in moving}


def write(
    batch: Batch,
    changes: Sequence[AssetChange],
    actor: str,
    reason: str,
    import_run: int | None = None,
) -> list[int]:
    """Write changes of the locked register; return the ids of the assets."""
    connection, at_ms = batch.connection, batch.now_ms
    new = [one for one in changes if one.row is None]
    old = [(one.row, one.values) for one in changes if one.row is not None]
    moving = [(None, row["id"]) for row, values in old if "tag" in values]
    dialect.update_rows(connection, asset, ("id",), ("tag",), moving)  # tags may be exchanged
    rows: list[AssetRow] = [
        {**dict.fromkeys(COLUMNS), "id": batch.key(), "revision": 1, "added_ms": at_ms,
         "changed_ms": at_ms, **one.values}
        for one in new
    ]  # fmt: skip
    added = [tuple(row[name] for name in COLUMNS) for row in rows]
    dialect.insert_rows(connection, asset, COLUMNS, added)
    later = [
        {**row, **values, "revision": row["revision"] + 1, "changed_ms": at_ms}
        for row, values in old
    ]
    updated = [(*(row[name] for name in COLUMNS[1:]), row["id"]) for row in later]
    dialect.update_rows(connection, asset, ("id",), COLUMNS[1:], updated)
    history: list[tuple[AssetRow, AssetRow, Values]] = [
        (row, {}, one.values) for row, one in zip(rows, new, strict=True)
    ]
    history += [(row, was, values) for row, (was, values) in zip(later, old, strict=True)]
    dialect.insert_rows(
        connection,
        asset_revision,
        ("asset", "revision", "made_ms", "actor", "reason", "import_run"),
        [(row["id"], row["revision"], at_ms, actor, reason, import_run) for row, _, _ in history],
    )
    dialect.insert_rows(
        connection,
        asset_change,
        ("asset", "revision", "field", "old", "new"),
        [
            (row["id"], row["revision"], name, was.get(name), value)
            for row, was, values in history
            for name, value in values.items()
        ],
    )
    count(batch, ASSETS, len(new))
    _note_imeis(batch, [*rows, *later, *(row for row, _ in old)])
    return [row["id"] for row in [*rows, *later]]


def delete(batch: Batch, added: Sequence[AssetRow]) -> None:
    """Delete assets of the locked register with their history."""
    rows = [(row["id"],) for row in added]
    dialect.delete_rows(batch.connection, asset, ("id",), rows)
    dialect.delete_rows(batch.connection, asset_revision, ("asset",), rows)
    dialect.delete_rows(batch.connection, asset_change, ("asset",), rows)
    count(batch, ASSETS, -len(rows))
    _note_imeis(batch, added)


def _note_imeis(batch: Batch, rows: Iterable[AssetRow]) -> None:
    batch.imeis.update(row["imei"] for row in rows if row["imei"] is not None)
