"""Evaluation of the rules about regulations, for all modems that were in one of their countries.

The modems are evaluated in turn, some at a time, since a day passes without a report too. A modem
whose days have not changed costs a few look-ups in an index and no write.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Collection, Iterable, Sequence
from functools import partial
from itertools import product
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, select

from modemagent.registry.regulations.counting import count_days, date_of
from modemagent.registry.regulations.regulation import Regulation
from modemagent.registry.rules.catalogue import OF_DEADLINES
from modemagent.registry.rules.deadlines import deadline as deadline_rule
from modemagent.registry.rules.inputs import ReportMoment, RuleFinding
from modemagent.registry.store.database import dialect
from modemagent.registry.store.database.engine import Database
from modemagent.registry.store.database.jobs import TimerKind
from modemagent.registry.store.evaluation import recheck_runs
from modemagent.registry.store.evaluation.affected import Target
from modemagent.registry.store.evaluation.held_units import held_rules
from modemagent.registry.store.evaluation.recheck_runs import RunState
from modemagent.registry.store.findings.finding_log import REGISTRY, FindingLog, Subject
from modemagent.registry.store.intake.batch import Batch
from modemagent.registry.store.intake.key_pages import DAY_MS
from modemagent.registry.store.intake.recorder import Recorder
from modemagent.registry.store.regulations.regulations import in_force
from modemagent.registry.store.regulations.use_days import YEARS, CountryUse
from modemagent.registry.store.tables import operation_tables, schema
from modemagent.registry.store.tables.deadline_tables import NEVER, deadline, registration
from modemagent.registry.store.tables.recheck_tables import recheck_run

#: Of re-checks about regulations.
SCOPE = "deadlines"
_UNITS_AT_ONCE = 500
_PASS_S = 0.5  # that a pass takes in each turn
_CURSOR, _DIGEST = "deadline_cursor", "deadline_rules"
_COLUMNS = (
    "id", "unit", "regulation", "country", "days", "limit_days", "ratio", "first_day", "last_day",
    "due_day", "gateway", "stream", "sequence",
)  # fmt: skip
_KEYS = "SELECT id, key FROM unit WHERE id IN {keys}"
_MOST_REPORTS = 20  # evidence of a finding


class DeadlineRow(NamedTuple):
    """A deadline as it is stored, without its id."""

    unit: int
    regulation: str
    country: str
    days: int
    limit_days: int
    ratio: int
    first_day: int
    last_day: int
    due_day: int
    gateway: int
    stream: int
    sequence: int


class ModemDeadlines(NamedTuple):
    """Deadlines of a modem, and the findings that follow from them."""

    rows: list[DeadlineRow]
    findings: list[RuleFinding]


def judge(
    connection: Connection, modems: Iterable[int], rules: Collection[Regulation], today: int
) -> dict[int, ModemDeadlines]:
    """Return the deadlines of modems by some rules; all modems are in the result."""
    wanted = sorted(set(modems))
    mccs = {mcc for rule in rules for mcc in rule.mccs}
    use = CountryUse(connection, wanted, mccs, date_of(today).year)
    registered = _registered(connection, wanted)
    found: dict[int, ModemDeadlines] = {}
    for modem in wanted:
        rows: list[DeadlineRow] = []
        findings: list[RuleFinding] = []
        for rule in rules:
            if rule.registered and (modem, rule.country) in registered:
                continue
            some = use.of_rule(modem, rule)
            days = [day for one in some for day in one.days]
            count = count_days(rule, days, today, is_present=use.is_present(modem, rule))
            if count is None or not count.is_noted(today):
                continue
            last = max(some, key=lambda one: max(one.days, default=0))
            reports = use.first_reports(modem, {one.gateway for one in some})[-_MOST_REPORTS:]
            first = reports[0] if reports else ReportMoment(0, 0, 0, 0)
            due = NEVER if count.due_day is None else count.due_day
            rows.append(
                DeadlineRow(
                    modem, rule.id, rule.country, count.days, count.limit_days, count.ratio,
                    count.first_day, count.last_day, due, last.gateway, *first.report,
                )
            )  # fmt: skip
            if reports:
                findings += deadline_rule(rule, count, reports)
        found[modem] = ModemDeadlines(rows, findings)
    return found


def _registered(connection: Connection, modems: Collection[int]) -> set[tuple[int, str]]:
    """Return the modems that are registered with the authority of a country."""
    keys: dict[str, int] = {
        key: unit for unit, key in dialect.query_keys(connection, _KEYS, modems)
    }
    rows: list[Any] = dialect.select_rows(
        connection, registration, ("imei",), ("imei", "country"), [(key,) for key in keys]
    )
    return {(keys[imei], country) for imei, country in rows}


def evaluate(batch: Batch, modems: Iterable[int]) -> None:
    """Write the deadlines and findings of modems that differ from the stored ones."""
    keys = [(unit,) for unit in sorted(set(modems))]
    dialect.select_rows(batch.connection, schema.unit, ("id",), ("id",), keys, lock=True)
    rules = in_force(batch.connection)
    units = [unit for (unit,) in keys]
    found = judge(batch.connection, units, rules, batch.now_ms // DAY_MS)
    stored = _stored(batch.connection, units)
    log = FindingLog(batch, OF_DEADLINES, held_rules(batch.connection, units))
    changed = _changed(units, stored, found)
    log.load("unit", changed)
    gone, new = [], []
    for unit in changed:
        kept = {DeadlineRow(*row[1:]): row[0] for row in stored.get(unit, ())}
        gone += [(key,) for row, key in kept.items() if row not in found[unit].rows]
        new += [(batch.key(), *row) for row in found[unit].rows if row not in kept]
        log.set(Subject("unit", unit=unit), found[unit].findings)
    dialect.delete_rows(batch.connection, deadline, ("id",), gone)
    dialect.insert_rows(batch.connection, deadline, _COLUMNS, new)
    log.write()


def judge_again(batch: Batch, units: Sequence[int], run: int) -> FindingLog:
    """Return the findings about modems for a re-check, not yet written."""
    connection = batch.connection
    log = FindingLog(batch, OF_DEADLINES, held_rules(connection, units, run))
    log.load("unit", units)
    found = judge(connection, units, in_force(connection), batch.now_ms // DAY_MS)
    for unit in units:
        log.set(Subject("unit", unit=unit), found[unit].findings)
    return log


def _changed(
    units: Sequence[int],
    stored: dict[int, list[tuple[Any, ...]]],
    found: dict[int, ModemDeadlines],
) -> list[int]:
    return [
        unit for unit in units if {row[1:] for row in stored.get(unit, ())} != set(found[unit].rows)
    ]


def _stored(connection: Connection, units: Sequence[int]) -> dict[int, list[tuple[Any, ...]]]:
    found: dict[int, list[tuple[Any, ...]]] = {}
    keys = [(unit,) for unit in units]
    for row in dialect.select_rows(connection, deadline, ("unit",), _COLUMNS, keys):
        found.setdefault(row[1], []).append(tuple(row))
    return found


# -- all modems in turn -----------------------------------------------------------------------


def update(database: Database, seconds: float = _PASS_S) -> None:
    """Evaluate the rules for the next modems, for as many as the time allows.

    An upgrade that brings other rules is followed by a re-check, as a change by people is.
    """
    with database.reading() as connection:
        is_other = stored_digest(connection) != digest_of(in_force(connection))
    if is_other:
        Recorder(database).run(_recheck_upgrade)
    end_s = time.monotonic() + seconds
    while update_part(database) and time.monotonic() < end_s:
        pass


def update_part(database: Database, most: int = _UNITS_AT_ONCE) -> bool:
    """Evaluate the rules for the modems after those of the last call; True: some are left."""
    recorder = Recorder(database)
    with database.reading() as connection:
        if _is_recheck_beginning(connection):
            return False  # until it has its units, whose findings wait for it
        before = _cursor(connection)
        rules = in_force(connection)
        today = database.new_batch(connection).now_ms // DAY_MS
        units = next_modems(connection, rules, before, most, date_of(today).year)
        found = judge(connection, units, rules, today)
        stored = _stored(connection, units)
    changed = _changed(units, stored, found)
    if changed:
        recorder.run(partial(evaluate, modems=changed))
    is_left = len(units) == most
    after = units[-1] if is_left else 0
    if after != before:
        recorder.run(partial(_set_cursor, after=after))
    return is_left


def next_modems(
    connection: Connection, rules: Collection[Regulation], after: int, most: int, year: int
) -> list[int]:
    """Return the next modems that were in a country of a rule lately, or have a deadline.

    :param year: the present one
    """
    c, d = schema.presence.c, deadline.c
    found: set[int] = set()
    mccs = {mcc for rule in rules for mcc in rule.mccs}
    for mcc, one in product(sorted(mccs), range(year - YEARS + 1, year + 2)):
        query = select(c.modem).distinct().where(c.mcc == mcc, c.year == one, c.modem > after)
        found.update(connection.execute(query.order_by(c.modem).limit(most)).scalars())
    old = select(d.unit).distinct().where(d.unit > after).order_by(d.unit).limit(most)
    found.update(connection.execute(old).scalars())
    return sorted(found)[:most]


def request(batch: Batch, subject: str, changed: Collection[Regulation], actor: str) -> int:
    """Add the re-check for rules that a transaction has changed; return the run.

    :param subject: name of what was changed
    :param changed: the rules as they were and as they are
    """
    _store_digest(batch)
    mccs = sorted({mcc for rule in changed for mcc in rule.mccs})
    return recheck_runs.create(
        batch, SCOPE, subject, actor, [Target("mcc", mcc, "") for mcc in mccs]
    )


def _recheck_upgrade(batch: Batch) -> None:
    rules = in_force(batch.connection)
    stored = stored_digest(batch.connection)
    if stored is None:  # the first start
        _store_digest(batch)
    elif stored != digest_of(rules):
        request(batch, "regulations", rules, REGISTRY)


def _store_digest(batch: Batch) -> None:
    row = (_DIGEST, digest_of(in_force(batch.connection)))
    dialect.upsert_rows(batch.connection, schema.setting, ("name",), ("value",), [row])


def stored_digest(connection: Connection) -> bytes | None:
    """Return the digest of the rules that were evaluated last; None: none were."""
    c = schema.setting.c
    found: Any = connection.execute(select(c.value).where(c.name == _DIGEST)).scalar()
    return None if found is None else bytes(found)


def digest_of(rules: Iterable[Regulation]) -> bytes:
    """Return a digest of rules in any order."""
    ordered = sorted(rules, key=lambda one: one.id)
    return hashlib.sha256(msgspec.json.encode(ordered)).digest()


def _is_recheck_beginning(connection: Connection) -> bool:
    c = recheck_run.c
    query = select(c.id).where(c.state == RunState.FINDING, c.scope == SCOPE)
    return connection.execute(query.limit(1)).first() is not None


def begin_pass(batch: Batch) -> None:
    """Begin again with the first modem: the rules have changed."""
    _set_cursor(batch, 0)
    key = int(TimerKind.DEADLINES)
    dialect.update_rows(batch.connection, operation_tables.job, ("id",), ("due_ms",), [(0, key)])


def _cursor(connection: Connection) -> int:
    c = schema.setting.c
    stored: Any = connection.execute(select(c.value).where(c.name == _CURSOR)).scalar()
    return 0 if stored is None else int.from_bytes(bytes(stored), "big")


def _set_cursor(batch: Batch, after: int) -> None:
    row = (_CURSOR, after.to_bytes(8, "big"))
    dialect.upsert_rows(batch.connection, schema.setting, ("name",), ("value",), [row])
