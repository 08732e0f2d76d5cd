"""The bench: 16 modules at once, kills and power cuts, an order of 10,000 rows, a resumed journal.

After a power cut, what the journal had not synced is missing, cut off anywhere, or zeros. The exit
status is 3 if a unit was lost, passed twice, was shown without a record, had a second label without
the mark of a copy, or if a crash left two labels in doubt.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
from modemagent.channel.runner import run_plans
from modemagent.cli.main import run
from modemagent.logs import NullLog
from modemagent.modem.identify import identify
from modemagent.provisioning.bench_file import BenchSettings
from modemagent.provisioning.columns import ColumnMap
from modemagent.provisioning.journal import Journal, order_folder, read_journal
from modemagent.provisioning.ledger import Ledger, replayed
from modemagent.provisioning.order import parse_order
from modemagent.provisioning.session import SessionOptions, opened_station, run_session
from modemagent.provisioning.simulation.planted import unit_with
from tests.provisioning.line import Line, reading
from tests.simulated import simulated_fleet

_BAYS = 16
#: Events of a session with 16 modules.
_EVENTS = 280
#: Time without an event after which a session is killed.
_IDLE_S = 4.0
#: Time after which a session that does not end is stuck.
_STUCK_S = 60.0
#: Argument with which a bench records what was synced, the file with it, and the share of power
#: cuts after which the file has its size, but zeros in place of what was lost.
_RECORDING, _MARK, _ZEROS = "--recording", "journal.synced", 0.3
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


def kills(wanted: int, seed: int, *, is_power_cut: bool = False) -> dict[str, Any]:
    """Kill the bench at random moments until it has been killed often enough.

    :param is_power_cut: drop what was not synced
    """
    random_ = random.Random(seed)
    done = orders = doubts = dropped = 0
    wrong: list[str] = []
    begin = time.monotonic()
    with simulated_fleet([_TRANSCRIPT], count=_BAYS, faults=["latency-ms=5"]) as fleet:
        while done < wanted:
            orders += 1
            with tempfile.TemporaryDirectory() as name:
                folder = Path(name)
                call = _call(folder, [modem.path for modem in fleet], is_power_cut=is_power_cut)
                journal = order_folder(folder, "4711") / "journal.jsonl"
                shown: set[int] = set()
                in_doubt: set[str] = set()
                for _ in range(5):
                    shown |= _killed(call, random_.randrange(1, _EVENTS))
                    done += 1
                    if is_power_cut and journal.exists():
                        dropped += _drop_unsynced(journal, random_)
                    ledger = replayed(read_journal(journal)[0]) if journal.exists() else Ledger()
                    before, in_doubt = in_doubt, _in_doubt(ledger)
                    doubts += len(in_doubt - before)
                    if len(in_doubt - before) > 1:
                        wrong.append("two labels are in doubt after one crash")
                    passed = {run.number for run in ledger.runs.values() if run.verdict == "pass"}
                    if not shown <= passed:
                        wrong.append("a verdict was shown without its record")
                    if len(ledger.claims.get(_row(ledger), ())) == _BAYS == len(passed):
                        break
                    if done >= wanted:
                        break
                _finish(call)
                wrong += _judged(folder, journal)
    found = {"kills": done, "orders": orders, "labels_in_doubt": doubts, "wrong": wrong,
             "s": round(time.monotonic() - begin)}  # fmt: skip
    return {**found, "dropped_bytes": dropped} if is_power_cut else found


def _in_doubt(ledger: Ledger) -> set[str]:
    """Return the units whose last label was begun and not confirmed."""
    last = {run.unit: run for run in ledger.runs.values() if run.copies}
    return {unit for unit, run in last.items() if not run.is_label_sent}


def _drop_unsynced(journal: Path, random_: random.Random) -> int:
    """Do to a journal what a power cut may do; return the number of bytes that are lost."""
    data = journal.read_bytes()
    mark = journal.with_name(_MARK)
    synced = int(mark.read_bytes()) if mark.exists() else 0
    kept = random_.randint(min(synced, len(data)), len(data))
    rest = b"\0" * (len(data) - kept) if random_.random() < _ZEROS else b""
    journal.write_bytes(data[:kept] + rest)
    return len(data) - kept


def _record_syncs() -> None:
    """Keep the size of each journal that is on the disk for certain beside it."""
    real = Journal._sync

    def _sync(self: Journal) -> None:
        size = self._written[0]
        real(self)
        mark = self.path.with_name(_MARK)
        beside = mark.with_suffix(".new")
        beside.write_bytes(b"%20d" % size)
        beside.replace(mark)  # a kill between the two leaves the mark of the sync before

    Journal._sync = _sync  # type: ignore[method-assign]


def _row(ledger: Ledger) -> str:
    return next(iter(ledger.claims), "")


def _call(folder: Path, paths: list[str], *, is_power_cut: bool) -> list[str]:
    order = folder / "4711.csv"
    order.write_text(_ORDER)
    bench = folder / "bench.toml"
    bays = "".join(f'"{at:02}" = "{path}"\n' for at, path in enumerate(paths, 1))
    labels = folder / "labels"
    bench.write_text(f'printer = "file:{labels}"\nregistry = "queue"\n[bays]\n{bays}')
    program = [__file__, _RECORDING] if is_power_cut else ["-m", "modemagent"]
    return [sys.executable, *program, "provision", str(order), "--state-dir", str(folder),
            "--bench", str(bench), "--json", "--scanner", "stdin"]  # fmt: skip


def _killed(call: list[str], events: int) -> set[int]:
    """Kill the bench after a number of events, and return the turns whose PASS was shown."""
    process = subprocess.Popen(
        call, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout is not None
    timer = threading.Timer(_IDLE_S, process.kill)
    timer.start()
    lines = []
    for line in process.stdout:
        lines.append(line)
        if len(lines) == events:
            process.send_signal(signal.SIGKILL)
    process.communicate()
    timer.cancel()
    shown = set()
    for line in lines:
        try:
            event = json.loads(line)
        except ValueError:
            continue  # cut by the kill
        if event["event"] == "attempt.ended" and event["verdict"] == "pass":
            shown.add(event["run"])
    return shown


def _finish(call: list[str]) -> None:
    """Let the bench end its work, as a person would."""
    process = subprocess.Popen(
        call, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    timer = threading.Timer(_STUCK_S, process.kill)
    timer.start()
    ended = set()
    for text in process.stdout:
        event = json.loads(text)
        if event["event"] == "station.hold":
            # the label may have come out: it is printed again, with the mark of a copy
            process.stdin.write(json.dumps({"do": "reprint", "bay": event["bay"]}) + "\n")
            process.stdin.flush()
        if event["event"] == "bay.state" and event["state"] in ("pass", "done"):
            ended.add(event["bay"])
            if len(ended) == _BAYS:
                process.stdin.write('{"do": "end"}\n')
                process.stdin.close()
                break
    process.stdout.read()
    process.wait()
    timer.cancel()


def _judged(folder: Path, journal: Path) -> list[str]:
    """Return what is wrong with the end of an order."""
    ledger = replayed(read_journal(journal)[0])
    wrong = []
    passed = Counter(run.unit for run in ledger.runs.values() if run.verdict == "pass")
    if len(passed) != _BAYS:
        wrong.append(f"{len(passed)} units have passed")
    if any(count > 1 for count in passed.values()):
        wrong.append("a unit has passed twice")
    files = [path.name for path in (folder / "labels").glob("*.png")]
    first = [name for name in files if "copy" not in name]
    if len(first) > _BAYS:
        wrong.append(f"{len(first)} labels without the mark of a copy")
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--power-cuts", type=int, default=50)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    found = {
        "at_once": min((at_once() for _ in range(3)), key=lambda one: one["last_pass_s"]),
        "large": large(given.rows),
    }
    if given.kills:
        found["kills"] = kills(given.kills, given.seed)
        print(json.dumps(found["kills"]), file=sys.stderr, flush=True)
    if given.power_cuts:
        found["power_cuts"] = kills(given.power_cuts, given.seed, is_power_cut=True)
    print(json.dumps(found, indent=1))
    return 3 if any(one.get("wrong") for one in found.values()) else 0


if __name__ == "__main__":
    if sys.argv[1:2] == [_RECORDING]:
        _record_syncs()
        sys.exit(run(sys.argv[2:]))
    sys.exit(main())
