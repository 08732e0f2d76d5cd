"""Counts of units by their last verdict, kept up to date by each record of the journal."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from modemagent.provisioning.attempt import RunVerdict

PASSING = frozenset({RunVerdict.PASS, RunVerdict.WAIVED})


class CountedVerdict(NamedTuple):
    """A verdict as it counts.

    :param step: first step that failed, "" for none
    :param blame: of that step
    """

    verdict: RunVerdict
    step: str = ""
    blame: str = ""


class UnitCounts:
    """Units by their last verdict, and those that failed by step and blame.

    :ivar since: time of day at which counting began
    :ivar steps: failed step and number of units
    """

    def __init__(self, since: str = "") -> None:
        self.since = since
        self.verdicts: Counter[RunVerdict] = Counter()
        self.blames: Counter[str] = Counter()
        self.steps: Counter[str] = Counter()
        #: steady times of the last verdicts, oldest first
        self._ended_ms: deque[int] = deque()
        self._last: dict[str, CountedVerdict] = {}
        #: number of the first turn of each unit, and whether it passed; None: it tells nothing
        self._first: dict[str, tuple[int, bool | None]] = {}
        self._firsts: Counter[bool | None] = Counter()

    def put(self, unit: str, run: int, found: CountedVerdict, *, is_of_unit: bool = True) -> None:
        """Count the verdict of a unit in place of an earlier one.

        :param unit: a name that no other unit has
        :param run: number of the turn that gave the verdict
        :param is_of_unit: the verdict tells something about the unit
        """
        before = self._last.get(unit)
        if before is not None:
            self._add(before, -1)
        self._last[unit] = found
        self._add(found, 1)
        first = self._first.get(unit)
        if first is not None and first[0] != run:
            return
        if first is not None:
            self._firsts[first[1]] -= 1
        has_passed = found.verdict is RunVerdict.PASS if is_of_unit else None
        self._first[unit] = run, has_passed
        self._firsts[has_passed] += 1

    def note_end(self, ended_ms: int) -> None:
        """Note the steady time of a verdict; times after it are those before a reboot."""
        while self._ended_ms and self._ended_ms[-1] > ended_ms:
            self._ended_ms.pop()
        self._ended_ms.append(ended_ms)

    def recent(self, since_ms: float) -> tuple[int, int]:
        """Return the number of verdicts since a time, which never decreases, and the first."""
        while self._ended_ms and self._ended_ms[0] < since_ms:
            self._ended_ms.popleft()
        return len(self._ended_ms), self._ended_ms[0] if self._ended_ms else 0

    def _add(self, one: CountedVerdict, number: int) -> None:
        self.verdicts[one.verdict] += number
        if one.verdict is RunVerdict.FAIL:
            self.steps[one.step] += number
            self.blames[one.blame] += number

    @property
    def passing(self) -> int:
        """Number of units that have passed, with a waiver or without."""
        return sum(self.verdicts[one] for one in PASSING)

    @property
    def first_pass(self) -> float | None:
        """Share of units that passed in their first turn, with nothing waived.

        Only a fault of the unit lowers it: units whose first verdict was the fault of the order or
        the operator do not count.
        """
        count = self._firsts[True] + self._firsts[False]
        return self._firsts[True] / count if count else None

    def to_json(self) -> dict[str, Any]:
        """Return the counts as reports and the registry have them."""
        first_pass = self.first_pass
        return {
            "passed": self.verdicts[RunVerdict.PASS],
            "waived": self.verdicts[RunVerdict.WAIVED],
            "failed": self.verdicts[RunVerdict.FAIL],
            "blame": {name: count for name, count in sorted(self.blames.items()) if count},
            "first_pass": None if first_pass is None else round(first_pass, 4),
            **({"since": self.since} if self.since else {}),
        }


def is_of_unit(verdict: RunVerdict, steps: Iterable[Mapping[str, Any]]) -> bool:
    """Return True if a verdict tells something about the unit.

    :param steps: records of the steps of its turn
    """
    blames = {step.get("blame") for step in steps if step["state"] == "failed"}
    return verdict in PASSING or not blames or "unit" in blames
