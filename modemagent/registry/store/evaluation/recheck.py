"""Re-checks: evaluation of rules for what a list, the TAC table or a rule may have changed.

A run first finds the units that the change is about, by index, then counts what the rules find, and
then writes it, some units in each transaction. If a rule would find something new about too large a
part of the fleet, nothing is written until a person confirms it: a mistake in a list must not make
thousands of findings. Until then, findings about these units are not made by other ways either.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Select, func, or_, select, text

from modemagent.registry.store.database import dialect
from modemagent.registry.store.database.jobs import TimerKind
from modemagent.registry.store.database.taking import take_job
from modemagent.registry.store.evaluation import modem_types
from modemagent.registry.store.evaluation.affected import Target
from modemagent.registry.store.evaluation.held_units import RULES, found_by
from modemagent.registry.store.evaluation.judgement import judge_standing, judge_units, lock_rows
from modemagent.registry.store.evaluation.recheck_runs import (
    COUNTS,
    KIND,
    RESTING,
    RUN_COLUMNS,
    RecheckRun,
    RunState,
    counts_of,
    load,
    save,
    stopped_by,
)
from modemagent.registry.store.evaluation.rule_targets import add_units
from modemagent.registry.store.evaluation.standing import units_of
from modemagent.registry.store.findings.finding_log import FindingLog
from modemagent.registry.store.history.units import UnitKind
from modemagent.registry.store.intake.batch import Batch
from modemagent.registry.store.regulations import deadlines
from modemagent.registry.store.tables import operation_tables, recheck_tables, schema

log = logging.getLogger(__name__)

_FOUND_AT_ONCE = 5000
_UNITS_AT_ONCE = 500
_POSTPONED_MS = 60_000
_STANDING_AT_ONCE = 2000  # rules that do not need the history


def is_waiting(connection: Connection, now_ms: int) -> bool:
    """Return True if there is a run to go on with."""
    return connection.execute(_oldest(now_ms)).first() is not None


def postpone(batch: Batch) -> None:
    """Let the oldest run wait for a minute: one that fails must not stop the others."""
    row = batch.connection.execute(_oldest(batch.now_ms)).first()
    if row is not None:
        later = [(batch.now_ms + _POSTPONED_MS, row.id)]
        dialect.update_rows(batch.connection, operation_tables.job, ("id",), ("due_ms",), later)


def _oldest(now_ms: int) -> Select[Any]:
    """Return a query for the job of the oldest run that is due, also if the clock was set back."""
    c = operation_tables.job.c
    is_due = or_(c.due_ms <= now_ms, c.due_ms > now_ms + 2 * _POSTPONED_MS)
    return select(c.id, c.units).where(c.kind == KIND, is_due).order_by(c.due_ms, c.id).limit(1)


def step(batch: Batch) -> bool:
    """Go on with the oldest run for some units; return False if there is none for this process."""
    connection = batch.connection
    if take_job(connection, TimerKind.RECHECK) is None:
        return False
    job = connection.execute(_oldest(batch.now_ms)).first()
    if job is None:
        return False
    run = load(batch, int.from_bytes(bytes(job.units), "big"))
    work = 0
    while run.state not in RESTING and work < _UNITS_AT_ONCE:
        done, run = _PHASES[RunState(run.state)](batch, run)
        work += done
    if run.state in RESTING:
        dialect.delete_rows(
            connection, operation_tables.job, ("kind", "units"), [(KIND, bytes(job.units))]
        )
    return True


# -- phases: each returns the work done, in units, and the run ----------------------------------


def _find(batch: Batch, run: RecheckRun) -> tuple[int, RecheckRun]:
    """Find the units of the next part; after the last one, begin to count."""
    connection = batch.connection
    c = recheck_tables.recheck_part.c
    query = select(c.part, c.content).where(c.run == run.id).order_by(c.part).limit(1)
    row = connection.execute(query).first()
    if row is None:
        return 1, _begin(batch, run)
    targets = msgspec.msgpack.decode(bytes(row.content), type=list[Target])
    left = add_units(batch, run.id, targets, _FOUND_AT_ONCE)
    table, key = recheck_tables.recheck_part, (run.id, row.part)
    if left:
        content = (msgspec.msgpack.encode(left), *key)
        dialect.update_rows(connection, table, ("run", "part"), ("content",), [content])
    else:
        dialect.delete_rows(connection, table, ("run", "part"), [key])
    return (_UNITS_AT_ONCE if left else len(targets) // 4), run


def _begin(batch: Batch, run: RecheckRun) -> RecheckRun:
    connection = batch.connection
    if not run.dry and not run.is_whole:
        run = _take_over(batch, run)
    c = schema.unit.c
    query = select(c.kind, func.count()).group_by(c.kind)
    kinds = {row[0]: row[1] for row in connection.execute(query)}
    modems, sims = kinds.get(UnitKind.MODEM, 0), kinds.get(UnitKind.SIM, 0)
    of_run = recheck_tables.recheck_unit.c.run == run.id
    affected = select(func.count()).select_from(recheck_tables.recheck_unit).where(of_run)
    count = modems + sims if run.is_whole else connection.execute(affected).scalar_one()
    if run.scope == deadlines.SCOPE:
        deadlines.begin_pass(batch)  # the deadlines themselves do not wait to be confirmed
    return save(
        batch, run, state=RunState.COUNTING, modems=modems, sims=sims, affected=count, after=0
    )


def _take_over(batch: Batch, run: RecheckRun) -> RecheckRun:
    """Take over the units of runs that wait to be confirmed: they are judged once more.

    A limit that was raised for this change does not hold for the others: the smallest one counts.
    """
    connection = batch.connection
    table, c = recheck_tables.recheck_run, recheck_tables.recheck_run.c
    query = select(c.id).where(
        c.state == RunState.STOPPED, c.scope == run.scope, c.id != run.id
    )  # fmt: skip
    # locked and read again: one that was confirmed meanwhile is not taken over
    keys = sorted((key,) for key in connection.execute(query).scalars())
    rows = dialect.select_rows(connection, table, ("id",), RUN_COLUMNS, keys, lock=True)
    found = [RecheckRun(*row) for row in rows]
    stopped = [one for one in found if one.state == RunState.STOPPED and not one.is_whole]
    for other in (one.id for one in stopped):
        connection.execute(
            text(
                "INSERT INTO recheck_unit (run, unit) SELECT :run, unit FROM recheck_unit"
                " WHERE run = :other ON CONFLICT DO NOTHING"
            ),
            {"run": run.id, "other": other},
        )
        _forget_units(batch, other)
        names = ("state", "finished_ms", "superseded_by")
        changes = (RunState.SUPERSEDED, batch.now_ms, run.id, other)
        dialect.update_rows(connection, table, ("id",), names, [changes])
    others = [one for one in stopped if _subjects(connection, one) != {run.subject}]
    subject = run.subject
    if run.scope == RULES:
        subject = " ".join(sorted(run.rules.union(*(one.rules for one in stopped))))
    return save(
        batch,
        run,
        subject=subject,
        most_ppm=min([run.most_ppm, *(one.most_ppm for one in others)]),
        fewest=min([run.fewest, *(one.fewest for one in others)]),
    )


def _subjects(connection: Connection, run: RecheckRun) -> set[str]:
    """Return what was changed before a run and before those that it has taken over."""
    found, keys, c = {run.subject}, [run.id], recheck_tables.recheck_run.c
    while keys:
        query = select(c.id, c.subject).where(c.superseded_by.in_(keys))
        rows = connection.execute(query).all()
        keys = [row.id for row in rows]
        found |= {row.subject for row in rows}
    return found


def _count(batch: Batch, run: RecheckRun) -> tuple[int, RecheckRun]:
    """Count what the rules find about the next units; after the last ones, decide."""
    units = _slice(batch, run)
    if not units:
        return 1, _decide(batch, run)
    _add_counts(batch, run, _judge(batch, run, units))
    cost = len(units) if run.reads_history else len(units) // 4
    return cost, save(batch, run, after=units[-1], done=run.done + len(units))


def _write(batch: Batch, run: RecheckRun) -> tuple[int, RecheckRun]:
    """Write what the rules find about the next units, which do not wait any longer then."""
    units = _slice(batch, run)
    if not units:
        return 1, save(batch, run, state=RunState.DONE, finished_ms=batch.now_ms)
    lock_rows(batch, units, "unit")
    _judge(batch, run, units).write()
    if not run.is_whole:
        table, rows = recheck_tables.recheck_unit, [(run.id, unit) for unit in units]
        dialect.delete_rows(batch.connection, table, ("run", "unit"), rows)
    return len(units), save(batch, run, after=units[-1], done=run.done + len(units))


_PHASES = {RunState.FINDING: _find, RunState.COUNTING: _count, RunState.WRITING: _write}


def _slice(batch: Batch, run: RecheckRun) -> list[int]:
    connection = batch.connection
    if run.is_whole:
        c = schema.unit.c
        query = select(c.id).where(c.id > run.after).order_by(c.id).limit(_UNITS_AT_ONCE)
    else:
        d = recheck_tables.recheck_unit.c
        query = select(d.unit).where(d.run == run.id, d.unit > run.after).order_by(d.unit)
        is_slow = run.scope == deadlines.SCOPE or run.reads_history
        query = query.limit(_UNITS_AT_ONCE if is_slow else _STANDING_AT_ONCE)
    return list(connection.execute(query).scalars())


def _judge(batch: Batch, run: RecheckRun, units: Sequence[int]) -> FindingLog:
    if run.scope == deadlines.SCOPE:
        return deadlines.judge_again(batch, units, run.id)
    links = not run.dry
    if run.reads_history and not run.is_whole:
        return judge_units(batch, units, run.rules, run=run.id, links=links)
    if not run.is_whole:
        found = found_by(run.scope, run.subject)
        return judge_standing(batch, units, found, run=run.id, links=links)
    modems = {
        row: one.key
        for row, one in units_of(batch.connection, units).items()
        if one.kind == UnitKind.MODEM
    }
    modem_types.update(batch, modems)
    return judge_units(batch, units, run=run.id, links=links)


def _add_counts(batch: Batch, run: RecheckRun, log: FindingLog) -> None:
    found = Counter(rule for _, rule in log.added)
    resolved = Counter(log.ended)
    if not (found or resolved):
        return
    kinds = {
        row: one.kind
        for row, one in units_of(batch.connection, {unit for unit, _ in log.added}).items()
    }
    about = Counter((rule, kinds[unit]) for unit, rule in set(log.added))
    rows = []
    before = counts_of(batch.connection, [run.id])
    for rule in sorted(found.keys() | resolved.keys()):
        old = before.get((run.id, rule), (0, 0, 0, 0))
        new = (
            found[rule], resolved[rule], about[rule, UnitKind.MODEM], about[rule, UnitKind.SIM]
        )  # fmt: skip
        rows.append((run.id, rule, *(a + b for a, b in zip(old, new, strict=True))))
    dialect.upsert_rows(
        batch.connection, recheck_tables.recheck_rule, ("run", "rule"), COUNTS, rows
    )


def _decide(batch: Batch, run: RecheckRun) -> RecheckRun:
    counts = counts_of(batch.connection, [run.id])
    if run.dry:
        _forget_units(batch, run.id)
        return save(batch, run, state=RunState.COUNTED, finished_ms=batch.now_ms)
    stopping = [
        f"{one[0]} x {rule}" for (_, rule), one in counts.items() if stopped_by(run, one)
    ]  # fmt: skip
    if stopping:
        found = ", ".join(stopping)
        log.warning("re-check %d waits for confirmation, nothing is written: %s", run.id, found)
        return save(batch, run, state=RunState.STOPPED)
    if not counts and run.scope != RULES:  # of those, links and severities may have changed
        _forget_units(batch, run.id)
        return save(batch, run, state=RunState.DONE, finished_ms=batch.now_ms)
    return save(batch, run, state=RunState.WRITING, after=0, done=0)


def _forget_units(batch: Batch, run: int) -> None:
    dialect.delete_rows(batch.connection, recheck_tables.recheck_unit, ("run",), [(run,)])
