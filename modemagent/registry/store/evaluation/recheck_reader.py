"""Re-checks as documents, and what people do with them: start one, confirm one, wait for one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, func, select

from modemagent.registry.store.database import dialect, jobs
from modemagent.registry.store.evaluation import recheck
from modemagent.registry.store.evaluation.held_units import RULES
from modemagent.registry.store.evaluation.recheck_runs import (
    PPM,
    RESTING,
    RUN_COLUMNS,
    RecheckRun,
    RunState,
    add_job,
    counts_of,
    save,
    stopped_by,
)
from modemagent.registry.store.fleet.documents import Document, to_rfc3339
from modemagent.registry.store.intake.batch import Batch
from modemagent.registry.store.intake.recorder import Recorder
from modemagent.registry.store.privacy import acts
from modemagent.registry.store.tables.list_tables import import_run
from modemagent.registry.store.tables.policy_tables import policy_version
from modemagent.registry.store.tables.recheck_tables import recheck_run

_MORE = ("confirmed_by", "confirmed_ms", "finished_ms")


class NotStopped(Exception):
    """A run that does not wait to be confirmed.

    :param state: its state
    :param superseded_by: the run that has taken over what it was about
    """

    def __init__(self, state: str, superseded_by: int | None) -> None:
        if superseded_by is None:
            text = f"the re-check does not wait to be confirmed: its state is {state}"
        else:
            text = f"the re-check was replaced by {superseded_by}; confirm that one if it waits"
        super().__init__(text)
        self.superseded_by = superseded_by


class RecheckCause(NamedTuple):
    """The change that a run follows, made in the same transaction.

    :param kind: ``import``, ``undone`` for an import that was undone, or ``policy``
    :param key: id of the import or the policy
    :param revision: of the policy that the change has made
    """

    kind: str
    key: int
    revision: int = 0


def run_page(
    connection: Connection, *, limit: int, after: int | None = None, state: str | None = None
) -> Document:
    """Return a page of the runs, newest first."""
    c = recheck_run.c
    query = select(recheck_run).order_by(c.id.desc()).limit(limit + 1)
    query = query if after is None else query.where(c.id < after)
    query = query if state is None else query.where(c.state == state)
    rows = connection.execute(query).all()
    following = str(rows[limit - 1].id) if len(rows) > limit else None
    return {"runs": _documents(connection, rows[:limit]), "next": following}


def last_of_fleet(connection: Connection) -> Document | None:
    """Return the last run of all rules for the whole fleet."""
    c = recheck_run.c
    query = select(c.id).where(c.scope == RULES, c.subject == "").order_by(c.id.desc()).limit(1)
    run = connection.execute(query).scalar()
    return None if run is None else run_document(connection, run)


def run_document(connection: Connection, run: int) -> Document | None:
    """Return a run."""
    rows = connection.execute(select(recheck_run).where(recheck_run.c.id == run)).all()
    return _documents(connection, rows)[0] if rows else None


def count_stopped(connection: Connection, most: int) -> int:
    """Return how many runs wait to be confirmed, counted up to a number."""
    of_state = recheck_run.c.state == RunState.STOPPED
    capped = select(recheck_run.c.id).where(of_state).limit(most).subquery()
    return connection.execute(select(func.count()).select_from(capped)).scalar_one()


def superseded(connection: Connection, run: int) -> list[int]:
    """Return the stopped runs whose units a run has taken over."""
    c = recheck_run.c
    query = select(c.id).where(c.superseded_by == run).order_by(c.id)
    return list(connection.execute(query).scalars())


def cause_of(connection: Connection, run: int) -> RecheckCause | None:
    """Return the change that a run follows; None: it has no import and no revision of a policy."""
    c, i, v = recheck_run.c, import_run.c, policy_version.c
    of_run = select(c.created_ms, c.subject, c.scope).where(c.id == run)
    row = connection.execute(of_run).one_or_none()
    if row is None:
        return None
    for kind, column in (("import", i.imported_ms), ("undone", i.undone_ms)):
        query = select(i.id).where(column == row.created_ms, i.target == row.subject)
        key = connection.execute(query.limit(1)).scalar()
        if key is not None:
            return RecheckCause(kind, key)
    if row.scope != "policy":
        return None
    query = select(v.policy, v.revision).where(v.made_ms == row.created_ms).order_by(v.policy)
    made = connection.execute(query.limit(1)).one_or_none()
    return None if made is None else RecheckCause("policy", made.policy, made.revision)


def confirm(batch: Batch, run: int, actor: str) -> Document | None:
    """Let a stopped run write what it has counted; return it, or None if there is no such run.

    :raises NotStopped: it does not wait to be confirmed
    """
    connection = batch.connection
    rows = dialect.select_rows(connection, recheck_run, ("id",), RUN_COLUMNS, [(run,)], lock=True)
    if not rows:
        return None
    found = RecheckRun(*rows[0])
    if found.state != RunState.STOPPED:
        query = select(recheck_run.c.superseded_by).where(recheck_run.c.id == run)
        raise NotStopped(found.state, connection.execute(query).scalar())
    changes = {"confirmed_by": actor, "confirmed_ms": batch.now_ms}
    save(batch, found, state=RunState.WRITING, after=0, done=0, **changes)
    add_job(batch, run)
    acts.note(connection, "recheck.confirm", f"run:{run}")
    return run_document(connection, run)


def finish(recorder: Recorder, run: int) -> None:
    """Go on with the runs until this one rests; the processes of the registry help."""
    recorder.run(jobs.create)
    while recorder.run(lambda batch: not _is_resting(batch, run) and recheck.step(batch)):
        pass


def _is_resting(batch: Batch, run: int) -> bool:
    query = select(recheck_run.c.state).where(recheck_run.c.id == run)
    return batch.connection.execute(query).scalar_one() in RESTING


def _documents(connection: Connection, rows: Sequence[Row[Any]]) -> list[Document]:
    counts = counts_of(connection, [row.id for row in rows])
    return [
        _document(row, {rule: one for (run, rule), one in counts.items() if run == row.id})
        for row in rows
    ]


def _document(row: Row[Any], counts: dict[str, tuple[int, ...]]) -> Document:
    run = RecheckRun(*(getattr(row, name) for name in RUN_COLUMNS))
    stopping = [rule for rule, one in counts.items() if stopped_by(run, one)]
    is_over = run.state in (RunState.STOPPED, RunState.COUNTED, RunState.SUPERSEDED)
    return {
        "id": str(run.id),
        "scope": run.scope,
        "subject": run.subject,
        "state": run.state,
        "dry_run": bool(run.dry),
        "max_match_ratio": run.most_ppm / PPM,
        "fewest": run.fewest,
        "modems": run.modems,
        "sims": run.sims,
        "affected": run.affected,
        "done": run.done,
        "written": run.state == RunState.DONE,
        "stopped_by": stopping if is_over else [],
        "rules": [
            {
                "rule": rule,
                "new": found,
                "resolved": resolved,
                "ratio": max(_share(modems, run.modems), _share(sims, run.sims)),
            }
            for rule, (found, resolved, modems, sims) in counts.items()
        ],
        "requested_by": run.requested_by,
        "created_at": to_rfc3339(run.created_ms),
        "confirmed_by": row.confirmed_by,
        "confirmed_at": to_rfc3339(row.confirmed_ms),
        "superseded_by": None if row.superseded_by is None else str(row.superseded_by),
        "finished_at": to_rfc3339(row.finished_ms),
    }


def _share(count: int, total: int) -> float:
    return count / total if count else 0.0
