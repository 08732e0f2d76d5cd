"""Time of an identification: modemagent, the raw floor and other tools, in one run.

    python benchmarks/identify.py --install-peers
    python benchmarks/identify.py [--runs 11] [--think-ms 5] [--quick] [--json]

Everything talks to the same simulated modems (``benchmarks/modem.py``, processes of their own) in
turns, A B C A B C ..., and every number that is found is compared. README.md beside this file
says what the columns mean.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Callable
from typing import Any

import mixed
import ours
import wire
from measure import Played, Simulator, judge, side_by_side, weigh, whole
from table import print_all
from tools import TOOLS, Tool, install, modemagent

IN_PROCESS = "modemagent, in process"


def single(tools: list[Tool], runs: int, think_ms: float) -> dict[str, dict[str, Any]]:
    """Measure one modem: row name -> milliseconds, lines, bytes, memory, verdicts."""
    rows: dict[str, dict[str, Any]] = {}
    with Simulator(["eg25"], think_ms) as simulator:
        modem = simulator.modems[0]
        cases: dict[str, Callable[[], object]] = {
            "raw, 1 joined line": lambda: ours.raw(modem.path, ours.ONE_LINE),
            "raw, 3 lines": lambda: ours.raw(modem.path, ours.THREE_LINES),
            "raw, 8 lines": lambda: ours.raw(modem.path, ours.EIGHT_LINES),
            IN_PROCESS: lambda: ours.in_process([modem.path]),
        }
        cases |= {tool.name: _whole(tool, modem, rows) for tool in tools}
        for name, call in cases.items():
            simulator.reset()
            rows[name] = {"verdicts": {}}
            call()
            rows[name] |= simulator.counts()["modems"][modem.path]
        simulator.reset()
        found = ours.in_process([modem.path])[modem.path]
        rows[IN_PROCESS]["verdicts"] = judge(found, modem.expected)
        for tool in tools:
            simulator.reset()
            rows[tool.name]["rss_mb"] = weigh(tool.command(modem.path)).rss_mb
        for name, times in side_by_side(cases, runs, simulator.reset).items():
            rows[name] |= {"ms": times.median, "ms_least": times.least}
    return rows


def _whole(tool: Tool, modem: Played, rows: dict[str, dict[str, Any]]) -> Callable[[], object]:
    """Return a call that runs the tool and keeps the worst verdict of all its runs."""

    def call() -> None:
        found = tool.found(whole(tool.command(modem.path)).output)
        kept = rows[tool.name]["verdicts"]
        for field, verdict in judge(found, modem.expected).items():
            if kept.get(field) != "wrong":
                kept[field] = verdict

    return call


def others(runs: int, think_ms: float) -> dict[str, float]:
    """Measure the other limits: sixteen modems beside one, and the start of the command."""
    with Simulator(["eg25*16"], think_ms) as simulator:
        paths = [modem.path for modem in simulator.modems]
        cases: dict[str, Callable[[], object]] = {
            "1 modem": lambda: ours.in_process(paths[:1]),
            "16 modems": lambda: ours.in_process(paths),
            "import click": lambda: whole([sys.executable, "-c", "import click"]),
            "--version": lambda: whole(modemagent("--version")),
        }
        times = side_by_side(cases, runs, simulator.reset)
    return {name: ms.median for name, ms in times.items()}


def promises(results: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the limits: each ratio, its limit, and whether it is met."""
    one, more, many = results["single"], results["others"], results["mixed"]
    ms = {name: row["ms"] for name, row in one.items()}
    command, script = "modemagent identify", "plain pyserial script"
    rows = [
        ("in process / raw, 8 lines", ms[IN_PROCESS] / ms["raw, 8 lines"], 1.3),
        ("16 modems / 1 modem", more["16 modems"] / more["1 modem"], 1.5),
        ("modemagent --version / import click", more["--version"] / more["import click"], 1.5),
        ("whole process / plain script", ms[command] / ms[script], 2.0),
    ]
    for way in ("in process", "whole process"):
        ratio = many["ms"][f"all, {way}"] / many["ms"][f"slowest alone, {way}"]
        rows.append((f"64 mixed / slowest alone, {way}", ratio, 2.0))
    rows.append(("64 mixed: wrong or missing numbers", float(len(many["errors"])), 0.0))
    return [
        {"name": name, "value": value, "limit": limit, "met": value <= limit}
        for name, value, limit in rows
    ]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=11, help="rounds of all the tools")
    parser.add_argument("--think-ms", type=float, default=5.0, help="time a modem takes a line")
    parser.add_argument("--simulators", type=int, choices=(1, 2, 4), default=2)
    parser.add_argument("--quick", action="store_true", help="3 rounds, 8 s on a mute port")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--install-peers", action="store_true", help="apt and pip; then end")
    options = parser.parse_args()
    if options.install_peers:
        install()
        return 0
    runs = 3 if options.quick else options.runs
    missing = {tool.name: how for tool in TOOLS if (how := tool.missing())}
    tools = [tool for tool in TOOLS if tool.name not in missing]
    results: dict[str, Any] = {
        "machine": f"{platform.machine()}, {os.cpu_count()} processors, Linux {platform.release()}",
        "python": platform.python_version(),
        "load": os.getloadavg()[0],
        "runs": runs,
        "think_ms": options.think_ms,
        "missing": missing,
        "single": single(tools, runs, options.think_ms),
        "others": others(runs, options.think_ms),
        "wire": wire.run(tools, options.think_ms, 8.0 if options.quick else 45.0),
        "mixed": mixed.run(runs, options.think_ms, options.simulators),
    }
    results["promises"] = promises(results)
    if options.json:
        print(json.dumps(results))
    else:
        print_all(results)
    return 0 if all(promise["met"] for promise in results["promises"]) else 3


if __name__ == "__main__":
    raise SystemExit(main())
