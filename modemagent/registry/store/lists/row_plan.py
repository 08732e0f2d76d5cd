"""Effect of an import on assets or orders."""

from __future__ import annotations

from typing import Any, NamedTuple

from modemagent.identity.csv_table import LineProblem


class RowPlan(NamedTuple):
    """Effect of an import; the fields are as in :class:`.lists.Plan`.

    :param before: number of stored rows that the import is compared with
    :param problems: what is wrong with lines beside what is stored; they are left out
    """

    new: list[Any]
    replaced: list[Any]
    others: list[Any]
    unchanged: int
    before: int
    problems: list[LineProblem]

    @property
    def growth(self) -> int:
        return len(self.new) - len(self.replaced) - len(self.others)
