"""Dates of readings from gateways whose clock may be wrong.

A synchronized clock dates the start of its boot: wall time minus uptime. Such starts form clusters,
and at most one cluster of each boot counts. The registry's own clock limits all of them: a boot
cannot have started later than the time at which the registry received it, less its uptime. A boot
without a cluster that counts lies between its neighbours. Each reading gets a range of dates.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from modemagent.registry.history.readings import Key

GAP_MS = 5 * 60_000  # clusters closer than this are one clock that was adjusted
TOLERANCE_MS = 10 * 60_000  # boots and places whose dates overlap less do not contradict
EARLIEST_MS = 1_704_067_200_000  # 2024-01-01: an earlier clock was never set
_FAR_MS = 1 << 62


class Cluster(NamedTuple):
    """Starts of a boot by its synchronized clock (wall time minus uptime) that agree."""

    min_ms: int
    max_ms: int
    reports: int


class BootClock(NamedTuple):
    """Evidence about the dates of one boot.

    :param up_ms: largest uptime known
    :param bound_ms: latest possible start: the least ``received - uptime`` of its reports and of
        the batches that brought them
    :param clusters: by start
    """

    boot: Key
    up_ms: int
    bound_ms: int
    clusters: tuple[Cluster, ...] = ()


class BootDates(NamedTuple):
    """Start of a boot, as a range.

    :param chosen: the cluster that counts, if any; its limits are then the range
    :param suspect: the boot has a cluster that was not chosen
    """

    lo_ms: int
    hi_ms: int
    chosen: bool
    suspect: bool


def add_anchor(clusters: tuple[Cluster, ...], wall_ms: int, uptime_ms: int) -> tuple[Cluster, ...]:
    """Add the synchronized clock of one report; clocks before 2024 are ignored.

    Clusters join at gaps of 5 minutes or less, so the result does not depend on the order.

    >>> clusters = Cluster(0, 0, 1), Cluster(600_000, 600_000, 1)
    >>> add_anchor(clusters, EARLIEST_MS, EARLIEST_MS - 300_000)
    (Cluster(min_ms=0, max_ms=600000, reports=3),)
    """
    if wall_ms < EARLIEST_MS:
        return clusters
    start = wall_ms - uptime_ms
    if len(clusters) == 1:  # the usual case
        least, most, reports = clusters[0]
        if least <= start <= most:
            return (Cluster(least, most, reports + 1),)
    return join_clusters((*clusters, Cluster(start, start, 1)))


def join_clusters(clusters: Iterable[Cluster]) -> tuple[Cluster, ...]:
    """Return clusters by start, those at most 5 minutes apart joined."""
    joined: list[Cluster] = []
    for cluster in sorted(clusters):
        if joined and cluster.min_ms - joined[-1].max_ms <= GAP_MS:
            last = joined[-1]
            most = max(last.max_ms, cluster.max_ms)
            joined[-1] = Cluster(last.min_ms, most, last.reports + cluster.reports)
        else:
            joined.append(cluster)
    return tuple(joined)


def date_boots(boots: Sequence[BootClock]) -> list[BootDates]:
    """Date the boots of one gateway and era, given in order.

    A cluster is possible unless it lies later than the registry received that boot or a later one.
    At most one cluster of each boot is chosen: the consistent chain with the most reports.
    """
    latest = _latest_starts(boots)
    possible = [
        tuple(one for one in boot.clusters if one.min_ms <= cap + GAP_MS)
        for boot, cap in zip(boots, latest, strict=True)
    ]
    chosen = _choose(boots, possible)
    lowest: list[int] = []
    end = EARLIEST_MS
    for boot, cluster in zip(boots, chosen, strict=True):
        lowest.append(cluster.min_ms if cluster else end)
        end = lowest[-1] + boot.up_ms
    dates: list[BootDates] = []
    end = _FAR_MS
    for boot, cluster, cap, lo in zip(
        reversed(boots), reversed(chosen), reversed(latest), reversed(lowest), strict=True
    ):
        hi = cluster.max_ms if cluster else max(0, min(cap, end - boot.up_ms))
        suspect = len(boot.clusters) > (cluster is not None)
        dates.append(BootDates(min(lo, hi), hi, cluster is not None, suspect))
        end = hi
    dates.reverse()
    return dates


def least_bound(clocks: Sequence[BootClock]) -> int:
    """Return the least bound of the last boot with which no cluster of a gateway is refuted.

    A boot started before the last one, by at least the uptimes of the boots between them.
    """
    least, up_ms = -_FAR_MS, 0
    for clock in reversed(clocks[:-1]):
        up_ms += clock.up_ms
        starts = [cluster.min_ms + up_ms - GAP_MS for cluster in clock.clusters]
        least = max([least, *starts])
    return max([least, *(one.min_ms - GAP_MS for clock in clocks[-1:] for one in clock.clusters)])


def date_next_boot(least_bound_ms: int, last: BootClock, boot: BootClock) -> int | None:
    """Return the least bound for a boot that follows all others of a gateway with simple dates.

    Dates are simple if each boot has one cluster, and it was chosen. They stay as they are, and the
    boot is dated by its own cluster, if its bound refutes none of the clusters, and its cluster is
    so late that all other boots together were over before. Otherwise all boots must be dated.

    :param least_bound_ms: :func:`least_bound` of the boots before, or more
    :param last: the last of them
    :returns: :func:`least_bound` of all boots, or more; None if they must be dated again
    """
    if len(boot.clusters) != 1:
        return None
    (cluster,) = boot.clusters
    over_ms = least_bound_ms + last.up_ms
    least_bound_ms = max(over_ms, cluster.min_ms - GAP_MS)
    if boot.bound_ms < least_bound_ms or over_ms + GAP_MS > cluster.max_ms + TOLERANCE_MS:
        return None
    return least_bound_ms


def date_reading(
    boot: BootDates, uptime_ms: int, wall_ms: int, synchronized: bool
) -> tuple[int, int]:
    """Return the earliest and latest date of a report in milliseconds since 1970 UTC.

    >>> boot = BootDates(1_767_225_600_000, 1_767_225_601_000, chosen=True, suspect=False)
    >>> date_reading(boot, 5_000, 1_767_225_605_400, True)
    (1767225605400, 1767225605400)
    >>> date_reading(boot, 5_000, 11_000, False)
    (1767225605000, 1767225606000)
    """
    if synchronized and boot.chosen and boot.lo_ms <= wall_ms - uptime_ms <= boot.hi_ms:
        return wall_ms, wall_ms
    return boot.lo_ms + uptime_ms, boot.hi_ms + uptime_ms


def _latest_starts(boots: Sequence[BootClock]) -> list[int]:
    """Return the latest possible start of each boot, by receipt of that boot and of later ones."""
    latest: list[int] = []
    cap = _FAR_MS
    for boot in reversed(boots):
        cap = min(boot.bound_ms, cap - boot.up_ms)
        latest.append(cap)
    latest.reverse()
    return latest


def _choose(
    boots: Sequence[BootClock], possible: Sequence[tuple[Cluster, ...]]
) -> list[Cluster | None]:
    """Choose at most one cluster for each boot, stretch by stretch.

    A stretch ends if each cluster up to a boot agrees with each cluster after it.
    """
    begins = [_FAR_MS] * (len(boots) + 1)  # least end of a cluster from this boot on
    for k in range(len(boots) - 1, -1, -1):
        begins[k] = min([begins[k + 1], *(one.max_ms for one in possible[k])])
    chosen: list[Cluster | None] = []
    first, ends = 0, -_FAR_MS
    for k, boot in enumerate(boots):
        ends = max([ends, *(one.min_ms + boot.up_ms for one in possible[k])])
        if ends <= begins[k + 1] + TOLERANCE_MS:
            chosen += _best_chain(boots[first : k + 1], possible[first : k + 1])
            first, ends = k + 1, -_FAR_MS
    return chosen


def _best_chain(
    boots: Sequence[BootClock], possible: Sequence[tuple[Cluster, ...]]
) -> list[Cluster | None]:
    """Return the chain with the most reports, of equal ones that with the later clusters."""
    if len(boots) == 1 and len(possible[0]) < 2:
        return [*possible[0]] or [None]
    # best chain by its last cluster: reports, starts from the last boot to the first, links
    best: list[tuple[int, tuple[int, ...], int, Cluster, int | None]] = []
    for k, clusters in enumerate(possible):
        before = len(best)
        for cluster in clusters:
            total, link = 0, None
            starts: tuple[int, ...] = ()
            for index in range(before):
                count, earlier, boot, last, _ = best[index]
                if last.min_ms + boots[boot].up_ms > cluster.max_ms + TOLERANCE_MS:
                    continue
                if link is None or (count, earlier) > (total, starts):
                    total, starts, link = count, earlier, index
            best.append((total + cluster.reports, (cluster.min_ms, *starts), k, cluster, link))
    chosen: list[Cluster | None] = [None] * len(boots)
    at = max(range(len(best)), key=lambda index: best[index][:2], default=None)
    while at is not None:
        _, _, k, cluster, at = best[at]
        chosen[k] = cluster
    return chosen
