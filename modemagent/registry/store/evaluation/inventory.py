"""Evaluation of the rules about modems and the inventory, recalls, labels and benches.

They are evaluated for modems whose assets, orders or history have changed, and for all modems in
turn, a part at a time, since a modem is missing in the inventory only after a day.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from functools import partial
from typing import Any, NamedTuple

from sqlalchemy import Connection, select

from modemagent.registry.rules.bench_lots import mislabelled, passed_duplicate
from modemagent.registry.rules.inputs import RuleFinding
from modemagent.registry.rules.inventory import label_mismatch, not_in_inventory
from modemagent.registry.rules.recalled import RecallNotice, recalled
from modemagent.registry.store.assets import assets
from modemagent.registry.store.benches import bench_turns
from modemagent.registry.store.database import dialect
from modemagent.registry.store.database.engine import Database
from modemagent.registry.store.evaluation import recheck_runs
from modemagent.registry.store.evaluation.affected import Target
from modemagent.registry.store.evaluation.rule_inputs import RuleInputs
from modemagent.registry.store.evaluation.standing import units_of
from modemagent.registry.store.findings.finding_log import REGISTRY, FindingLog, Subject
from modemagent.registry.store.history.units import UnitKind
from modemagent.registry.store.intake.batch import Batch
from modemagent.registry.store.intake.recorder import Recorder
from modemagent.registry.store.lists.recalls import notices
from modemagent.registry.store.lists.registers import size
from modemagent.registry.store.policies import coverage
from modemagent.registry.store.tables import schema
from modemagent.registry.store.tables.asset_tables import ASSETS, ORDERS, order_row

RULES = frozenset({"modem.not_in_inventory", "imei.label_mismatch", "recall.matched"})
#: Largest part of the modems of a pass about which one rule may find something new.
MAX_MATCH_RATIO = 0.05
_FEW = 10  # modems about which it may in any case
#: Findings that several modems have one IMEI.
_SHARED = ("imei.duplicate", "imei.cloned")
_UNITS_AT_ONCE = 500
_PER_RUN = 2000
_URGENT_S = 0.5  # after which rules are evaluated for new reports
_CURSOR = "inventory_cursor"
_TYPES = (
    "SELECT t.unit, t.tac, t.make, m.manufacturer, m.model, m.firmware FROM modem_type t"
    " LEFT JOIN make m ON m.id = t.make WHERE t.unit IN {keys}"
)


def evaluate(batch: Batch, units: Iterable[int], rules: Collection[str] = RULES) -> None:
    """Evaluate some of the rules for some modems; other units are left out."""
    for some in _parts(_modems(batch.connection, units)):
        keys = [(unit,) for unit in some]
        dialect.select_rows(batch.connection, schema.unit, ("id",), ("id",), keys, lock=True)
        _judge(batch, some, rules).write()


def evaluate_changed(batch: Batch, units: Iterable[int], new: Iterable[int] = ()) -> None:
    """Evaluate the rules for modems that have changed, except that about the inventory.

    New findings of that rule are made for all modems together, within its limit.

    :param new: modems that were seen for the first time
    """
    connection = batch.connection
    listed = notices(connection)
    if listed or size(connection, ASSETS) or bench_turns.any_turns(connection):
        wanted = [*units, *(_of_recalled_types(connection, new, listed) if listed else ())]
        evaluate(batch, wanted, RULES - {"modem.not_in_inventory"})


def _of_recalled_types(
    connection: Connection, modems: Iterable[int], listed: Sequence[RecallNotice]
) -> list[int]:
    """Return the modems that a notice may concern by their TAC and by what they have stated."""
    verdicts: dict[tuple[int, int], bool] = {}  # few types, many modems
    found = []
    for unit, tac, make, *stated in dialect.query_keys(connection, _TYPES, modems):
        if (tac, make) not in verdicts:
            texts = [text or "" for text in stated]
            verdicts[tac, make] = any(one.concerns_type(f"{tac:08d}", *texts) for one in listed)
        if verdicts[tac, make]:
            found.append(unit)
    return found


def _parts(units: Sequence[int]) -> list[Sequence[int]]:
    return [units[at : at + _UNITS_AT_ONCE] for at in range(0, len(units), _UNITS_AT_ONCE)]


def evaluate_noted(batch: Batch) -> None:
    """Evaluate the rules for the modems whose assets or orders a transaction has changed."""
    imeis, batch.imeis = sorted(batch.imeis), set()
    if imeis and coverage.any_policies(batch.connection):  # site and order of an asset are covers
        targets = [Target("modem", imei, imei) for imei in imeis]
        recheck_runs.create(batch, "policy", "assets", REGISTRY, targets)
    if len(imeis) > _PER_RUN:
        begin_pass(batch)
        return
    keys = [(int(UnitKind.MODEM), imei) for imei in imeis]
    rows = dialect.select_rows(batch.connection, schema.unit, ("kind", "key"), ("id",), keys)
    evaluate(batch, [unit for (unit,) in rows])


def _modems(connection: Connection, units: Iterable[int]) -> list[int]:
    keys = [(unit,) for unit in sorted(set(units))]
    rows = dialect.select_rows(connection, schema.unit, ("id",), ("id", "kind"), keys)
    return sorted(unit for unit, kind in rows if kind == UnitKind.MODEM)


def _judge(batch: Batch, modems: Sequence[int], rules: Collection[str]) -> FindingLog:
    """Return the findings about modems, not yet written."""
    connection = batch.connection
    log = FindingLog(batch, rules)
    log.load("unit", modems)
    inputs = RuleInputs(connection, units_of(connection, modems))
    histories = {
        unit: one for unit in modems if (one := inputs.history(unit, is_shared=False)) is not None
    }
    imeis = {unit: one.number[:14] for unit, one in histories.items()}
    labels: dict[str, list[str]] = defaultdict(list)
    known = set()
    for row in assets.load(connection, "imei", imeis.values()):
        known.add(row["imei"])
        labels[row["imei"]] += [row["label_imei"]] if row["label_imei"] else []
    ordered = dialect.select_rows(
        connection, order_row, ("imei",), ("imei",), [(one,) for one in set(imeis.values())]
    )
    known |= {imei for (imei,) in ordered}
    turns = bench_turns.of_units(connection, modems)
    is_kept = bool(size(connection, ASSETS) or size(connection, ORDERS))
    listed = notices(connection)
    for unit, history in histories.items():
        found: list[RuleFinding] = []
        if history.changes:
            first, imei = history.changes[0].at, imeis[unit]
            is_known = imei in known
            found += not_in_inventory(first, batch.now_ms, is_kept=is_kept, is_known=is_known)
            found += label_mismatch(history.number, labels[imei], first)
            facts = history.facts[-1] if history.facts else None
            found += recalled(history.number, facts, listed, first)
            found += mislabelled(turns.get(unit, ()))
            is_shared = any(log.holds("unit", unit, one) for one in _SHARED)
            found += passed_duplicate(turns.get(unit, ()), is_shared=is_shared)
        log.set(Subject("unit", unit=unit), [one for one in found if one.rule in rules])
    return log


# -- all modems in turn -----------------------------------------------------------------------


def update(database: Database, most: int = _PER_RUN) -> bool:
    """Evaluate the rules for the next modems after those of the last call; True: some are left.

    If a rule would find something new about too large a part of them, nothing is written for this
    part: an inventory that has just been begun must not make a finding about each modem.
    """
    new: dict[str, set[int]] = defaultdict(set)
    changed: list[Sequence[int]] = []
    with database.reading() as connection:
        before = _cursor(connection)
        units = _next_modems(connection, before.after, most)
        batch = database.new_batch(connection)
        for part in _parts(units):
            log = _judge(batch, part, RULES)
            for unit, rule in log.added:
                new[rule].add(unit)
            if log.added or log.ended:
                changed.append(part)
    too_many = [found for found in new.values() if _is_too_many(len(found), len(units))]
    held = {unit for found in too_many for unit in found}
    recorder = Recorder(database)
    for part in changed:
        recorder.run(partial(evaluate, units=set(part) - held))
    is_left = len(units) == most
    after = PassCursor(units[-1], before.is_urgent) if is_left else PassCursor()
    if after != before:
        recorder.run(partial(_set_cursor, before=before, after=after))
    return is_left


def next_part(database: Database) -> None:
    """Evaluate the rules for the next modems."""
    update(database)


def hurry(database: Database) -> None:
    """Go on for a moment with a pass that a change of the notices has begun."""
    end_s = time.monotonic() + _URGENT_S
    with database.reading() as connection:
        is_urgent = _cursor(connection).is_urgent
    while is_urgent and time.monotonic() < end_s:
        is_urgent = update(database)


def begin_pass(batch: Batch) -> None:
    """Begin again with the first modem, without waiting between the parts."""
    _store_cursor(batch, PassCursor(0, True))


class PassCursor(NamedTuple):
    """How far a pass through all modems has come.

    :param after: the last modem; 0: none
    :param is_urgent: the parts follow each other at once
    """

    after: int = 0
    is_urgent: bool = False


def _cursor(connection: Connection) -> PassCursor:
    c = schema.setting.c
    stored: Any = connection.execute(select(c.value).where(c.name == _CURSOR)).scalar()
    if stored is None:
        return PassCursor()
    return PassCursor(int.from_bytes(bytes(stored[:8]), "big"), len(stored) > 8)


def _set_cursor(batch: Batch, before: PassCursor, after: PassCursor) -> None:
    """Move the cursor, unless another pass was begun meanwhile."""
    if _cursor(batch.connection) == before:
        _store_cursor(batch, after)


def _store_cursor(batch: Batch, cursor: PassCursor) -> None:
    value = cursor.after.to_bytes(8, "big") + (b"!" if cursor.is_urgent else b"")
    dialect.upsert_rows(batch.connection, schema.setting, ("name",), ("value",), [(_CURSOR, value)])


def _is_too_many(found: int, of: int) -> bool:
    return found > max(_FEW, of * MAX_MATCH_RATIO)


def _next_modems(connection: Connection, after: int, most: int) -> list[int]:
    c = schema.unit.c
    query = select(c.id).where(c.kind == int(UnitKind.MODEM), c.id > after)
    return list(connection.execute(query.order_by(c.id).limit(most)).scalars())
