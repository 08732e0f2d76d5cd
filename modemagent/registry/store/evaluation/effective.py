"""What changes without a request: validities that begin and end, and rules of a new version."""

from __future__ import annotations

import msgspec
from sqlalchemy import select

from modemagent.registry.lists.entries import EntryKind, EntryValue
from modemagent.registry.rules.definitions import digests
from modemagent.registry.store.database import dialect
from modemagent.registry.store.evaluation import recheck_runs
from modemagent.registry.store.evaluation.held_units import RULES
from modemagent.registry.store.evaluation.rule_targets import targets_of_rules
from modemagent.registry.store.findings.finding_log import REGISTRY
from modemagent.registry.store.intake.batch import Batch
from modemagent.registry.store.policies import policies, windows
from modemagent.registry.store.tables import list_tables, schema

_CHECKED, _RULES = "lists_checked", "rule_digests"  # settings
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
    """Re-check what other rules can concern than those that the fleet was checked with."""
    found = digests()
    content = _setting(batch, _RULES)
    stored = msgspec.msgpack.decode(content, type=dict[str, bytes]) if content else {}
    if stored == found:
        return
    _set(batch, _RULES, msgspec.msgpack.encode(found))
    changed = sorted(name for name, digest in found.items() if stored.get(name) != digest)
    has_units = batch.connection.execute(select(schema.unit.c.id).limit(1)).first() is not None
    if changed and has_units:
        targets = targets_of_rules(changed)
        recheck_runs.create(batch, RULES, " ".join(changed), REGISTRY, targets)


def _setting(batch: Batch, name: str) -> bytes | None:
    """Return a setting, which another process does not change until the end of the transaction."""
    rows = dialect.select_rows(
        batch.connection, schema.setting, ("name",), ("value",), [(name,)], lock=True
    )
    return bytes(rows[0][0]) if rows else None


def _set(batch: Batch, name: str, value: bytes) -> None:
    dialect.upsert_rows(batch.connection, schema.setting, ("name",), ("value",), [(name, value)])
