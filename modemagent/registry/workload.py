"""Numbers of the work of this process, which the store reports and the metrics count."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


def _ignore(_: float) -> None:
    pass


@dataclass(slots=True)
class Workload:
    """Functions that get the numbers; only the writing thread calls them.

    :param late: gets the number of reports of a batch below the highest of their stream
    :param waited: gets the time for which a transaction waited for the write lock, in seconds
    """

    late: Callable[[float], None] = _ignore
    waited: Callable[[float], None] = _ignore
