"""SIMs by the APIs of operators, compared with what modems report.

A run replaces what the run before has stored, and evaluates the SIMs of both; a run that failed
changes nothing but its own state.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from sqlalchemy import Connection, select

from modemagent.identity.imei import Imei
from modemagent.registry.connectors.connector import OperatorSim
from modemagent.registry.lists.entries import candidates
from modemagent.registry.rules.contradicts import ReportedPair, SeenByOperator, contradicts
from modemagent.registry.rules.inputs import ReportMoment, RuleFinding
from modemagent.registry.store.database import dialect
from modemagent.registry.store.database.engine import Database, now_ms
from modemagent.registry.store.findings.finding_log import FindingLog, Subject
from modemagent.registry.store.fleet.documents import Document, to_rfc3339
from modemagent.registry.store.fleet.view import View
from modemagent.registry.store.history.units import UnitKind
from modemagent.registry.store.intake.batch import Batch
from modemagent.registry.store.intake.recorder import Recorder
from modemagent.registry.store.privacy import acts
from modemagent.registry.store.tables import finding_tables, schema
from modemagent.registry.store.tables.outside_tables import operator_run, operator_sim

RULES = frozenset({"operator.contradicts"})
_AT_ONCE = 500
_KEY = ("connector", "sim")
_VALUES = ("imei", "fetched_ms", "locked")
_RUN = ("connector", "kind", "state", "started_ms", "finished_ms", "sims", "known",
        "contradictions", "problem")  # fmt: skip
_PAIRS = (
    "SELECT s.unit, m.key, s.opened_stream, s.opened_sequence, s.from_lo, s.from_hi,"
    " p.last_stream, p.last_sequence, p.last_received_ms FROM stay s JOIN unit m ON m.id = s.holder"
    " JOIN place p ON p.unit = s.holder"
    " WHERE s.unit IN {keys} AND s.recorded_to IS NULL AND s.cause IS NULL"
)

#: Modem by 14 digits, and whether the SIM is locked to it, by unit of the SIM.
Seen = dict[int, tuple[str, bool]]


def known_sims(connection: Connection, sims: Iterable[OperatorSim]) -> Seen:
    """Return the SIMs that modems have reported and that the operator has seen in a modem."""
    keys: dict[str, OperatorSim] = {}
    for one in sims:
        if one.imei is not None:
            for _, text in candidates(one.iccid):
                keys[text] = one
    wanted = [(int(UnitKind.SIM), text) for text in keys]
    rows: list[Any] = dialect.select_rows(
        connection, schema.unit, ("kind", "key"), ("id", "key"), wanted
    )
    return {unit: (keys[key].imei or "", keys[key].is_locked) for unit, key in rows}


def findings_about(
    connection: Connection, seen: Mapping[int, Sequence[SeenByOperator]]
) -> dict[int, list[RuleFinding]]:
    """Return what follows from what operators have seen, by SIM."""
    pairs: dict[int, list[ReportedPair]] = defaultdict(list)
    for row in dialect.query_keys(connection, _PAIRS, seen):
        pair = ReportedPair(row[1], ReportMoment(*row[2:6]), (row[6], row[7]), row[8])
        pairs[row[0]].append(pair)
    return {sim: [*contradicts(some, pairs[sim])] for sim, some in seen.items()}


def store_run(
    database: Database, connector: str, kind: str, sims: Sequence[OperatorSim], started_ms: int
) -> Document:
    """Store what an operator states, and write the findings; return the run."""
    recorder = Recorder(database)
    with database.reading() as connection:
        found = known_sims(connection, sims)
        c = operator_sim.c
        query = select(c.sim).where(c.connector == connector)
        before = set(connection.execute(query).scalars())
    units = sorted({*found, *before})
    contradictions = 0
    for at in range(0, len(units), _AT_ONCE):
        part = units[at : at + _AT_ONCE]
        contradictions += recorder.run(partial(_store, connector=connector, units=part, seen=found))
    row = (connector, kind, "done", started_ms, now_ms(), len(sims), len(found), contradictions,
           None)  # fmt: skip
    recorder.run(partial(_put_run, row=row))
    return _document(row)


def _store(batch: Batch, connector: str, units: Sequence[int], seen: Seen) -> int:
    """Replace the rows of some SIMs, and return how many findings of the connector there are."""
    connection = batch.connection
    keys = [(unit,) for unit in units]
    dialect.select_rows(connection, schema.unit, ("id",), ("id",), keys, lock=True)
    gone = [(connector, unit) for unit in units if unit not in seen]
    rows = [
        (connector, unit, seen[unit][0], batch.now_ms, int(seen[unit][1]))
        for unit in units if unit in seen
    ]  # fmt: skip
    dialect.delete_rows(connection, operator_sim, _KEY, gone)
    dialect.upsert_rows(connection, operator_sim, _KEY, _VALUES, rows)
    stored: dict[int, list[SeenByOperator]] = {unit: [] for unit in units}
    columns = ("sim", "connector", "imei", "fetched_ms")
    for sim, *values in dialect.select_rows(connection, operator_sim, ("sim",), columns, keys):
        stored[sim].append(SeenByOperator(*values))
    log = FindingLog(batch, RULES)
    log.load("unit", units)
    found = findings_about(connection, stored)
    for unit, findings in found.items():
        log.set(Subject("unit", unit=unit), findings)
    log.write()
    part = f"connector:{connector}"
    return sum(one.part == part for some in found.values() for one in some)


def try_run(database: Database, connector: str, sims: Sequence[OperatorSim]) -> list[Document]:
    """Return the contradictions that a run would find, without storing anything."""
    at_ms = now_ms()
    with database.reading() as connection:
        seen = known_sims(connection, sims)
        found = findings_about(
            connection,
            {sim: [SeenByOperator(connector, imei, at_ms)] for sim, (imei, _) in seen.items()},
        )
        units = View(connection).units(seen)
        return [
            contradiction(units[sim].number, *seen[sim], one.grade, _modems(connection, sim), at_ms)
            | {"ref": units[sim].ref}
            for sim, some in sorted(found.items())
            for one in some
        ]


def store_failure(
    database: Database, connector: str, kind: str, problem: str, started_ms: int
) -> Document:
    """Store that a run has failed; what the run before has stored stays."""
    with database.reading() as connection:
        rows = dialect.select_rows(connection, operator_run, ("connector",), _RUN, [(connector,)])
    counts = rows[0][5:8] if rows else (0, 0, 0)
    row = (connector, kind, "failed", started_ms, now_ms(), *counts, problem)
    Recorder(database).run(partial(_put_run, row=row))
    return _document(row)


def _put_run(batch: Batch, row: tuple[Any, ...]) -> None:
    dialect.upsert_rows(batch.connection, operator_run, ("connector",), _RUN[1:], [row])
    acts.note(batch.connection, "connector.run", f"connector:{row[0]}", state=row[2])


def run_documents(connection: Connection) -> Document:
    """Return the last run of each connector."""
    c = operator_run.c
    query = select(*(c[name] for name in _RUN)).order_by(c.connector)
    return {"connectors": [_document(tuple(row)) for row in connection.execute(query)]}


def _document(row: tuple[Any, ...]) -> Document:
    found = dict(zip(_RUN, row, strict=True))
    times = {f"{name}_at": to_rfc3339(found.pop(f"{name}_ms")) for name in ("started", "finished")}
    return {**found, **times}


def contradiction_page(
    connection: Connection, connector: str, *, limit: int, after: int = 0
) -> Document:
    """Return a page of the SIMs that the operator has seen in another modem."""
    c, f = operator_sim.c, finding_tables.finding.c
    query = (
        select(c.sim, c.imei, c.fetched_ms, c.locked, f.grade, f.finding_id)
        .join_from(operator_sim, finding_tables.finding, f.unit == c.sim)
        .where(
            c.connector == connector, c.sim > after, f.recorded_to.is_(None),
            f.type == "operator.contradicts", f.part == f"connector:{connector}",
        )
        .order_by(c.sim)
        .limit(limit + 1)
    )  # fmt: skip
    rows = connection.execute(query).all()
    units = View(connection).units(row.sim for row in rows)
    return {
        "contradictions": [
            contradiction(
                units[row.sim].number, row.imei, bool(row.locked), row.grade, pairs, row.fetched_ms
            )
            | {"ref": units[row.sim].ref}
            for row in rows[:limit]
            for pairs in [_modems(connection, row.sim)]
        ],
        "next": str(rows[limit - 1].sim) if len(rows) > limit else None,
    }


def _modems(connection: Connection, sim: int) -> list[str]:
    return sorted({row[1] for row in dialect.query_keys(connection, _PAIRS, [sim])})


def contradiction(
    iccid: str, seen: str, is_locked: bool, grade: str | None, modems: Sequence[str], at_ms: int
) -> Document:
    """Return a SIM with the modem that the operator states, and the one that reports it."""
    return {
        "iccid": iccid,
        "operator_imei": str(Imei.from_digits(seen)),
        "imei": str(Imei.from_digits(modems[0])) if modems else None,
        "imei_lock": is_locked,
        "grade": grade,
        "fetched_at": to_rfc3339(at_ms),
    }
