"""How long each kind of data is kept, and the deletion of what is older."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, Table, delete, func, select

from modemagent.errors import UsageError
from modemagent.registry.store.database import dialect, upkeep
from modemagent.registry.store.database.jobs import TimerKind
from modemagent.registry.store.database.upkeep import Deleted
from modemagent.registry.store.fleet.documents import Document, to_rfc3339
from modemagent.registry.store.intake.batch import Batch
from modemagent.registry.store.intake.key_pages import DAY_MS
from modemagent.registry.store.lists import checks
from modemagent.registry.store.privacy import acts
from modemagent.registry.store.tables import operation_tables, schema
from modemagent.registry.store.tables.asset_tables import order_row_past
from modemagent.registry.store.tables.case_tables import (
    case_entry,
    case_place,
    case_sighting,
    case_task,
    case_thing,
    device_case,
)
from modemagent.registry.store.tables.list_tables import check_run, list_past
from modemagent.registry.store.tables.outbound_tables import note

BODIES = "bodies"
MOST_DAYS = 36_500
_SETTING, _CLEANED, _LAST_RUN = "retention", "retention_presence", "retention_run"
_AT_ONCE = 1000
_CASES_AT_ONCE = 50
_OF_CASES = (case_thing, case_task, case_entry, case_place, case_sighting)


class DataKind(NamedTuple):
    """A kind of data with a limit that can be set.

    :param text: what it is, and from when its age counts
    :param default: days that it is kept if no limit was set; None: without limit
    :param least: smallest limit in days
    :param older: counts the rows that are older than a time
    :param delete: deletes some of them
    """

    text: str
    default: int | None
    least: int
    older: Callable[[Connection, int], int]
    delete: Callable[[Batch, int], Deleted]


class Limit(NamedTuple):
    """A limit that was set; ``days`` is None for data that is kept without limit."""

    days: int | None
    set_by: str
    set_ms: int


class RetentionRun(NamedTuple):
    """A run that deletes what is older than its limit, in several transactions.

    :param ended_ms: None: it has not ended yet
    :param deleted: number of rows by kind of data
    :param latest: when some of a kind was deleted last, and how many rows
    """

    began_ms: int
    ended_ms: int | None
    deleted: dict[str, int]
    latest: dict[str, tuple[int, int]]


def _older(table: Table, column: str) -> Callable[[Connection, int], int]:
    def count(connection: Connection, oldest_ms: int) -> int:
        query = select(func.count()).select_from(table).where(table.c[column] < oldest_ms)
        return connection.execute(query).scalar_one()

    return count


def _count_removed(connection: Connection, oldest_ms: int) -> int:
    return sum(_older(one, "removed_ms")(connection, oldest_ms) for one in _REMOVED)


def _delete_removed(batch: Batch, oldest_ms: int) -> Deleted:
    rows, more = 0, False
    for table in _REMOVED:
        query = select(table.c.id).where(table.c.removed_ms < oldest_ms).limit(_AT_ONCE)
        keys = [(key,) for key in batch.connection.execute(query).scalars()]
        dialect.delete_rows(batch.connection, table, ("id",), keys)
        rows, more = rows + len(keys), more or len(keys) == _AT_ONCE
    return Deleted(rows, more)


def _delete_cases(batch: Batch, oldest_ms: int) -> Deleted:
    """Delete cases that were closed before a time, with the notes about them."""
    connection, c = batch.connection, device_case.c
    query = select(c.id).where(c.state == "closed", c.closed_ms < oldest_ms).limit(_CASES_AT_ONCE)
    keys = [(key,) for key in connection.execute(query).scalars()]
    for table in _OF_CASES:
        dialect.delete_rows(connection, table, ("device_case",), keys)
    dialect.delete_rows(connection, device_case, ("id",), keys)
    dialect.delete_rows(connection, note, ("about",), [(f"case:{key}",) for (key,) in keys])
    for (key,) in keys:
        acts.note(connection, "case.delete", f"case:{key}")
    return Deleted(len(keys), len(keys) == _CASES_AT_ONCE)


def _year(at_ms: int) -> int:
    return datetime.fromtimestamp(at_ms / 1000, UTC).year


def _count_days(connection: Connection, oldest_ms: int) -> int:
    table = schema.presence
    query = select(func.count()).select_from(table).where(table.c.year < _year(oldest_ms))
    return connection.execute(query).scalar_one()


def _delete_days(batch: Batch, oldest_ms: int) -> Deleted:
    """Delete the days of years that have passed, once a year, because no index finds them."""
    connection, year = batch.connection, _year(oldest_ms)
    done, rows = _stored(connection, _CLEANED), 0
    if done is None or int(done) < year:
        older = delete(schema.presence).where(schema.presence.c.year < year)
        rows = connection.execute(older).rowcount
        _store(batch, _CLEANED, str(year).encode())
    return Deleted(rows, more=False)


_REMOVED = (list_past, order_row_past)
KINDS: Mapping[str, DataKind] = {
    BODIES: DataKind("Bodies of reports, since they were received.", None, 1,
                     _older(schema.report, "received_ms"), upkeep.delete_bodies),
    "checks": DataKind("Checks of numbers, since they were made.", 90, 1,
                       _older(check_run, "created_ms"), checks.delete_old),
    "cases": DataKind("Cases with their journals and notes, since they were closed.", None, 30,
                      _older(device_case, "closed_ms"), _delete_cases),
    "removed": DataKind("Entries of lists and rows of orders, since they were removed or replaced.",
                        None, 30, _count_removed, _delete_removed),
    "presence": DataKind("Days in each country, since the end of their year.", None, 731,
                         _count_days, _delete_days),
}  # fmt: skip


def limits(connection: Connection) -> dict[str, Limit]:
    """Return the limits that were set."""
    stored = _stored(connection, _SETTING)
    return {} if stored is None else msgspec.json.decode(stored, type=dict[str, Limit])


def in_force(connection: Connection, keep_bodies_days: int | None = None) -> dict[str, int | None]:
    """Return the limit of each kind of data in days, None for one that has none.

    :param keep_bodies_days: limit of bodies if none was set
    """
    known = limits(connection)
    return {name: _days(name, known.get(name), keep_bodies_days) for name in KINDS}


def retention_document(
    connection: Connection, now_ms: int, keep_bodies_days: int | None = None
) -> Document:
    """Return each kind of data with its limit, and the number of rows that are older.

    :param keep_bodies_days: limit of bodies if none was set
    """
    known, last = limits(connection), _last_run(connection)
    next_ms = connection.execute(
        select(operation_tables.job.c.due_ms).where(
            operation_tables.job.c.id == int(TimerKind.RETENTION)
        )
    ).scalar()
    found = []
    for name, kind in KINDS.items():
        deleted_ms, rows = last.latest.get(name, (None, 0)) if last else (None, 0)
        limit = known.get(name)
        days = _days(name, limit, keep_bodies_days)
        due = 0 if days is None else kind.older(connection, now_ms - days * DAY_MS)
        found.append(
            {"kind": name, "text": kind.text, "days": days, "least_days": kind.least, "due": due,
             "set_by": limit and limit.set_by, "set_at": to_rfc3339(limit and limit.set_ms),
             "deleted": rows, "deleted_at": to_rfc3339(deleted_ms)}
        )  # fmt: skip
    return {
        "retention": found,
        "next_run_at": None if next_ms is None else to_rfc3339(max(next_ms, now_ms)),
        "last_run": last and {
            "began_at": to_rfc3339(last.began_ms),
            "ended_at": to_rfc3339(last.ended_ms),
            "deleted": last.deleted,
        },
    }  # fmt: skip


def _days(name: str, limit: Limit | None, keep_bodies_days: int | None) -> int | None:
    if limit is not None:
        return limit.days
    return keep_bodies_days if name == BODIES else KINDS[name].default


def set_limit(batch: Batch, name: str, days: int | None, actor: str) -> None:
    """Set how long a kind of data is kept; None: without limit.

    :raises UsageError: there is no such kind, or the limit is too small or too large
    """
    kind = KINDS.get(name)
    if kind is None:
        raise UsageError("the kind of data is unknown", hint=f"Use one of: {', '.join(KINDS)}.")
    if days is not None and not kind.least <= days <= MOST_DAYS:
        raise UsageError(
            f"{name} cannot be kept for {days} days",
            hint=f"Use {kind.least} to {MOST_DAYS} days, or no limit.",
        )
    known = {**limits(batch.connection), name: Limit(days, actor, batch.now_ms)}
    _store(batch, _SETTING, msgspec.json.encode(known))
    acts.note(batch.connection, "retention.set", f"retention:{name}", days=days)


def apply(batch: Batch, keep_bodies_days: int | None = None) -> bool:
    """Delete some of the data that is older than its limit; return True if there may be more.

    :param keep_bodies_days: limit of bodies if none was set
    """
    known, last, now_ms = limits(batch.connection), _last_run(batch.connection), batch.now_ms
    is_new = last is None or last.ended_ms is not None
    latest = dict(last.latest) if last else {}
    deleted = dict(last.deleted) if last and not is_new else {}
    more = False
    for name, kind in KINDS.items():
        days = _days(name, known.get(name), keep_bodies_days)
        if days is not None:
            found = kind.delete(batch, now_ms - days * DAY_MS)
            more = more or found.more
            if found.rows:
                deleted[name] = deleted.get(name, 0) + found.rows
                latest[name] = now_ms, deleted[name]
    began_ms = now_ms if last is None or is_new else last.began_ms
    run = RetentionRun(began_ms, None if more else now_ms, deleted, latest)
    _store(batch, _LAST_RUN, msgspec.json.encode(run))
    return more


def _last_run(connection: Connection) -> RetentionRun | None:
    stored = _stored(connection, _LAST_RUN)
    return None if stored is None else msgspec.json.decode(stored, type=RetentionRun)


def hurry(batch: Batch) -> None:
    """Let the next process delete what is older."""
    key = int(TimerKind.RETENTION)
    dialect.update_rows(batch.connection, operation_tables.job, ("id",), ("due_ms",), [(0, key)])
    acts.note(batch.connection, "retention.apply")


def _stored(connection: Connection, name: str) -> bytes | None:
    c = schema.setting.c
    found: Any = connection.execute(select(c.value).where(c.name == name)).scalar()
    return None if found is None else bytes(found)


def _store(batch: Batch, name: str, value: bytes) -> None:
    dialect.upsert_rows(batch.connection, schema.setting, ("name",), ("value",), [(name, value)])
