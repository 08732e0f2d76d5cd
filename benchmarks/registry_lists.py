"""Checks of 1,000 numbers against 100,000 entries, and re-checks of a fleet, on both engines.

A re-check follows a change of a list: entries for 4 % of the modems, as many that match none, and a
whole TAC that would be found, which the limit stops. It is compared with reading all numbers. Then
the table of TACs contradicts all modems, and an upgrade changes one rule or all of them.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from registry_engines import Engine, engine
from registry_load import Fleet, iccid, imei, load

from modemagent.registry.calls.lists import ListCalls
from modemagent.registry.calls.rechecks import RecheckCalls
from modemagent.registry.lists.entries import EntryKind, ListName, parse_value
from modemagent.registry.lists.new_entries import NewEntry
from modemagent.registry.rules.definitions import FOUND_BY, digests
from modemagent.registry.store.database import dialect, jobs
from modemagent.registry.store.database.engine import Database
from modemagent.registry.store.evaluation import effective, evaluation, recheck, recheck_runs
from modemagent.registry.store.intake.batch import Batch
from modemagent.registry.store.intake.recorder import Recorder
from modemagent.registry.store.lists import lists, registers
from modemagent.registry.store.tables import schema

_ENTRIES = 100_000
_NUMBERS = 1000
_ROUNDS = 10
_MOST_MS = 400.0
_MOST_S = 120.0  # for a re-check of 1,000,000 modems


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", choices=("sqlite", "postgresql"), help="only this engine")
    parser.add_argument("--modems", type=int, default=100_000, help="size of the fleet")
    parser.add_argument("--kept", type=Path, help="a fleet that registry.py has left here")
    parser.add_argument("--json", action="store_true", dest="as_json", help="print JSON")
    chosen = parser.parse_args()
    names = [chosen.engine] if chosen.engine else ["sqlite", "postgresql"]
    found = {}
    for name in names:
        with engine(name, None, kept=chosen.kept) as one:
            found[name] = _measure(one) | _recheck(one, chosen.modems)
    if chosen.as_json:
        print(json.dumps(found))
    else:
        print(
            "engine      entries  load s  check ms  CPU ms  server CPU ms"
            "   modems  re-check s  stopped s  confirmed s  scan s"
            "  TAC s  TAC confirmed s  one rule s  all rules s"
        )
        for name, row in found.items():
            print(
                f"{name:10}  {row['entries']:7}  {row['load_s']:6.1f}  {row['check_ms']:8.0f}"
                f"  {row['cpu_ms']:6.0f}  {row['server_cpu_ms']:13.0f}  {row['modems']:7}"
                f"  {row['recheck_s']:10.1f}  {row['stopped_s']:9.1f}  {row['confirmed_s']:11.1f}"
                f"  {row['scan_s']:6.2f}  {row['tac_s']:5.1f}  {row['tac_confirmed_s']:15.1f}"
                f"  {row['rule_s']:10.2f}  {row['rules_s']:11.1f}"
            )
    is_slow = any(
        row["check_ms"] > _MOST_MS or row["recheck_s"] * 1_000_000 / row["modems"] > _MOST_S
        for row in found.values()
    )
    return 3 if is_slow else 0


def _measure(one: Engine) -> dict[str, float]:
    """Return the times of the fastest check; the processor time of the server is a mean."""
    database = one.open()
    if not one.is_filled:
        load(database, Fleet(50), range(_NUMBERS // 100))
    started = time.perf_counter()
    count = _fill(database)
    loaded_s = time.perf_counter() - started
    calls = ListCalls(database, "benchmark")
    numbers = [imei(number) for number in range(_NUMBERS // 2)]
    numbers += [imei(5_000_000 + number) for number in range(_NUMBERS // 2)]
    calls.check(numbers)
    server_s = one.server_cpu_s()
    timed = [_timed(lambda: calls.check(numbers)) for _ in range(_ROUNDS)]
    server_ms = (one.server_cpu_s() - server_s) * 1000 / _ROUNDS
    database.close()
    return {
        "entries": count,
        "load_s": loaded_s,
        "check_ms": min(wall for wall, _ in timed),
        "cpu_ms": min(cpu for _, cpu in timed),
        "server_cpu_ms": server_ms,
    }


def _recheck(one: Engine, modems: int) -> dict[str, float]:
    """Return the times of re-checks in processor seconds of this process and the server."""
    database = one.open()
    if not one.is_filled:
        load(database, Fleet(50), range(_NUMBERS // 100, modems // 50))
    recorder = Recorder(database)
    recorder.run(jobs.create)
    while recorder.run(evaluation.evaluate_waiting):
        pass
    values = [parse_value(EntryKind.IMEI, imei(number * 25)) for number in range(modems // 25)]
    values += [
        parse_value(EntryKind.IMEI, imei(number))
        for number in range(8_000_000, 8_000_000 + modems // 25)
    ]
    calls = ListCalls(database, "benchmark")

    def put(batch: Any) -> None:
        name = ListName.PROHIBITED
        registers.lock(batch, name)
        entries = [NewEntry(value) for value in values]
        lists.put(batch, name, lists.plan(batch.connection, name, entries), "benchmark")
        recheck_runs.request(batch, "benchmark")

    recorder.run(put)
    recheck_s = _spent(one, "recheck", lambda: _finish(recorder))
    calls.put_entry("prohibited", {"kind": "tac", "value": imei(0)[:8]})
    stopped_s = _spent(one, "stopped", lambda: _finish(recorder))
    (run, *_) = RecheckCalls(database, "benchmark").runs(1, None)["runs"]
    assert run["state"] == "stopped", run
    calls_of = RecheckCalls(database, "benchmark")
    calls_of.confirm(run["id"])
    confirmed_s = _spent(one, "confirmed", lambda: _finish(recorder))
    scan_s = _spent(one, "scan", lambda: _scan(database))
    table = f"tac,manufacturer,model\n{imei(0)[:8]},Telit,LE910\n".encode()
    calls.import_file(table, dry_run=False, target="tacs", force=True)
    tac_s = _spent(one, "TAC", lambda: _finish(recorder))
    (run, *_) = calls_of.runs(1, None)["runs"]
    assert run["state"] == "stopped", run
    calls_of.confirm(run["id"])
    tac_confirmed_s = _spent(one, "TAC confirmed", lambda: _finish(recorder))
    rule_s, rules_s = (
        _spent(one, f"upgrade of {len(some)} rules", partial(_upgrade, recorder, some))
        for some in (["churn"], list(FOUND_BY))
    )
    database.close()
    return {
        "modems": modems, "recheck_s": recheck_s, "stopped_s": stopped_s,
        "confirmed_s": confirmed_s, "scan_s": scan_s, "tac_s": tac_s,
        "tac_confirmed_s": tac_confirmed_s, "rule_s": rule_s, "rules_s": rules_s,
    }  # fmt: skip


def _finish(recorder: Recorder) -> None:
    while recorder.run(recheck.step):
        pass


def _upgrade(recorder: Recorder, rules: Sequence[str]) -> None:
    """Re-check the fleet as if these rules had been others."""
    known = msgspec.msgpack.encode({**digests(), **dict.fromkeys(rules, b"")})

    def change(batch: Batch) -> None:
        rows = [("rule_digests", known)]
        dialect.upsert_rows(batch.connection, schema.setting, ("name",), ("value",), rows)
        effective.check_rules(batch)

    recorder.run(change)
    _finish(recorder)


def _scan(database: Database) -> None:
    with database.reading() as connection:
        connection.exec_driver_sql("SELECT id, key, number FROM unit WHERE kind = 1").all()


def _spent(one: Engine, name: str, work: Callable[[], object]) -> float:
    server_s, own_s, started = one.server_cpu_s(), time.process_time(), time.monotonic()
    work()
    spent_s = time.process_time() - own_s + one.server_cpu_s() - server_s
    wall_s = time.monotonic() - started
    print(f"{one.name}, {name}: {spent_s:.1f} s, in {wall_s:.0f} s of time", file=sys.stderr)
    return spent_s


def _fill(database: Database) -> int:
    """Put entries on the lists, of which some cover known numbers; return how many."""
    quarter = _ENTRIES // 4
    values = [parse_value(EntryKind.IMEI, imei(number * 2)) for number in range(2 * quarter)]
    values += [parse_value(EntryKind.ICCID, iccid(number)) for number in range(quarter)]
    values += [
        parse_value(EntryKind.RANGE, imei(number * 3)[:14], imei(number * 3 + 1)[:14])
        for number in range(quarter)
    ]
    values += [parse_value(EntryKind.TAC, "86769804")]
    entries = [NewEntry(value, reason="benchmark") for value in values]

    def put(batch: Any) -> None:
        name = ListName.TRACKED
        registers.lock(batch, name)
        lists.put(batch, name, lists.plan(batch.connection, name, entries), "benchmark")

    Recorder(database).run(put)
    return len(entries)


def _timed(work: Callable[[], object]) -> tuple[float, float]:
    """Return wall time and processor time of a call in milliseconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return (time.perf_counter() - wall) * 1000, (time.process_time() - cpu) * 1000


if __name__ == "__main__":
    sys.exit(main())
