"""Sixty-four modems of many vendors at once, every number compared.

The modems are those of ``fixtures/transcripts`` that tell IMEI, IMSI and ICCID, several units of
each kind, every unit with numbers of its own. The time for all is set beside the slowest kind read
alone: what is above it is one modem's waiting for another.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from measure import Numbers, Played, Simulator, judge, side_by_side, weigh, whole
from ours import in_process
from tools import modemagent, numbers

MODEMS = 64
ROUNDS_ALONE = 3

#: A simulator that is later than this with half its answers is itself what is measured. Half a
#: millisecond is usual: its timer (epoll) counts whole ones.
LATE_MS = 1.0


def run(runs: int, think_ms: float, simulators: int) -> dict[str, Any]:
    """Measure; returns milliseconds, wrong numbers, CPU seconds, megabytes, lateness."""
    share = MODEMS // simulators
    with ExitStack() as stack:
        processes = [
            stack.enter_context(Simulator([f"mixed*{share}@{share * place}"], think_ms))
            for place in range(simulators)
        ]
        modems = [modem for process in processes for modem in process.modems]

        def reset() -> None:
            for process in processes:
                process.reset()

        return _measure(modems, processes, reset, runs)


def _measure(
    modems: list[Played], processes: list[Simulator], reset: Callable[[], None], runs: int
) -> dict[str, Any]:
    paths = [modem.path for modem in modems]
    command = modemagent("identify", *paths, "--json")
    alone = _alone(modems, reset)
    slowest = max(alone, key=lambda name: alone[name])
    slow_path = next(modem.path for modem in modems if modem.name == slowest)
    command_alone = modemagent("identify", slow_path, "--json")
    claims: list[tuple[str, dict[str, Numbers]]] = []

    def all_in_process() -> None:
        claims.append(("in process", in_process(paths)))

    def all_whole() -> None:
        output = whole(command).output
        claims.append(("whole process", _numbers_in(output)))

    times = side_by_side(
        {
            "slowest alone, in process": lambda: in_process([slow_path]),
            "all, in process": all_in_process,
            "slowest alone, whole process": lambda: whole(command_alone),
            "all, whole process": all_whole,
        },
        runs,
        reset,
    )
    reset()
    cpu = time.process_time()
    in_process(paths)
    cpu = time.process_time() - cpu
    counts = [process.counts() for process in processes]
    reset()
    weight = weigh(command)
    return {
        "modems": len(modems),
        "kinds": len(alone),
        "slowest_kind": slowest,
        "ms": {name: ms.median for name, ms in times.items()},
        "errors": sorted({error for way, found in claims for error in _errors(way, found, modems)}),
        "runs_compared": len(claims),
        "cpu_s": {"in process": cpu, "whole process": weight.cpu_s},
        "rss_mb": weight.rss_mb,
        "simulators": len(processes),
        "simulator_late_ms": max(count["late_ms"] for count in counts),
        "simulator_late_ms_worst": max(count["late_ms_worst"] for count in counts),
        "simulator_cpu_s": sum(count["cpu_s"] for count in counts),
    }


def _alone(modems: list[Played], reset: Callable[[], None]) -> dict[str, float]:
    """Return kind -> milliseconds of one unit alone."""
    firsts: dict[str, str] = {}
    for modem in modems:
        firsts.setdefault(modem.name, modem.path)
    times: dict[str, list[float]] = {name: [] for name in firsts}
    for _ in range(ROUNDS_ALONE):
        for name, path in firsts.items():
            reset()
            begun = time.perf_counter()
            in_process([path])
            times[name].append((time.perf_counter() - begun) * 1000)
    return {name: statistics.median(values) for name, values in times.items()}


def _numbers_in(output: str) -> dict[str, Numbers]:
    return {modem["port"]: numbers(modem) for modem in json.loads(output)["modems"]}


def _errors(way: str, found: dict[str, Numbers], modems: list[Played]) -> list[str]:
    """Return one line for each wrong number."""
    return [
        f"{way}: {modem.name}: {field} {verdict}"
        for modem in modems
        for field, verdict in judge(found.get(modem.path, {}), modem.expected).items()
        if verdict != "right"
    ]
