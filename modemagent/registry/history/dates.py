"""Dates of readings from gateways whose clock may be wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from modemagent.registry.history.readings import Key

MINUTE_MS = 60_000
EARLIEST_MS = 1_704_067_200_000  # 2024-01-01: an earlier clock was never set


class Cluster(NamedTuple):
    """Starts of a boot by its synchronized clock (wall time minus uptime) that agree.

    :param count: number of reports
    """

    min_ms: int
    max_ms: int
    count: int


class StreamPart(NamedTuple):
    """The part of a boot that lies in one stream.

    :param first: smallest received sequence number of the boot in the stream
    :param last: largest received sequence number
    :param up_ms: largest uptime of its reports
    """

    stream: Key
    boot: Key
    first: int
    last: int
    up_ms: int


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


class StreamOrder(NamedTuple):
    """Order of the streams and boots of one gateway.

    :param ranks: rank of each stream; ranks of different eras (``rank >> 10``) are in unknown order
    :param boots: the boots that count, in order; each inner list is one era
    :param aliens: boots that begin inside the numbers of another boot: copies of a disk
    """

    ranks: dict[Key, int]
    boots: list[list[Key]]
    aliens: set[Key]


def add_anchor(clusters: tuple[Cluster, ...], wall_ms: int, uptime_ms: int) -> tuple[Cluster, ...]:
    """Add the synchronized clock of one report; clocks before 2024 are ignored."""
    raise NotImplementedError


def order_streams(parts: Sequence[StreamPart], clocks: dict[Key, BootClock]) -> StreamOrder:
    """Return the order of a gateway's streams and boots, and the boots of copied disks."""
    raise NotImplementedError


def date_boots(boots: Sequence[BootClock]) -> list[BootDates]:
    """Date the boots of one gateway and era, given in order."""
    raise NotImplementedError


def date_reading(
    boot: BootDates, uptime_ms: int, wall_ms: int, synchronized: bool
) -> tuple[int, int]:
    """Return the earliest and latest date of a report in milliseconds since 1970 UTC."""
    raise NotImplementedError
