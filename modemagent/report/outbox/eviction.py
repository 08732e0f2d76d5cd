"""Which report goes first when there is no room for all.

A report is a state, so some can be spared: a heartbeat says only that the gateway lives, a
refresh repeats what was said, and an old change of a port is overtaken by a newer one. The
newest report of a port is what the registry must come to know, and is never shed: a bound is
exceeded by at most one report a port.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from modemagent.report.message import Reason

#: Shed in this order, the oldest of each rank first.
RANKS: dict[str, int] = {Reason.HEARTBEAT: 0, Reason.REFRESH: 1}
_STATE = 2


class Waiting(NamedTuple):
    """One report that waits; ``place`` is lower the longer it waits, ``size`` is in bytes."""

    place: int
    port: str
    reason: str
    size: int


def select_evictions(waiting: Iterable[Waiting], *, rows: int, size: int) -> Sequence[int]:
    """Return the places to give up so that at least ``rows`` and ``size`` bytes become free.

    Fewer when no more may be given up.

    >>> queue = [Waiting(1, "a", "identified", 9), Waiting(2, "a", "refresh", 9),
    ...          Waiting(3, "", "heartbeat", 2), Waiting(4, "a", "sim_changed", 9)]
    >>> select_evictions(queue, rows=2, size=0), select_evictions(queue, rows=9, size=0)
    ([3, 2], [3, 2, 1])
    """
    queue = list(waiting)
    newest = {each.port: each.place for each in queue if each.reason != Reason.HEARTBEAT}
    spare = [each for each in queue if newest.get(each.port) != each.place]
    spare.sort(key=lambda each: (RANKS.get(each.reason, _STATE), each.place))
    given_up: list[int] = []
    freed = 0
    for each in spare:
        if len(given_up) >= rows and freed >= size:
            break
        given_up.append(each.place)
        freed += each.size
    return given_up
