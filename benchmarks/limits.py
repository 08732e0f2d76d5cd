"""Figures beside their limits."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import NamedTuple


class Limit(NamedTuple):
    """A figure beside its limit, which is the largest value allowed, or the least."""

    name: str
    value: float
    limit: float
    unit: str
    is_least: bool = False

    @property
    def is_met(self) -> bool:
        return self.value >= self.limit if self.is_least else self.value <= self.limit


def judged(rows: Sequence[Limit]) -> int:
    """Print figures with their limits and the load of the machine; return the exit status."""
    for row in rows:
        sign, word = ">=" if row.is_least else "<=", "met" if row.is_met else "NOT MET"
        print(f"{row.name:56} {row.value:8.4g} {sign} {row.limit:g} {row.unit}: {word}")
    print(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    return 0 if all(row.is_met for row in rows) else 3
