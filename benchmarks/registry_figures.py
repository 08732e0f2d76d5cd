"""Results of the benchmarks of the registry, beside their budgets."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Figure:
    """A result with its budget.

    :param limit: None: shown without a budget
    :param at_least: the budget is a minimum
    :param raw: ratio to raw writes
    """

    name: str
    value: float
    unit: str
    limit: float | None = None
    at_least: bool = False
    raw: float | None = None

    @property
    def is_met(self) -> bool:
        if self.limit is None:
            return True
        return self.value >= self.limit if self.at_least else self.value <= self.limit


def print_figures(title: str, figures: list[Figure]) -> None:
    print(f"\n{title}", flush=True)
    print(f"  {'':42} {'':>10} {'':5} {'budget':>12}  {'raw us':>7}")
    for one in figures:
        limit = "" if one.limit is None else f"{'>=' if one.at_least else '<='} {one.limit:g}"
        raw = "" if one.raw is None else f"{one.raw:.1f}"
        verdict = "" if one.limit is None else "met" if one.is_met else "NOT MET"
        value = f"{one.value:10.2f} {one.unit:5}"
        print(f"  {one.name:42} {value} {limit:>12}  {raw:>7}  {verdict}".rstrip())
