"""What the rules are to evaluate: one row of the table ``job`` for each transaction.

Any process takes the rows, several at a time; the others skip them. The row is deleted in the
transaction that writes the findings, so it is taken again if the process dies.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from sqlalchemy import Connection

from modemagent.registry.store.database import dialect
from modemagent.registry.store.database.taking import take_jobs
from modemagent.registry.store.intake.batch import Batch
from modemagent.registry.store.tables import operation_tables

KIND = "evaluate"
_JOBS_AT_ONCE = 50
_POSTPONED_MS = 60_000
_UNITS_AT_ONCE = 500  # after which reports are stored again: SQLite has one writer


class Dirty(msgspec.Struct, omit_defaults=True):
    """Rows whose findings may have changed.

    :param new: units that were seen for the first time, of which nothing else is known
    :param readings: place, stream and number of the report that is its newest reading, or
        :data:`.batch.PLAIN`
    :param benches: stream and number of each report of a production bench
    """

    units: list[int] = []
    gateways: list[int] = []
    readings: list[tuple[int, int, int]] = []
    new: list[int] = []
    benches: list[tuple[int, int]] = []


def request(batch: Batch) -> None:
    """Add a job for what a transaction has changed; none if it has changed nothing."""
    new = batch.first_seen - batch.dirty
    if not (batch.dirty or batch.beats or batch.noticed or new or batch.benches):
        return
    readings = sorted((place, *report) for place, report in batch.noticed.items())
    dirty = Dirty(sorted(batch.dirty), sorted(batch.beats), readings, sorted(new), batch.benches)
    add(batch, dirty)
    batch.dirty, batch.beats, batch.noticed, batch.first_seen = set(), set(), {}, set()
    batch.benches = []


def add(batch: Batch, dirty: Dirty) -> None:
    """Add a job that is due at once."""
    row = (batch.key(), KIND, batch.now_ms, msgspec.msgpack.encode(dirty))
    dialect.insert_rows(
        batch.connection, operation_tables.job, ("id", "kind", "due_ms", "units"), [row]
    )


def waiting(connection: Connection, now_ms: int) -> bool:
    """Return True if a job is due."""
    query = f"SELECT 1 FROM job WHERE {_due(now_ms)} LIMIT 1"  # noqa: S608
    return connection.exec_driver_sql(query).first() is not None


def take(batch: Batch) -> Dirty | None:
    """Take the oldest jobs that no other process has taken; None if there are none left.

    They are deleted at the end of the transaction.
    """
    taken: list[tuple[int]] = []
    parts: list[Dirty] = []
    for row, content in take_jobs(batch.connection, _due(batch.now_ms), _JOBS_AT_ONCE):
        if sum(_cost(one) for one in parts) >= _UNITS_AT_ONCE:
            break
        taken.append((row,))
        parts.append(msgspec.msgpack.decode(bytes(content), type=Dirty))
    dialect.delete_rows(batch.connection, operation_tables.job, ("id",), taken)
    return _united(parts) if parts else None


def postpone(batch: Batch) -> None:
    """Let the oldest job wait for a minute.

    A rule that fails for one unit must not stop the others: each failure postpones one more job,
    until the one that fails is among them.
    """
    due = take_jobs(batch.connection, _due(batch.now_ms), 1)
    rows = [(batch.now_ms + _POSTPONED_MS, row) for row, _ in due]
    dialect.update_rows(batch.connection, operation_tables.job, ("id",), ("due_ms",), rows)


def _due(now_ms: int) -> str:
    """Return the condition of jobs that are due, also if the clock was set back."""
    latest_ms = now_ms + 2 * _POSTPONED_MS
    return f"kind = '{KIND}' AND (due_ms <= {now_ms:d} OR due_ms > {latest_ms:d})"


def _cost(dirty: Dirty) -> int:
    """Return the work for a job in changed units; a new one without fault needs little."""
    return len(dirty.units) + len(dirty.new) // 4 + len(dirty.benches)


def _united(parts: Iterable[Dirty]) -> Dirty:
    units: set[int] = set()
    gateways: set[int] = set()
    readings: dict[int, tuple[int, int]] = {}  # of several readings of a place, the last one
    new: set[int] = set()
    benches: set[tuple[int, int]] = set()
    for part in parts:
        benches.update(part.benches)
        new.update(part.new)
        units.update(part.units)
        gateways.update(part.gateways)
        readings.update((place, (stream, number)) for place, stream, number in part.readings)
    return Dirty(
        sorted(units),
        sorted(gateways),
        [(place, *report) for place, report in sorted(readings.items())],
        sorted(new - units),
        sorted(benches),
    )
