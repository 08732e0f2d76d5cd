"""Eviction order: which reports are given up first if the outbox is full.

A report is a state, so some can be spared: a heartbeat only shows that the gateway is alive, a
refresh repeats an earlier report, and an older change of a port is superseded by a newer one. The
newest report of a port is never evicted, so a bound is exceeded by at most one report per port.
"""

from collections.abc import Sequence
from typing import NamedTuple

from modemagent.report.message import Reason

#: Evicted in this order, the oldest of each rank first.
RANKS: dict[str, int] = {Reason.HEARTBEAT: 0, Reason.REFRESH: 1}
_STATE = 2


class EvictionCandidate(NamedTuple):
    """One queued report; ``position`` is lower for older reports, ``size`` is in bytes."""

    position: int
    port: str
    reason: str
    size: int


def select_evictions(
    queue: Sequence[EvictionCandidate], *, rows: int, size: int
) -> list[EvictionCandidate]:
    """Return the reports to evict so that at least ``rows`` and ``size`` bytes become free.

    The list is shorter if no further report may be evicted.

    >>> reasons = ["identified", "refresh", "heartbeat", "removed"]
    >>> queue = [EvictionCandidate(n, "a", reason, 9) for n, reason in enumerate(reasons, 1)]
    >>> [each.position for each in select_evictions(queue, rows=2, size=0)]
    [3, 2]
    >>> [each.position for each in select_evictions(queue, rows=9, size=0)]
    [3, 2, 1]
    """
    newest = {each.port: each.position for each in queue if each.reason != Reason.HEARTBEAT}
    spare = [each for each in queue if newest.get(each.port) != each.position]
    spare.sort(key=lambda each: (RANKS.get(each.reason, _STATE), each.position))
    evicted: list[EvictionCandidate] = []
    freed = 0
    for each in spare:
        if len(evicted) >= rows and freed >= size:
            break
        evicted.append(each)
        freed += each.size
    return evicted
