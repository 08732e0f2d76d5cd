"""The registry itself: is it ready, is it backed up, and does its background work get done?"""

from __future__ import annotations

import platform
import shutil
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from modemagent import __version__
from modemagent.registry.pages.figures import ShownTime, byte_count, duration, moment
from modemagent.registry.pages.frame import Answer, Ask, Page
from modemagent.registry.pages.words import Word
from modemagent.registry.store.database import backup, jobs, system_state, tallies
from modemagent.registry.store.database.engine import Database
from modemagent.registry.store.database.jobs import JobFailure, Timer, TimerKind
from modemagent.registry.store.database.system_state import Archive, DatabaseSize, WaitingWork
from modemagent.registry.store.fleet.documents import to_rfc3339
from modemagent.registry.store.migrations import NEWEST
from modemagent.registry.store.privacy import audit, retention

_DAY_MS = 86_400_000
_OLD_BACKUP_MS = 2 * _DAY_MS
_MOST_CHECKED = 200  # entries of the audit
_LATE_MS = 60_000  # that a timer may be overdue: others are done before it
_RECENT_MS = 10 * 60_000  # in which a failure of work that has no timer counts
_OK, _BAD = Word("ok", "tick", "ok"), Word("not ready", "diamond", "bad")
#: What readiness checks, as words, and what is so if nothing is wrong.
CHECKS = {
    "database": ("Database", "can be read, and has the schema of this program"),
    "disk": ("Disk", "has space for the database"),
    "queue": ("Queue", "reports are stored as they arrive"),
}
#: What each timer does.
TIMERS = {
    TimerKind.HOLD_BACK: "Publish events that have waited for missing reports",
    TimerKind.RELATE: "Relate modems and SIMs that late reports have changed",
    TimerKind.TALLIES: "Count what is stored",
    TimerKind.KEY_PAGES: "Delete numbers of reports that are no longer needed",
    TimerKind.PARTITIONS: "Create the tables of the next month",
    TimerKind.RETENTION: "Delete what is older than its limit",
    TimerKind.CHECKS: "Check long lists of numbers",
    TimerKind.DENIALS: "Find modems that a network denies",
    TimerKind.SILENCE: "Find silent gateways",
    TimerKind.VALIDITY: "Note entries and work that begin or end",
    TimerKind.RECEIPTS: "Match received units with their orders",
    TimerKind.INVENTORY: "Compare modems with assets and orders",
    TimerKind.MESSAGES: "Delete old messages of webhooks",
    TimerKind.EXPORTS: "Delete exports older than a week",
    TimerKind.SELECTIONS: "Delete old selections",
    TimerKind.DEADLINES: "Count days for deadlines",
    TimerKind.EIR: "Query the EIR",
}
#: Work that waits in a queue, with the timer of its failures.
QUEUES = {
    "rules": ("Evaluate the rules for what has changed", TimerKind.RULES),
    "recheck": ("Re-check the fleet", TimerKind.RECHECK),
    "export": ("Make exports", None),
    "erasure": ("Erase SIMs", None),
    "audit": ("Chain the acts of the audit", None),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadyRow:
    """A check of readiness."""

    name: str
    state: Word
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRow:
    """Background work.

    :param waits: what waits, as words; empty: nothing does
    :param failure: name of the last error
    """

    text: str
    every: str
    state: Word
    last: ShownTime | None
    next: ShownTime | None
    waits: str
    since: ShownTime | None
    failed: ShownTime | None
    failure: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemPage:
    """The condition of the registry.

    :param parts: sizes of the database and of what is beside it, as words
    :param kinds: kinds of data with their size and about how many rows
    :param backup: when it was backed up last
    :param archive: of PostgreSQL's write-ahead log; None: the database is SQLite
    :param entries: number of acts in the audit
    """

    is_ready: bool
    checks: list[ReadyRow]
    versions: list[tuple[str, str]]
    parts: list[tuple[str, str]]
    kinds: list[tuple[str, str, int | None]]
    counts: list[tuple[str, int]]
    counted: ShownTime | None
    backup_state: Word
    backup: ShownTime | None
    archive: Archive | None
    archive_failed: ShownTime | None
    limits: list[tuple[str, int | None]]
    entries: int
    chain: Word
    unchained: WaitingWork
    works: list[JobRow]
    troubled: int


def show(ask: Ask) -> Answer:
    """Return the page."""
    state, now_ms = ask.state, round(ask.now.timestamp() * 1000)
    found = state.readiness.check()
    with ask.reading() as connection:
        waiting = system_state.waiting_work(connection)
        due, failures = jobs.due_times(connection), jobs.failures(connection)
        size = system_state.database_size(connection)
        archive = system_state.archive(connection)
        backup_ms = archive.last_ms if archive else backup.last_backup_ms(connection)
        works = [_queue(name, waiting[name], failures, ask.now) for name in QUEUES]
        works += [_timer(one, due.get(one.kind, 0), failures, ask.now) for one in state.timers]
        tallied = next(one for one in state.timers if one.kind == TimerKind.TALLIES)
        counted_ms = due.get(TimerKind.TALLIES, 0) - tallied.every_ms
        has_counts = bool(tallies.last(connection))
        model = SystemPage(
            is_ready=not any(found.values()),
            checks=[_check(name, reason, state.database) for name, reason in found.items()],
            versions=_versions(connection),
            parts=_parts(state.database, size),
            kinds=[(one.kind, byte_count(one.bytes), one.rows) for one in size.kinds],
            counts=list(system_state.row_counts(connection).items()),
            counted=_moment(counted_ms, ask.now) if has_counts and counted_ms > 0 else None,
            backup_state=_backup_state(backup_ms, archive, now_ms),
            backup=_moment(backup_ms, ask.now),
            archive=archive,
            archive_failed=_moment(archive.failed_ms, ask.now) if archive else None,
            limits=list(retention.in_force(connection, state.keep_bodies_days).items()),
            entries=audit.head(connection).position,
            chain=_chain(connection),
            unchained=waiting["audit"],
            works=sorted(works, key=_trouble, reverse=True),
            troubled=sum(_trouble(one) > 0 for one in works),
        )
    return Page("system.html", model)


def _check(name: str, reason: str | None, database: Database) -> ReadyRow:
    title, fine = CHECKS[name]
    if name == "disk" and database.folder is None:
        state = Word("not checked", "question")
        return ReadyRow(name=title, state=state, text="it is that of the database server")
    return ReadyRow(name=title, state=_OK if reason is None else _BAD, text=reason or fine)


def _versions(connection: Connection) -> list[tuple[str, str]]:
    return [
        ("modemagent", __version__),
        ("schema", NEWEST.partition("_")[0]),
        ("database", system_state.engine_version(connection)),
        ("Python", platform.python_version()),
    ]


def _parts(database: Database, size: DatabaseSize) -> list[tuple[str, str]]:
    """Return sizes of the database, its log and the disk, with their names."""
    free = "" if size.free is None else f", of which {byte_count(size.free)} are free in it"
    parts = [("database", byte_count(size.bytes) + free)]
    folder = database.folder
    if folder is not None:
        logs = sum(one.stat().st_size for one in folder.glob("*.db-wal"))
        parts.append(("its log", byte_count(logs)))
        parts.append(("free on the disk", byte_count(shutil.disk_usage(folder).free)))
    return parts


def _backup_state(last_ms: int | None, archive: Archive | None, now_ms: int) -> Word:
    if archive is not None and not archive.is_on:
        return Word("no archive", "question", "warn")
    if archive is not None and (archive.failed_ms or 0) > (archive.last_ms or 0):
        return Word("archiving fails", "diamond", "bad")
    if last_ms is None:
        return Word("never backed up", "triangle", "warn")
    if archive is None and last_ms < now_ms - _OLD_BACKUP_MS:
        return Word("old", "triangle", "warn")
    return Word("backed up", "tick", "ok")


def _chain(connection: Connection) -> Word:
    if not audit.verify_end(connection, _MOST_CHECKED)[1]:
        return Word("intact", "tick", "ok")
    return Word("not intact", "diamond", "bad")


def _queue(
    name: str, waiting: WaitingWork, failures: dict[str, JobFailure], now: datetime
) -> JobRow:
    text, kind = QUEUES[name]
    failure = failures.get(kind.name.lower()) if kind else None
    now_ms = round(now.timestamp() * 1000)
    is_late = waiting.oldest_ms is not None and waiting.oldest_ms < now_ms - _RECENT_MS
    if failure and failure.at_ms > now_ms - _RECENT_MS:
        state = Word("failing", "diamond", "bad")
    elif is_late:
        state = Word("behind", "triangle", "warn")
    else:
        state = (
            Word("waits", "gap", "info") if waiting.number else Word("nothing waits", "tick", "ok")
        )
    most = system_state.MOST_COUNTED
    count = f"more than {most:,}" if waiting.number > most else f"{waiting.number:,}"
    return JobRow(
        text=text,
        every="when there is some",
        state=state,
        last=None,
        next=None,
        waits=count if waiting.number else "",
        since=_moment(waiting.oldest_ms, now),
        failed=_moment(failure and failure.at_ms, now),
        failure=failure.reason if failure else "",
    )


def _timer(timer: Timer, due_ms: int, failures: dict[str, JobFailure], now: datetime) -> JobRow:
    """Return a timer; it is due an interval after the end of its last run."""
    now_ms, failure = round(now.timestamp() * 1000), failures.get(timer.kind.name.lower())
    last_ms = due_ms - timer.every_ms if due_ms > 0 else None
    if failure and failure.at_ms >= (last_ms or 0):
        state = Word("failing", "diamond", "bad")
        last_ms = None
    elif due_ms < now_ms - _LATE_MS:
        state = Word("late", "triangle", "warn")
    else:
        state = Word("done", "tick", "ok")
    return JobRow(
        text=TIMERS[timer.kind],
        every=f"every {duration(timer.every_s)}",
        state=state,
        last=_moment(last_ms, now),
        next=_moment(max(due_ms, now_ms) if due_ms else None, now),
        waits="",
        since=None,
        failed=_moment(failure and failure.at_ms, now),
        failure=failure.reason if failure else "",
    )


def _trouble(row: JobRow) -> int:
    """Return how bad the state of work is; 0: it is done as it should be."""
    return {"bad": 2, "warn": 1}.get(row.state.tone, 0)


def _moment(at_ms: int | None, now: datetime) -> ShownTime | None:
    return moment(to_rfc3339(at_ms), now)
