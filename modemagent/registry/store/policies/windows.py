"""Announced work: while it lasts, pairs that a policy does not allow are not findings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, select

from modemagent.errors import UsageError
from modemagent.identity.imei import Imei
from modemagent.registry.lists.new_entries import parse_time
from modemagent.registry.policies.policy_content import CoverKind, imei_of
from modemagent.registry.store.database import dialect
from modemagent.registry.store.evaluation.affected import Target
from modemagent.registry.store.evaluation.recheck_runs import create
from modemagent.registry.store.fleet.documents import Document, to_rfc3339
from modemagent.registry.store.intake.batch import Batch
from modemagent.registry.store.policies.policies import target_of
from modemagent.registry.store.privacy import acts
from modemagent.registry.store.tables.policy_tables import work_window, work_window_cover

LONGEST = 500
_MOST = 1000  # of each kind
_LONGEST_MS = 400 * 86_400_000
_COLUMNS = (
    "id", "name", "reason", "created_by", "from_ms", "to_ms", "created_ms", "revision",
)  # fmt: skip
_FIELDS = {"gateways": CoverKind.GATEWAY, "sites": CoverKind.SITE, "imeis": CoverKind.IMEI}


class NewWindow(NamedTuple):
    """Work that is announced for some gateways, sites and modems."""

    name: str
    reason: str
    covers: tuple[tuple[int, str], ...]
    from_ms: int
    to_ms: int


def parse_window(given: Mapping[str, Any], now_ms: int) -> NewWindow:
    """Return announced work as given by the fields name, reason, from, to, gateways, sites, imeis.

    :raises IdentityError: an IMEI is not valid
    :raises UsageError: another field is not valid
    """
    covers = [
        (int(kind), imei_of(one) if kind == CoverKind.IMEI else one.strip())
        for name, kind in _FIELDS.items()
        for one in given.get(name) or ()
    ]
    if not covers:
        raise UsageError("the work is about no modem", hint="State gateways, sites or imeis.")
    begin, end = given.get("from"), given.get("to")
    from_ms = parse_time(begin) if begin else now_ms
    if not end:
        raise UsageError("the work has no end", hint="State when the work ends at the latest.")
    to_ms = parse_time(end, end_of_day=True)
    if to_ms <= from_ms or to_ms <= now_ms:
        raise UsageError("the work ends before it begins, or is over", hint="Change the dates.")
    if to_ms - from_ms > _LONGEST_MS:
        raise UsageError("the work takes more than 400 days", hint="Announce its next part.")
    texts = [(given.get(name) or "").strip() for name in ("name", "reason")]
    return NewWindow(texts[0], texts[1], tuple(dict.fromkeys(covers)), from_ms, to_ms)


def announce(batch: Batch, new: NewWindow, actor: str) -> int:
    """Announce work and return its id."""
    key = batch.key()
    row = (key, new.name, new.reason, actor, new.from_ms, new.to_ms, batch.now_ms, 1)
    dialect.insert_rows(batch.connection, work_window, _COLUMNS, [row])
    rows = [(*one, key) for one in new.covers]
    dialect.insert_rows(batch.connection, work_window_cover, ("kind", "value", "work_window"), rows)
    if new.from_ms <= batch.now_ms:
        _recheck(batch, [key], actor)
    acts.note(batch.connection, "window.announce", f"window:{key}")
    return key


def close(batch: Batch, key: int, actor: str) -> bool | None:
    """End announced work now; return False if it is over, None if there is no such work."""
    connection = batch.connection
    rows: list[Any] = dialect.select_rows(
        connection, work_window, ("id",), ("id", "from_ms", "to_ms"), [(key,)], lock=True
    )
    if not rows:
        return None
    ((_, from_ms, to_ms),) = rows
    if to_ms <= batch.now_ms:
        return False
    end = (batch.now_ms, min(from_ms, batch.now_ms), key)
    dialect.update_rows(connection, work_window, ("id",), ("to_ms", "from_ms"), [end])
    _recheck(batch, [key], actor)
    acts.note(connection, "window.close", f"window:{key}")
    return True


def recheck_changed(batch: Batch, after_ms: int, actor: str) -> None:
    """Re-check the modems whose announced work has begun or ended since a time."""
    c = work_window.c
    keys: set[int] = set()
    for column in (c.from_ms, c.to_ms):
        query = select(c.id).where(column > after_ms, column <= batch.now_ms)
        keys |= set(batch.connection.execute(query).scalars())
    if keys:
        _recheck(batch, sorted(keys), actor)


def _recheck(batch: Batch, keys: Sequence[int], actor: str) -> None:
    rows: list[Any] = dialect.select_rows(
        batch.connection,
        work_window_cover,
        ("work_window",),
        ("kind", "value"),
        [(key,) for key in keys],
    )
    targets: dict[Target, None] = dict.fromkeys(target_of(one) for one in sorted(set(rows)))
    create(batch, "policy", "announced work", actor, list(targets))


def window_page(connection: Connection, *, limit: int, after: int | None = None) -> Document:
    """Return a page of announced work, newest first."""
    c = work_window.c
    query = select(*(c[one] for one in _COLUMNS)).order_by(c.id.desc()).limit(limit + 1)
    query = query if after is None else query.where(c.id < after)
    rows = [tuple(row) for row in connection.execute(query)]
    following = str(rows[limit - 1][0]) if len(rows) > limit else None
    return {"windows": _documents(connection, rows[:limit]), "next": following}


def window_document(connection: Connection, key: int) -> Document | None:
    """Return announced work."""
    rows = dialect.select_rows(connection, work_window, ("id",), _COLUMNS, [(key,)])
    return _documents(connection, rows)[0] if rows else None


def _documents(connection: Connection, rows: Sequence[tuple[Any, ...]]) -> list[Document]:
    covers: list[Any] = dialect.select_rows(
        connection,
        work_window_cover,
        ("work_window",),
        ("work_window", "kind", "value"),
        [(row[0],) for row in rows],
    )
    found: list[Document] = []
    for key, name, reason, actor, from_ms, to_ms, created_ms, _ in rows:
        mine = {
            field: sorted(
                _shown(k, value) for window, k, value in covers if window == key and k == kind
            )
            for field, kind in _FIELDS.items()
        }
        found.append(
            {
                "id": str(key),
                "name": name,
                "reason": reason,
                "from": to_rfc3339(from_ms),
                "to": to_rfc3339(to_ms),
                **mine,
                "announced_by": actor,
                "announced_at": to_rfc3339(created_ms),
            }
        )
    return found


def _shown(kind: int, value: str) -> str:
    return str(Imei.from_digits(value)) if kind == CoverKind.IMEI else value
