"""Timers that the processes of a registry share: rows of the table ``job``.

A process takes a timer that is due, does its work and sets its next time in one transaction. The
other processes skip a row that is taken; if the process dies, the timer is due again at once.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from enum import IntEnum
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection, select

from modemagent.registry.store.database import dialect
from modemagent.registry.store.database.taking import take_job
from modemagent.registry.store.intake.batch import Batch
from modemagent.registry.store.tables import operation_tables, schema


class TimerKind(IntEnum):
    """The timers; the value is the key of the row."""

    HOLD_BACK = -1
    RELATE = -2
    TALLIES = -3
    KEY_PAGES = -4
    PARTITIONS = -5
    RETENTION = -6
    CHECKS = -7
    RULES = -9  # not periodical: its row is the lock of the process that evaluates the rules
    DENIALS = -10
    SILENCE = -11
    RECHECK = -12  # as RULES
    VALIDITY = -13
    RECEIPTS = -20
    INVENTORY = -21
    MESSAGES = -30
    EXPORTS = -31
    SELECTIONS = -32
    DEADLINES = -40
    EIR = -41


class Timer(NamedTuple):
    """Work that is due periodically.

    :param every_s: seconds between the end of one run and the next
    :param work: called in the transaction; returns True if more is to be done at once
    :param afterwards: called after the commit
    """

    kind: TimerKind
    every_s: float
    work: Callable[[Batch], bool] = lambda _: False
    afterwards: Callable[[], None] = lambda: None

    @property
    def every_ms(self) -> int:
        return round(self.every_s * 1000)


class JobFailure(NamedTuple):
    """The last failure of a kind of background work.

    :param reason: name of the error; its message may contain an identifier
    """

    at_ms: int
    reason: str


_FAILED = "failed:"  # settings: the last failure of each kind of work


def create(batch: Batch) -> None:
    """Create the rows of the timers that do not exist; they are due at once."""
    rows = [(int(kind), kind.name.lower(), 0, b"") for kind in TimerKind]
    dialect.insert_new(
        batch.connection, operation_tables.job, ("id", "kind", "due_ms", "units"), rows
    )


def due(connection: Connection, timers: Collection[Timer], now_ms: int) -> list[Timer]:
    """Return the timers that are due, the longest waiting one first."""
    by_key = {int(one.kind): one for one in timers}
    keys = [(key,) for key in by_key]
    rows = dialect.select_rows(connection, operation_tables.job, ("id",), ("due_ms", "id"), keys)
    return [by_key[key] for due_ms, key in sorted(rows) if _is_due(by_key[key], due_ms, now_ms)]


def run(batch: Batch, timer: Timer) -> bool:
    """Do the work of a timer; return False if it is not due or another process does it."""
    due_ms = take_job(batch.connection, timer.kind)
    if due_ms is None or not _is_due(timer, due_ms, batch.now_ms):
        return False
    more = timer.work(batch)
    next_ms = batch.now_ms + (0 if more else timer.every_ms)
    dialect.update_rows(
        batch.connection, operation_tables.job, ("id",), ("due_ms",), [(next_ms, int(timer.kind))]
    )
    return True


def postpone(batch: Batch, timer: Timer, by_ms: int) -> None:
    """Let a timer whose work has failed wait."""
    rows = [(batch.now_ms + min(by_ms, timer.every_ms), int(timer.kind))]
    dialect.update_rows(batch.connection, operation_tables.job, ("id",), ("due_ms",), rows)


def note_failure(batch: Batch, name: str, reason: str) -> None:
    """Store that a kind of work has failed."""
    value = msgspec.json.encode(JobFailure(batch.now_ms, reason))
    rows = [(f"{_FAILED}{name}", value)]
    dialect.upsert_rows(batch.connection, schema.setting, ("name",), ("value",), rows)


def failures(connection: Connection) -> dict[str, JobFailure]:
    """Return the last failure of each kind of work that has ever failed."""
    c = schema.setting.c
    query = select(c.name, c.value).where(c.name.startswith(_FAILED))
    return {
        row.name.removeprefix(_FAILED): msgspec.json.decode(bytes(row.value), type=JobFailure)
        for row in connection.execute(query)
    }


def due_times(connection: Connection) -> dict[int, int]:
    """Return when each timer is due, in milliseconds since 1970; 0: it has not run yet."""
    c = operation_tables.job.c
    return {row[0]: row[1] for row in connection.execute(select(c.id, c.due_ms).where(c.id < 0))}


def _is_due(timer: Timer, due_ms: int, now_ms: int) -> bool:
    """Return True if a timer is due, also if the clock was set back since its last run."""
    return due_ms <= now_ms or due_ms > now_ms + timer.every_ms
