"""Selections: the references of modems or SIMs that a filter found at one moment.

Pages and scripts work on a selection, so that what was counted is what is changed.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from sqlalchemy import Connection, delete, insert, select

from modemagent.errors import UsageError
from modemagent.registry.store.fleet import reader
from modemagent.registry.store.fleet.documents import Document, to_rfc3339
from modemagent.registry.store.intake.batch import Batch
from modemagent.registry.store.privacy import acts
from modemagent.registry.store.tables.outbound_tables import selection

MOST = 10_000
VALID_MS = 30 * 60_000
_PAGE = 1000
_KINDS: dict[str, Callable[..., Document]] = {"modems": reader.modems, "sims": reader.sims}


def find(connection: Connection, kind: str, filters: Mapping[str, str]) -> list[str]:
    """Return the references that a filter finds now.

    :raises UsageError: the kind is unknown, or there are too many
    """
    if kind not in _KINDS:
        raise UsageError("the kind is unknown", hint=f"Use one of: {', '.join(_KINDS)}.")
    found: list[str] = []
    after = 0
    while True:
        page = _KINDS[kind](connection, limit=_PAGE, after=after, **filters)
        found += [one["ref"] for one in page[kind]]
        if len(found) > MOST:
            raise UsageError(
                f"the filter finds more than {MOST}", hint="Narrow it, or use an export."
            )
        if page["next"] is None:
            return found
        after = int(page["next"])


def freeze(batch: Batch, kind: str, refs: list[str], actor: str) -> str:
    """Store a selection for 30 minutes; return its id."""
    key = secrets.token_urlsafe(12)
    batch.connection.execute(
        insert(selection).values(
            id=key, kind=kind, made_by=actor, total=len(refs), made_ms=batch.now_ms,
            expires_ms=batch.now_ms + VALID_MS, content=msgspec.json.encode(refs),
        )
    )  # fmt: skip
    acts.note(batch.connection, "selection.make", f"selection:{key}", of=kind, total=len(refs))
    return key


def selection_document(
    connection: Connection, key: str, now_ms: int, *, limit: int, after: int = 0
) -> Document | None:
    """Return a selection with a page of its references; None: there is none, or it is over."""
    c = selection.c
    query = select(selection).where(c.id == key, c.expires_ms > now_ms)
    row: Any = connection.execute(query).first()
    if row is None:
        return None
    refs = msgspec.json.decode(bytes(row.content))
    end = after + limit
    return {
        "id": row.id,
        "kind": row.kind,
        "total": row.total,
        "made_by": row.made_by,
        "made_at": to_rfc3339(row.made_ms),
        "expires_at": to_rfc3339(row.expires_ms),
        "refs": refs[after:end],
        "next": str(end) if end < len(refs) else None,
    }


def delete_old(batch: Batch) -> bool:
    """Delete selections that are over."""
    over = delete(selection).where(selection.c.expires_ms <= batch.now_ms)
    batch.connection.execute(over)
    return False
