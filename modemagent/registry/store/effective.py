"""What changes without a request: validities that begin and end, and rules of a new version."""

from __future__ import annotations

from sqlalchemy import select

from modemagent.registry.lists.entries import EntryKind, EntryValue
from modemagent.registry.rules.catalogue import fingerprint
from modemagent.registry.store import dialect, list_tables, policies, recheck_runs, schema, windows
from modemagent.registry.store.batch import Batch
from modemagent.registry.store.finding_log import REGISTRY

_CHECKED, _RULES = "lists_checked", "rules"  # settings
_NUMBER = 8


def check_validity(batch: Batch) -> bool:
    """Re-check what has become valid, or has ended, since the last call."""
    after_ms = int.from_bytes(_setting(batch, _CHECKED) or b"", "big")
    _set(batch, _CHECKED, batch.now_ms.to_bytes(_NUMBER, "big"))
    c = list_tables.list_entry.c
    for column in (c.valid_from_ms, c.valid_to_ms):
        query = select(c.list, c.kind, c.first, c.last).where(
            column.is_not(None), column > after_ms, column <= batch.now_ms
        )
        for name, kind, first, last in batch.connection.execute(query):
            batch.changed.append((name, EntryValue(EntryKind(kind), first, last)))
    recheck_runs.request(batch, REGISTRY)
    policies.recheck_changed(batch, after_ms, REGISTRY)
    windows.recheck_changed(batch, after_ms, REGISTRY)
    return False


def check_rules(batch: Batch) -> None:
    """Re-check the fleet if the rules are not those that it was checked with."""
    found = fingerprint()
    stored = _setting(batch, _RULES)
    if stored == found:
        return
    _set(batch, _RULES, found)
    if batch.connection.execute(select(schema.unit.c.id).limit(1)).first() is not None:
        recheck_runs.create(batch, recheck_runs.ALL, found.hex()[:12], REGISTRY)


def _setting(batch: Batch, name: str) -> bytes | None:
    query = select(schema.setting.c.value).where(schema.setting.c.name == name)
    found = batch.connection.execute(query).scalar()
    return None if found is None else bytes(found)


def _set(batch: Batch, name: str, value: bytes) -> None:
    dialect.upsert_rows(batch.connection, schema.setting, ("name",), ("value",), [(name, value)])
