"""The bench: 16 modules at once, an order of 10,000 rows, a journal with as many verdicts."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
from modemagent.channel.runner import run_plans
from modemagent.logs import NullLog
from modemagent.modem.identify import identify
from modemagent.provisioning.bench_file import BenchSettings
from modemagent.provisioning.columns import ColumnMap
from modemagent.provisioning.journal import Journal
from modemagent.provisioning.ledger import replayed
from modemagent.provisioning.order import parse_order
from modemagent.provisioning.session import SessionOptions, opened_station, run_session
from modemagent.provisioning.simulation.planted import unit_with
from tests.provisioning.line import Line, reading
from tests.simulated import simulated_fleet

_BAYS = 16
_TRANSCRIPT = "quectel-eg25-g"
_ORDER = f"model,quantity,sim,label\nEG25-G,{_BAYS},required,print\n"


def at_once() -> dict[str, Any]:
    """Return the time until the last of 16 modules has passed, with labels and reports.

    It is compared with the identification of the same modules alone, which ends with the slowest.
    """
    fleet_of_16 = simulated_fleet([_TRANSCRIPT], count=_BAYS, faults=["latency-ms=5"])
    with fleet_of_16 as fleet, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        settings = BenchSettings(
            bays={f"{at:02}": modem.path for at, modem in enumerate(fleet, 1)},
            printer=f"file:{folder / 'labels'}",
            registry="queue",
        )
        order = parse_order(_ORDER.encode(), "4711", ColumnMap())
        begin = time.perf_counter()
        run_plans({modem.path: identify(modem.path) for modem in fleet}, timeout_s=60)
        identified_s = time.perf_counter() - begin
        times: list[float] = []
        with opened_station(order, settings, folder, NullLog()) as (printer, reports):
            begin, cpu = time.perf_counter(), time.process_time()

            def listen(event: str, _: str, __: dict[str, Any]) -> None:
                if event == "attempt.ended":
                    times.append(time.perf_counter() - begin)

            run_session(order, settings, folder, listener=listen, log=NullLog(),
                            options=SessionOptions(once=True), printer=printer,
                            reports=reports)  # fmt: skip
        cpu = time.process_time() - cpu
    return {"passed": len(times), "identified_s": round(identified_s, 2),
            "last_pass_s": round(max(times), 2), "cpu_s": round(cpu, 2),
            "times_identification": round(max(times) / identified_s, 1)}  # fmt: skip


def large(count: int) -> dict[str, Any]:
    """Return the times to read an order, and to resume a journal with as many verdicts."""
    units = [unit_with(number) for number in range(1, count + 1)]
    rows = "".join(f"{one.imei},{one.iccid},EG25-G\n" for one in units)
    begin = time.perf_counter()
    order = parse_order(f"imei,iccid,model\n{rows}".encode(), "4711", ColumnMap())
    order_s = time.perf_counter() - begin
    line = Line(order)
    for at, unit in enumerate(units):
        bay = f"{at % 4 + 1:02}"
        line.plug(bay, reading(unit))
        line.pull(bay)
        line.now += 1
    with tempfile.TemporaryDirectory() as name:
        journal = Journal(Path(name))
        for record in line.records:
            head = ("kind", "at", "mono_ms")
            fields = {key: value for key, value in record.items() if key not in head}
            journal.append(record["kind"], fields, record["at"], record["mono_ms"])
        journal.commit(is_synced=True)
        journal.close()
        begin, cpu = time.perf_counter(), time.process_time()
        again = Journal(Path(name))
        ledger = replayed(again.records)
        resume_s, cpu = time.perf_counter() - begin, time.process_time() - cpu
        again.close()
    assert len(ledger.units) == count
    return {"rows": count, "order_s": round(order_s, 2), "resume_s": round(resume_s, 2),
            "resume_cpu_s": round(cpu, 2)}  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000)
    given = parser.parse_args()
    once = min((at_once() for _ in range(3)), key=lambda one: float(one["last_pass_s"]))
    print(json.dumps({"at_once": once, "large": large(given.rows)}, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
