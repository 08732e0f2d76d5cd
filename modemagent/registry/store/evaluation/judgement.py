"""What the rules find about modems and SIMs, beside what is recorded."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from modemagent.registry.rules.altered import altered
from modemagent.registry.rules.catalogue import OF_POLICIES, OF_UNITS
from modemagent.registry.rules.changes import changes
from modemagent.registry.rules.churn import churn
from modemagent.registry.rules.definitions import FOUND_BY
from modemagent.registry.rules.firmware import firmware
from modemagent.registry.rules.inputs import RuleFinding, UnitHistory
from modemagent.registry.rules.numbers import numbers
from modemagent.registry.store.database import dialect
from modemagent.registry.store.evaluation import modem_types
from modemagent.registry.store.evaluation.held_units import held_rules
from modemagent.registry.store.evaluation.rule_inputs import RuleInputs
from modemagent.registry.store.evaluation.standing import STANDING, StandingUnit, standing, units_of
from modemagent.registry.store.findings.finding_log import FindingLog, Subject
from modemagent.registry.store.history.units import UnitKind
from modemagent.registry.store.intake.batch import Batch
from modemagent.registry.store.policies.links import ModemLinks, links_of, write_links
from modemagent.registry.store.tables import schema

#: Errors for modems under a policy that learns or enforces.
_SWAPS = frozenset({"sim.swapped", "modem.swapped"})
OF_HISTORY: dict[str, Callable[[UnitHistory, RuleInputs], Iterable[RuleFinding]]] = {
    "numbers": lambda unit, _: numbers(unit),
    "changes": lambda unit, _: changes(unit),
    "churn": lambda unit, _: churn(unit),
    "firmware": lambda unit, _: firmware(unit),
    "altered": lambda unit, inputs: altered(
        unit, inputs.facts_of, inputs.imeis_of, inputs.eid_travels
    ),
}


def evaluate_units(batch: Batch, units: Sequence[int], new: Sequence[int] = ()) -> None:
    """Evaluate the rules about modems and SIMs that have changed.

    :param new: others, of which nothing is known but that they were seen for the first time
    """
    lock_rows(batch, {*units, *new}, "unit")
    connection = batch.connection
    known = units_of(connection, {*units, *new})
    changed = modem_types.update(
        batch, {row: one.key for row, one in known.items() if one.kind == UnitKind.MODEM}
    )
    if units:
        _judge(batch, {unit: known[unit] for unit in units if unit in known}).write()
    others = {*new, *modem_types.rare_modems(connection, changed)} - set(units)
    if others:
        lock_rows(batch, others - set(new), "unit")
        judge_standing(batch, sorted(others), known=known).write()


def judge_units(
    batch: Batch,
    units: Sequence[int],
    rules: Collection[str] = FOUND_BY,
    *,
    run: int | None = None,
    links: bool = True,
) -> FindingLog:
    """Return the findings of rules, not yet written.

    :param rules: by the names of their modules
    :param run: re-check on whose behalf; what other ones hold stays as it is
    :param links: write the links with SIMs, if the rules are about policies
    """
    return _judge(batch, units_of(batch.connection, units), rules, run=run, links=links)


def _judge(
    batch: Batch,
    units: Mapping[int, StandingUnit],
    rules: Collection[str] = FOUND_BY,
    *,
    run: int | None = None,
    links: bool = True,
) -> FindingLog:
    connection = batch.connection
    types = OF_UNITS if rules is FOUND_BY else frozenset().union(*(FOUND_BY[one] for one in rules))
    log = FindingLog(batch, types, held_rules(connection, sorted(units), run))
    log.load("unit", units)
    inputs = RuleInputs(connection, units)
    lasting = standing(connection, units, batch.now_ms, types)
    about = units if {"changes", "pairing"} & set(rules) else {}
    linked = _links(batch, about, write=links and "pairing" in rules)
    histories = [rule for name, rule in OF_HISTORY.items() if name in rules]
    for unit in sorted(units):
        history = inputs.history(unit, is_shared=log.holds("unit", unit, "imei.duplicate"))
        if history is None:
            continue
        found = [one for rule in histories for one in rule(history, inputs)]
        found += lasting.get(unit, ())
        found += linked.findings.get(unit, ()) if "pairing" in rules else ()
        if unit in linked.policies:
            found = [one._replace(severity="error") if one.rule in _SWAPS else one for one in found]
        log.set(Subject("unit", unit=unit), found)
    return log


def judge_standing(
    batch: Batch,
    units: Sequence[int],
    rules: Collection[str] = STANDING | OF_POLICIES,
    *,
    run: int | None = None,
    links: bool = True,
    known: Mapping[int, StandingUnit] | None = None,
) -> FindingLog:
    """Return the findings of some rules that do not need the history, not yet written.

    :param links: write the links with SIMs, if the rules are about policies
    :param known: numbers of units that were read already
    """
    connection = batch.connection
    log = FindingLog(batch, rules, held_rules(connection, units, run))
    log.load("unit", units)
    wanted = {unit: known[unit] for unit in units if unit in known} if known else {}
    wanted |= units_of(connection, set(units) - wanted.keys())
    found = standing(connection, wanted, batch.now_ms, rules)
    about = wanted if set(rules) >= OF_POLICIES else {}
    linked = _links(batch, about, write=links)
    for unit in wanted:
        findings = [*found.get(unit, ()), *linked.findings.get(unit, ())]
        log.set(Subject("unit", unit=unit), findings)
    return log


def _links(batch: Batch, units: Mapping[int, StandingUnit], *, write: bool) -> ModemLinks:
    modems = {unit: one.key for unit, one in units.items() if one.kind == UnitKind.MODEM}
    found = links_of(batch.connection, modems, batch.now_ms)
    if write:
        write_links(batch, found)
    return found


def lock_rows(batch: Batch, rows: Iterable[int], table: str) -> None:
    """Lock rows until the end of the transaction, in the order in which reports do."""
    if not dialect.is_sqlite(batch.connection):
        keys = [(row,) for row in sorted(set(rows))]
        named = schema.metadata.tables[table]
        dialect.select_rows(batch.connection, named, ("id",), ("id",), keys, lock=True)
