"""Runs of re-checks in the database: added by a change, by a person, or by a new version."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

import msgspec

from modemagent.registry.lists.entries import ListName
from modemagent.registry.rules.definitions import OF_HISTORY
from modemagent.registry.store.database import dialect
from modemagent.registry.store.evaluation.affected import Target, targets_of
from modemagent.registry.store.evaluation.held_units import RULES, changed_rules
from modemagent.registry.store.intake.batch import Batch
from modemagent.registry.store.lists.registers import TAC_TABLE
from modemagent.registry.store.tables import operation_tables, recheck_tables

KIND = "recheck_run"
#: Largest part of all modems, or of all SIMs, about which a rule may find something new.
MAX_MATCH_RATIO = 0.05
#: Modems or SIMs about which it may, however small the fleet is.
FEWEST = 10
PPM = 1_000_000
_TARGETS_AT_ONCE = 1000


class RunState(StrEnum):
    """State of a run; ``stopped``: it waits to be confirmed."""

    FINDING = "finding"
    COUNTING = "counting"
    WRITING = "writing"
    STOPPED = "stopped"
    DONE = "done"
    COUNTED = "counted"  # a dry run
    SUPERSEDED = "superseded"  # a later run is about its units too


RESTING = frozenset(
    {RunState.STOPPED, RunState.DONE, RunState.COUNTED, RunState.SUPERSEDED}
)  # fmt: skip
RUN_COLUMNS = (
    "id", "scope", "subject", "requested_by", "state", "dry", "most_ppm", "fewest", "modems",
    "sims", "affected", "done", "after", "created_ms",
)  # fmt: skip


class RecheckRun(NamedTuple):
    """A run; for the columns see :mod:`.recheck_tables`."""

    id: int
    scope: str
    subject: str
    requested_by: str
    state: str
    dry: bool
    most_ppm: int
    fewest: int
    modems: int
    sims: int
    affected: int
    done: int
    after: int
    created_ms: int

    @property
    def rules(self) -> frozenset[str]:
        """The rules that were changed before a run of this scope."""
        return changed_rules(self.scope, self.subject)

    @property
    def is_whole(self) -> bool:
        """All rules are evaluated for all units."""
        return self.scope == RULES and not self.rules

    @property
    def reads_history(self) -> bool:
        """A rule is evaluated that needs the history of the units."""
        return self.is_whole or bool(self.rules & OF_HISTORY)


class RecheckOptions(NamedTuple):
    """How a run is made.

    :param dry: only count
    :param ratio: largest part of the modems or SIMs with a new finding of one rule
    :param fewest: number of modems or SIMs that is never too large
    """

    dry: bool = False
    ratio: float = MAX_MATCH_RATIO
    fewest: int = FEWEST


_AUTOMATIC = RecheckOptions()


def request(batch: Batch, actor: str) -> None:
    """Add the runs for what a transaction has changed in the lists and the TAC table."""
    changed, batch.changed = batch.changed, []
    by_list: dict[int, dict[Target, None]] = {}
    for name, value in changed:
        by_list.setdefault(name, {}).update(dict.fromkeys(targets_of(value)))
    for name, targets in sorted(by_list.items()):
        if name == TAC_TABLE:
            create(batch, "tac", "tacs", actor, list(targets))
        elif name != ListName.PERMITTED:  # no rule is about those
            create(batch, "list", ListName(name).shown, actor, list(targets))


def create(
    batch: Batch,
    scope: str,
    subject: str,
    actor: str,
    targets: Sequence[Target] = (),
    options: RecheckOptions = _AUTOMATIC,
) -> int:
    """Add a run, which a worker does; return its id.

    :param scope: what was changed, a key of :data:`.SCOPES`, or :data:`RULES`
    :param subject: name of what was changed; of rules, their names; empty: all are evaluated
    """
    connection = batch.connection
    run = RecheckRun(
        batch.key(), scope, subject, actor, RunState.FINDING, options.dry,
        round(options.ratio * PPM), options.fewest, 0, 0, 0, 0, 0, batch.now_ms,
    )  # fmt: skip
    dialect.insert_rows(connection, recheck_tables.recheck_run, RUN_COLUMNS, [run])
    parts = [
        (run.id, number, msgspec.msgpack.encode(targets[at : at + _TARGETS_AT_ONCE]))
        for number, at in enumerate(range(0, len(targets), _TARGETS_AT_ONCE))
    ]
    dialect.insert_rows(connection, recheck_tables.recheck_part, ("run", "part", "content"), parts)
    add_job(batch, run.id)
    return run.id


def add_job(batch: Batch, run: int) -> None:
    row = (batch.key(), KIND, batch.now_ms, run.to_bytes(8, "big"))
    dialect.insert_rows(
        batch.connection, operation_tables.job, ("id", "kind", "due_ms", "units"), [row]
    )


def load(batch: Batch, run: int) -> RecheckRun:
    (row,) = dialect.select_rows(
        batch.connection, recheck_tables.recheck_run, ("id",), RUN_COLUMNS, [(run,)]
    )
    return RecheckRun(*row)


def save(batch: Batch, run: RecheckRun, **changes: Any) -> RecheckRun:
    """Write changes of a run, and return it."""
    names = tuple(changes)
    dialect.update_rows(
        batch.connection,
        recheck_tables.recheck_run,
        ("id",),
        names,
        [(*changes.values(), run.id)],
    )
    return run._replace(**{one: changes[one] for one in names if one in RUN_COLUMNS})


COUNTS = ("found", "resolved", "modems", "sims")


def counts_of(connection: Any, runs: Iterable[int]) -> dict[tuple[int, str], tuple[int, ...]]:
    """Return the counts of each run and rule."""
    rows = dialect.select_rows(
        connection,
        recheck_tables.recheck_rule,
        ("run",),
        ("run", "rule", *COUNTS),
        [(run,) for run in runs],
    )
    return {(row[0], row[1]): row[2:] for row in sorted(rows)}


def stopped_by(run: RecheckRun, rule: tuple[int, ...]) -> bool:
    """Return True if a rule finds something new about too large a part of the fleet."""
    _, _, modems, sims = rule
    return any(
        count > run.fewest and count * PPM > run.most_ppm * total
        for count, total in ((modems, run.modems), (sims, run.sims))
    )
