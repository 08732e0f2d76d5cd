"""Numbers of the work of this process, which the store counts and the metrics show."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Workload:
    """Counters since the process started; only the writing thread changes them.

    :param late: reports with a number below the highest of their stream
    :param lock_waits: transactions that waited for the write lock
    :param lock_wait_s: time that all transactions waited for the write lock, in seconds
    """

    late: int = 0
    lock_waits: int = 0
    lock_wait_s: float = 0.0
