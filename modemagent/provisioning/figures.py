"""Figures of an order: units per hour, yields, times, failures by step and bay."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable
from typing import Any

from modemagent.provisioning.attempt import RunVerdict
from modemagent.provisioning.ledger import COUNTED, Ledger
from modemagent.provisioning.ledger_entries import RunEntry
from modemagent.provisioning.unit_counts import PASSING

#: Window of the units per hour that the screens show.
_WINDOW_S = 15 * 60.0
_LEAST_S = 60.0


def counted_runs(ledger: Ledger) -> list[RunEntry]:
    """Return the turns that count in figures: with a verdict, and not of a golden unit."""
    return [run for run in ledger.runs.values() if run.verdict in COUNTED and not run.is_golden]


def per_hour(ledger: Ledger, now: float) -> float:
    """Return units with a verdict per hour over the last 15 minutes."""
    count, first_ms = ledger.counts.recent((now - _WINDOW_S) * 1000)
    passed_s = now - first_ms / 1000
    if not count or passed_s < 0:  # of the time before a reboot
        return 0.0
    return round(count * 3600 / max(_LEAST_S, passed_s), 1)


def _first_runs(ledger: Ledger) -> list[RunEntry]:
    seen: dict[str, RunEntry] = {}
    for run in counted_runs(ledger):
        seen.setdefault(run.unit or f"run {run.number}", run)
    return list(seen.values())


def figures(ledger: Ledger) -> dict[str, Any]:
    """Return all figures of an order."""
    runs = counted_runs(ledger)
    firsts = _first_runs(ledger)
    units = [unit for unit in ledger.units.values() if unit.verdict is not None]
    first_numbers = {run.number for run in firsts}
    retested = [run for run in runs if run.number not in first_numbers]
    bays = {run.bay for run in runs}
    final = [unit for unit in units if unit.verdict in PASSING]
    hours = _hours(runs)
    return {
        "units": len(firsts),
        "turns": len(runs),
        "passed": sum(unit.verdict is RunVerdict.PASS for unit in units),
        "waived": sum(unit.verdict is RunVerdict.WAIVED for unit in units),
        "failed": len(firsts) - len(final),
        "per_hour": round(len(runs) / hours, 1) if hours else None,
        "first_pass_yield": _rounded(ledger.counts.first_pass),
        "final_yield": _ratio(len(final), len(firsts)),
        "retest_rate": _ratio(len(retested), len(runs)),
        "retests_passed": _ratio(sum(run.verdict in PASSING for run in retested), len(retested)),
        "time_s": _times(runs),
        "failures": dict(Counter(step for run in runs for step in run.failed[:1]).most_common()),
        "bays": {
            bay: _ratio(
                sum(run.verdict in PASSING for run in runs if run.bay == bay),
                sum(run.bay == bay for run in runs),
            )
            for bay in sorted(bays)
        },
    }


def _hours(runs: list[RunEntry]) -> float:
    if not runs:
        return 0.0
    spans = [run.began_ms for run in runs], [run.ended_ms for run in runs]
    return max(_LEAST_S * 1000, max(spans[1]) - min(spans[0])) / 3_600_000


def _times(runs: list[RunEntry]) -> dict[str, dict[str, float]]:
    """Return median and 95th percentile of a unit's time, split by what took it."""
    parts = {
        "all": [run.ended_ms - run.began_ms for run in runs],
        "module": [run.module_ms for run in runs],
        "person": [run.person_ms for run in runs],
        "program": [
            max(0, run.ended_ms - run.began_ms - run.module_ms - run.person_ms) for run in runs
        ],
    }
    return {name: _spread(values) for name, values in parts.items() if values}


def _spread(values: Iterable[int]) -> dict[str, float]:
    ordered = sorted(values)
    p95 = ordered[min(len(ordered) - 1, round(0.95 * (len(ordered) - 1)))]
    return {"median": statistics.median(ordered) / 1000, "p95": p95 / 1000}


def _ratio(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
