"""Kills and power cuts of the bench with 16 modules, labels and reports.

It is killed at random events, and once at each record of a journal, right after that has been
written, also in the middle of a group. After a power cut, what the journal had not synced is
missing, cut off anywhere, or zeros. The exit status is 3 if a unit was lost, passed twice, was
shown without a record, had a second label without the mark of a copy, or if a crash left two labels
in doubt.
"""

from __future__ import annotations

import argparse
import json
import os
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
from modemagent.cli.main import run
from modemagent.provisioning.journal import Journal, order_folder, read_journal
from modemagent.provisioning.ledger import Ledger, replayed
from tests.simulated import simulated_fleet

_BAYS = 16
#: Events of a session with 16 modules.
_EVENTS = 280
#: Time without the wanted event after which a session is killed.
_IDLE_S = 10.0
#: Time after which a session that does not end is stuck.
_STUCK_S = 60.0
#: Argument with which a bench records what was synced, the file with it, and the share of power
#: cuts after which the file has its size, but zeros in place of what was lost.
_RECORDING, _MARK, _ZEROS = "--recording", "journal.synced", 0.3
#: Argument with which a bench kills itself at a record, before the number of that; modules then.
_DYING, _FEW = "--dying", 4
_TRANSCRIPT = "quectel-eg25-g"
_ORDER = "model,quantity,sim,label\nEG25-G,{bays},required,print\n"


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
                wrong += _finish(call, _BAYS)
                wrong += _judged(folder, journal, _BAYS)
    found = {"kills": done, "orders": orders, "labels_in_doubt": doubts, "wrong": wrong,
             "s": round(time.monotonic() - begin)}  # fmt: skip
    return {**found, "dropped_bytes": dropped} if is_power_cut else found


def kills_at_records() -> dict[str, Any]:
    """Kill the bench once at each record of a journal, and let another start end the order."""
    at, is_over, wrong = 0, False, list[str]()
    begin = time.monotonic()
    with simulated_fleet([_TRANSCRIPT], count=_FEW, faults=["latency-ms=5"]) as fleet:
        while not is_over:
            at += 1
            with tempfile.TemporaryDirectory() as name:
                folder = Path(name)
                call = _call(folder, [modem.path for modem in fleet])
                journal = order_folder(folder, "4711") / "journal.jsonl"
                dying = [call[0], __file__, _DYING, str(at), *call[3:], "--once"]
                shown = _killed(dying, 0)
                records = read_journal(journal)[0]
                is_over = len(records) != at
                ledger = replayed(records)
                passed = {run.number for run in ledger.runs.values() if run.verdict == "pass"}
                if not shown <= passed:
                    wrong.append(f"{at}: a verdict was shown without its record")
                if len(_in_doubt(ledger)) > 1:
                    wrong.append(f"{at}: two labels are in doubt")
                wrong += _finish(call, _FEW)
                wrong += [f"{at}: {one}" for one in _judged(folder, journal, _FEW)]
    return {"records": at - 1, "wrong": wrong, "s": round(time.monotonic() - begin)}


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


def _die_at(number: int) -> None:
    """Kill this process when a record has been written, with what is written before it."""
    real = Journal.commit

    def commit(self: Journal, *, is_synced: bool) -> None:
        before = self.number - len(self._pending)
        if before < number <= self.number:
            self._write(b"".join(self._pending[: number - before]))
            os.kill(os.getpid(), signal.SIGKILL)
        real(self, is_synced=is_synced)

    Journal.commit = commit  # type: ignore[method-assign]


def _row(ledger: Ledger) -> str:
    return next(iter(ledger.claims), "")


def _call(folder: Path, paths: list[str], *, is_power_cut: bool = False) -> list[str]:
    order = folder / "4711.csv"
    order.write_text(_ORDER.format(bays=len(paths)))
    bench = folder / "bench.toml"
    bays = "".join(f'"{at:02}" = "{path}"\n' for at, path in enumerate(paths, 1))
    labels = folder / "labels"
    bench.write_text(f'printer = "file:{labels}"\nregistry = "queue"\n[bays]\n{bays}')
    program = [__file__, _RECORDING] if is_power_cut else ["-m", "modemagent"]
    return [sys.executable, *program, "provision", str(order), "--state-dir", str(folder),
            "--bench", str(bench), "--json", "--scanner", "stdin"]  # fmt: skip


def _killed(call: list[str], events: int) -> set[int]:
    """Kill the bench after a number of events, and return the turns whose PASS was shown.

    :param events: 0: it kills itself, or ends
    """
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


def _finish(call: list[str], bays: int) -> list[str]:
    """Let the bench end its work, as a person would; return why it could not."""
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            call, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True
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
                if len(ended) == bays:
                    process.stdin.write('{"do": "end"}\n')
                    process.stdin.close()
                    break
        process.stdout.read()
        status = process.wait()
        timer.cancel()
        errors.seek(0)
        return [] if status == 0 else [f"exit status {status}: {errors.read()[-500:]}"]


def _judged(folder: Path, journal: Path, bays: int) -> list[str]:
    """Return what is wrong with the end of an order."""
    if not journal.exists():
        return ["the journal is missing"]
    ledger = replayed(read_journal(journal)[0])
    wrong = []
    passed = Counter(run.unit for run in ledger.runs.values() if run.verdict == "pass")
    if len(passed) != bays:
        wrong.append(f"{len(passed)} units have passed")
    if any(count > 1 for count in passed.values()):
        wrong.append("a unit has passed twice")
    files = [path.name for path in (folder / "labels").glob("*.png")]
    first = [name for name in files if "copy" not in name]
    if len(first) > bays:
        wrong.append(f"{len(first)} labels without the mark of a copy")
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--records", action="store_true", help="kill it once at each record")
    parser.add_argument("--power-cuts", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    found = {}
    if given.kills:
        found["kills"] = kills(given.kills, given.seed)
        print(json.dumps(found), flush=True)
    if given.records:
        found["records"] = kills_at_records()
        print(json.dumps(found["records"]), flush=True)
    if given.power_cuts:
        found["power_cuts"] = kills(given.power_cuts, given.seed, is_power_cut=True)
        print(json.dumps(found["power_cuts"]), flush=True)
    return 3 if any(one["wrong"] for one in found.values()) else 0


if __name__ == "__main__":
    if sys.argv[1:2] == [_RECORDING]:
        _record_syncs()
        sys.exit(run(sys.argv[2:]))
    if sys.argv[1:2] == [_DYING]:
        _die_at(int(sys.argv[2]))
        sys.exit(run(sys.argv[3:]))
    sys.exit(main())
