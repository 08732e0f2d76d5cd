"""Comparison of what the bench found with what was planted: all of it, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from modemagent.provisioning.ledger import Ledger
from modemagent.provisioning.simulation.planted import ExpectedResult, PlantedUnit


class FoundResult(NamedTuple):
    """A unit with what was planted and what was found."""

    unit: PlantedUnit
    found: ExpectedResult

    @property
    def is_right(self) -> bool:
        expected = self.unit.expected
        if expected.is_revoked is None:
            expected = expected._replace(is_revoked=self.found.is_revoked)
        return self.found == expected


def compare_results(
    units: Sequence[PlantedUnit], runs: Mapping[int, int], ledger: Ledger
) -> list[FoundResult]:
    """Return each unit with what was found.

    :param runs: the turn of each unit, by its number
    """
    return [FoundResult(unit, found_result(runs.get(unit.number, 0), ledger)) for unit in units]


def found_result(number: int, ledger: Ledger) -> ExpectedResult:
    """Return what a turn has found, by its number."""
    run = ledger.runs.get(number)
    if run is None or run.verdict is None:
        return ExpectedResult("none")
    step = run.steps.get(run.failed[0]) if run.failed else None
    blame = str(step["blame"]) if step is not None else "unit" if run.failed else ""
    return ExpectedResult(str(run.verdict), run.failed, blame, bool(run.revoked))
