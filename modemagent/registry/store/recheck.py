"""Evaluation of the rules for all modems and SIMs, after a rule or what it relies on has changed.

A first pass only counts. If a rule would find something new about too large a part of the fleet,
nothing is written: a mistake in a rule must not make thousands of findings.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from sqlalchemy import select

from modemagent.registry.store import schema
from modemagent.registry.store.batch import Batch
from modemagent.registry.store.engine import Database
from modemagent.registry.store.evaluation import evaluate_units, judge_units
from modemagent.registry.store.recorder import Recorder
from modemagent.registry.store.units import UnitKind

#: Largest part of all modems, or of all SIMs, about which one rule may find something new.
MAX_MATCH_RATIO = 0.05
_UNITS_AT_ONCE = 500


class RuleMatches(NamedTuple):
    """What a rule finds in the whole fleet.

    :param new: findings that are not recorded
    :param resolved: recorded findings whose cause is gone
    :param ratio: part of the modems or SIMs that have a new finding, the larger one
    """

    rule: str
    new: int
    resolved: int
    ratio: float


class Recheck(NamedTuple):
    """Result of an evaluation for all units.

    :param written: the findings were written
    :param stopped_by: rules that exceeded the limit, so that nothing was written
    """

    modems: int
    sims: int
    written: bool
    stopped_by: list[str]
    rules: list[RuleMatches]


def recheck(
    database: Database, *, dry_run: bool, max_match_ratio: float = MAX_MATCH_RATIO
) -> Recheck:
    """Evaluate the rules about modems and SIMs for all of them.

    :param dry_run: only count
    :param max_match_ratio: largest part of the modems or SIMs with a new finding of one rule
    """
    total: Counter[int] = Counter()
    matched: dict[tuple[str, int], set[int]] = {}
    new: Counter[str] = Counter()
    resolved: Counter[str] = Counter()
    for kinds in _slices(database):
        total.update(kinds.values())
        with database.reading() as connection:
            log = judge_units(database.new_batch(connection), sorted(kinds), lock=False)
        for unit, rule in log.added:
            new[rule] += 1
            matched.setdefault((rule, kinds[unit]), set()).add(unit)
        resolved.update(log.ended)
    ratios: dict[str, float] = {}
    for (rule, kind), units in matched.items():
        ratios[rule] = max(ratios.get(rule, 0.0), len(units) / total[kind])
    stopped_by = sorted(rule for rule, ratio in ratios.items() if ratio > max_match_ratio)
    written = not dry_run and not stopped_by
    if written:
        _write(database)
    rules = [
        RuleMatches(rule, new[rule], resolved[rule], ratios.get(rule, 0.0))
        for rule in sorted(new.keys() | resolved.keys())
    ]
    return Recheck(total[UnitKind.MODEM], total[UnitKind.SIM], written, stopped_by, rules)


def _write(database: Database) -> None:
    recorder = Recorder(database)
    for kinds in _slices(database):
        units = sorted(kinds)

        def work(batch: Batch, units: list[int] = units) -> None:
            evaluate_units(batch, units)

        recorder.run(work)


def _slices(database: Database) -> Iterator[dict[int, int]]:
    """Yield all units with their kinds, some at a time."""
    c = schema.unit.c
    after = 0
    while True:
        query = select(c.id, c.kind).where(c.id > after).order_by(c.id).limit(_UNITS_AT_ONCE)
        with database.reading() as connection:
            kinds = {row.id: row.kind for row in connection.execute(query)}
        if not kinds:
            return
        yield kinds
        after = max(kinds)
