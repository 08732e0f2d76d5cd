"""Time of a check of 1,000 numbers against 100,000 entries of the lists, on both engines."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from typing import Any

from registry_engines import Engine, engine
from registry_load import Fleet, iccid, imei, load

from modemagent.registry.list_calls import ListCalls
from modemagent.registry.lists.entries import EntryKind, ListName, parse_value
from modemagent.registry.lists.new_entries import NewEntry
from modemagent.registry.store import lists
from modemagent.registry.store.engine import Database
from modemagent.registry.store.recorder import Recorder

_ENTRIES = 100_000
_NUMBERS = 1000
_ROUNDS = 10
_MOST_MS = 400.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", choices=("sqlite", "postgresql"), help="only this engine")
    parser.add_argument("--json", action="store_true", dest="as_json", help="print JSON")
    chosen = parser.parse_args()
    names = [chosen.engine] if chosen.engine else ["sqlite", "postgresql"]
    found = {}
    for name in names:
        with engine(name, None) as one:
            found[name] = _measure(one)
    if chosen.as_json:
        print(json.dumps(found))
    else:
        print("engine      entries  load s  check ms  CPU ms  server CPU ms")
        for name, row in found.items():
            print(
                f"{name:10}  {row['entries']:7}  {row['load_s']:6.1f}  {row['check_ms']:8.0f}"
                f"  {row['cpu_ms']:6.0f}  {row['server_cpu_ms']:13.0f}"
            )
    return 3 if any(row["check_ms"] > _MOST_MS for row in found.values()) else 0


def _measure(one: Engine) -> dict[str, float]:
    """Return the times of the fastest check; the processor time of the server is a mean."""
    database = one.open()
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
        lists.lock(batch, name)
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
