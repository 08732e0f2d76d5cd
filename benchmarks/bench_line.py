"""A simulated line of the bench: units per hour, time of a unit, screens, processor time, memory.

The bench is ``modemagent provision`` in a process of its own; modules, hands and browser are in
this one. All times are real: nothing is scaled. The exit status is 3 if a limit is not met.

Without hands, a module that has its verdict is replaced at once in each of 16 bays. The one person
takes 3 s to plug a module, 3 s to scan bay and label, and 2 s to pull it. The screens are a
pseudo-terminal of 140 columns and the event stream of the browser page, at an act a second.
"""

from __future__ import annotations

import argparse
import compileall
import heapq
import random
import sys
import time
from statistics import mean, median

from bench_fixture import BAYS, BOOT_S, LATENCY_MS, ROOT, Fixture, Terminal
from limits import Limit, judged

from modemagent.provisioning.simulation.planted import PlantedUnit

#: The hands of one person: 8 s a unit.
_PLUG_S, _SCAN_S, _PULL_S = 3.0, 3.0, 2.0
#: Time that a bay without hands is empty between two modules.
_SWAP_S = 0.2
#: Time a verdict stays on the tile of an empty bay, and a little more.
_CLEARED_S = 11.0
_SCAN_IT = "bay, then label"


def without_hands(rounds: int, idle_s: float) -> list[Limit]:
    """Measure a line whose modules are replaced at once."""
    with Fixture(BAYS * rounds, "--plain", label="print") as line:
        begin, cpu = time.monotonic(), line.cpu_s()
        due = [(begin + n * BOOT_S / BAYS, bay) for n, bay in enumerate(line.bays)]
        left = dict.fromkeys(line.bays, rounds)
        plugged: dict[str, float] = {}
        cycles: list[float] = []
        booted: list[float] = []
        busy = 0.0
        while due or left:
            while due and due[0][0] <= time.monotonic():
                _, bay = heapq.heappop(due)
                now = line.plug(bay)
                if bay in plugged:
                    cycles.append(now - plugged[bay])
                plugged[bay] = now
            for bay, verdict, at in line.verdicts():
                assert verdict == "pass", (bay, verdict)
                booted.append(at - plugged[bay] - BOOT_S)
                left[bay] -= 1
                if left[bay]:
                    line.pull(bay)
                    heapq.heappush(due, (time.monotonic() + _SWAP_S, bay))
                    continue
                del left[bay]
                busy = busy or (line.cpu_s() - cpu) / (time.monotonic() - begin) * 100
            time.sleep(0.005)
        full = line.share(idle_s)
        for bay in line.bays:
            line.pull(bay)
        time.sleep(_CLEARED_S)
        empty, megabytes = line.share(idle_s), line.memory_mb()
        spread = line.end()["figures"]["time_s"]["program"]
    print(f"from the end of the boot to the verdict: median {median(booted):.2f} s, "
          f"most {max(booted):.2f} s, {LATENCY_MS} ms for each command")  # fmt: skip
    return [
        Limit("share of the program in the time of a unit, median", spread["median"], 0.3, "s"),
        Limit("the same, 95th percentile", spread["p95"], 1.0, "s"),
        Limit("16 bays, 15 s boot, no hands", 3600 * BAYS / mean(cycles), 3000, "units/h", True),
        Limit("processor, 16 bays busy", busy, 10, "% of a core"),
        Limit("processor, 16 modules that have passed", full, 1, "% of a core"),
        Limit("processor, empty tray", empty, 1, "% of a core"),
        Limit("memory with labels and reports, without page", megabytes, 45, "MB"),
    ]


def least_memory(rounds: int) -> list[Limit]:
    """Measure the memory of a bench that only compares modules with the order."""
    with Fixture(BAYS * rounds, "--plain", label="none", boot_s=0, has_station=False) as line:
        for _ in range(rounds):
            left = len([line.plug(bay) for bay in line.bays])
            while left:
                time.sleep(0.05)
                left -= len(line.verdicts())
            for bay in line.bays:
                line.pull(bay)
            time.sleep(0.5)
        return [Limit("memory without labels, reports and page", line.memory_mb(), 45, "MB")]


def one_person(seconds: float) -> list[Limit]:
    """Measure a line with the hands of one person, and a browser that shows it."""
    with Fixture(200, "--plain", label="scan", has_screen=True) as line:
        assert line.browser is not None
        tiles, ended, scanned = line.browser.tiles, list[str](), set[str]()
        pulls: list[float] = []
        idle_s, end = 0.0, time.monotonic() + seconds
        while time.monotonic() < end:
            for bay, verdict, _ in line.verdicts():
                assert verdict == "pass", (bay, verdict)
                ended.append(bay)
            waiting = [bay for bay in line.units
                       if bay not in scanned and tiles.shows(bay, _SCAN_IT)]  # fmt: skip
            empty = [bay for bay in line.bays if bay not in line.units]
            if ended:
                time.sleep(_PULL_S)
                line.pull(bay := ended.pop(0))
                pulls.append(time.monotonic())
                scanned.discard(bay)
                empty = [bay]
            elif waiting:
                time.sleep(_SCAN_S)
                line.scan(waiting[0])
                scanned.add(waiting[0])
                continue
            if empty:
                time.sleep(_PLUG_S)
                line.plug(empty[0])
            else:
                time.sleep(0.05)
                idle_s += 0.05 if pulls else 0.0
        megabytes = line.memory_mb()
    taken_s = pulls[-1] - pulls[0]
    print(f"one person: {len(pulls)} units, {idle_s / taken_s * 100:.0f} % of the time idle")
    return [
        Limit("16 bays, 15 s boot, one person of 8 s a unit", 3600 * (len(pulls) - 1) / taken_s,
              400, "units/h", True),
        Limit("memory with page and reports", megabytes, 65, "MB"),
    ]  # fmt: skip


def screens(acts: int) -> list[Limit]:
    """Measure how long the screens take to show what has happened."""
    random_, terminal = random.Random(7), Terminal()
    with Fixture(acts + BAYS, label="scan", boot_s=0, has_screen=True, terminal=terminal) as line:
        assert line.browser is not None
        shown = line.browser.tiles
        scans: list[tuple[str, float]] = []
        pulls: list[tuple[str, float]] = []
        passed: list[tuple[str, float]] = []
        again: dict[str, PlantedUnit] = {}
        for _ in range(acts):
            time.sleep(random_.uniform(0.5, 1.5))
            passed += [(bay, at) for bay, word, at in line.verdicts() if word == "pass"]
            for bay in line.bays:
                if shown.shows(bay, ">pass<") and bay in line.units:
                    line.pull(bay)
                elif bay not in line.units and not shown.shows(bay, _SCAN_IT):
                    line.plug(bay, again.pop(bay, None))
            waiting = [bay for bay in line.units if shown.shows(bay, _SCAN_IT)]
            if not waiting:
                continue
            bay = random_.choice(waiting)
            if random_.random() < 1 / 3:
                pulls.append((bay, time.monotonic()))
                again[bay] = line.pull(bay)
            else:
                scans.append((bay, line.scan(bay, terminal)))
        time.sleep(1)
        line.end()
    count, seconds = terminal.frames()
    print(f"terminal: {count / seconds / 1000:.1f} KB/s at an act a second")
    rows = []
    for screen, tiles in (("terminal", terminal.tiles()), ("browser", shown)):
        for name, limit, times in (
            ("scan to tile", 100, [tiles.delay_s(*one, _SCAN_IT, is_gone=True) for one in scans]),
            ("verdict, its sync, tile", 100, [tiles.delay_s(*one, "pass") for one in passed]),
            ("unplug to tile", 500, [tiles.delay_s(*one, _SCAN_IT, is_gone=True) for one in pulls]),
        ):
            ms = sorted(1000 * one for one in times)
            print(f"{name}, {screen}: {len(ms)} times, most {ms[-1]:.0f} ms")
            rows.append(Limit(f"{name}, {screen}, median", median(ms), limit, "ms"))
            p95 = ms[round(0.95 * (len(ms) - 1))]
            rows.append(Limit(f"{name}, {screen}, 95th percentile", p95, limit, "ms"))
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="units of each bay without hands")
    parser.add_argument("--idle", type=float, default=20.0, help="seconds of an idle bench")
    parser.add_argument("--person", type=float, default=240.0, help="seconds of the one person")
    parser.add_argument("--acts", type=int, default=120, help="acts that the screens show")
    parser.add_argument(
        "--python", default=sys.executable, help="interpreter of the bench; default: this one"
    )
    given = parser.parse_args()
    Fixture.python = given.python
    compileall.compile_dir(ROOT / "modemagent", quiet=1)
    rows: list[Limit] = []
    rows += screens(given.acts) if given.acts else []
    rows += without_hands(given.rounds, given.idle) if given.rounds else []
    rows += least_memory(given.rounds) if given.rounds else []
    rows += one_person(given.person) if given.person else []
    return judged(rows)


if __name__ == "__main__":
    sys.exit(main())
