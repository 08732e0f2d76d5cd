"""The bench: 16 modules at once, an order of 10,000 rows, a journal with as many verdicts.

The exit status is 3 if a limit is not met.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from limits import Limit, judged

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
from modemagent.settings import Settings
from modemagent.simulator.server import RunningModem
from modemagent.watching.events import EventBus, ModemEvent
from modemagent.watching.port_state import PortState
from modemagent.watching.supervisor import events_only
from tests.provisioning.line import Line, reading
from tests.simulated import simulated_fleet

_BAYS = 16
_TRANSCRIPT = "quectel-eg25-g"
_ORDER = f"model,quantity,sim,label\nEG25-G,{_BAYS},required,print\n"


def at_once() -> dict[str, Any]:
    """Return the time until the last of 16 modules has passed, with labels and reports.

    It is compared with the identification of such modules alone, all at once, which ends with the
    slowest: by the supervisor, which opens and watches them as the bench does, and without it.
    """
    with _fleet() as fleet:
        supervised_s = _identified_by_supervisor([modem.path for modem in fleet])
    with _fleet() as fleet:
        begin = time.perf_counter()
        run_plans({modem.path: identify(modem.path) for modem in fleet}, timeout_s=60)
        identified_s = time.perf_counter() - begin
    with _fleet() as fleet, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        settings = BenchSettings(
            bays={f"{at:02}": modem.path for at, modem in enumerate(fleet, 1)},
            printer=f"file:{folder / 'labels'}",
            registry="queue",
        )
        order = parse_order(_ORDER.encode(), "4711", ColumnMap())
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
    last_s = max(times)
    return {"passed": len(times), "last_pass_s": round(last_s, 3), "cpu_s": round(cpu, 2),
            "supervised_s": round(supervised_s, 3), "plans_s": round(identified_s, 3),
            "times_supervised": round(last_s / supervised_s, 1),
            "times_plans": round(last_s / identified_s, 1)}  # fmt: skip


def _fleet() -> AbstractContextManager[list[RunningModem]]:
    return simulated_fleet([_TRANSCRIPT], count=_BAYS, faults=["latency-ms=5"])


def _identified_by_supervisor(ports: list[str]) -> float:
    """Return the time until the supervisor has identified the last module."""
    events, left = EventBus(), set(ports)
    settings = Settings(port=tuple(ports), discovery=False, via="port", refresh_interval=0.0,
                        heartbeat_interval=0.0, network=False)  # fmt: skip

    async def run() -> float:
        done = asyncio.Event()

        def listen(event: ModemEvent) -> None:
            if event.name == "port.state" and event.data["state"] == PortState.WATCHING:
                left.discard(str(event.port))
                if not left:
                    done.set()

        events.subscribe(listen)
        begin = time.perf_counter()
        watching = asyncio.create_task(events_only(settings, events).run())
        await done.wait()
        elapsed_s = time.perf_counter() - begin
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        return elapsed_s

    return asyncio.run(run())


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
    many = large(given.rows)
    print(json.dumps({"at_once": once, "large": many}, indent=1))
    ratio = "until the last PASS / identification by the supervisor"
    return judged(
        [
            Limit(ratio, once["times_supervised"], 3, "times"),
            Limit(f"order of {given.rows} rows", many["order_s"], 1, "s"),
            Limit(f"resume of {given.rows} verdicts", many["resume_s"], 1, "s"),
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
