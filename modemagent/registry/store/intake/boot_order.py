"""Order and dates of the boots of gateways, as rows: all of them again, or those at the end."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from modemagent.registry.history.dates import (
    BootClock,
    BootDates,
    date_boots,
    date_next_boot,
    least_bound,
)
from modemagent.registry.history.streams import StreamPart, order_streams
from modemagent.registry.store.intake.boots import UNDATED, Boot


@dataclass(slots=True)
class Redated:
    """A gateway whose boots were ordered and dated again.

    :param boots: all boots by row
    :param before: dates and alien marks of the boots as they were stored
    :param ranks: rank of each stream by row
    :param first: first boot that counts
    :param last: last boot that counts
    :param simple: every reading of the gateway is dated by its own clock
    :param least_bound_ms: bound of the last boot below which this may change
    """

    gateway: int
    boots: dict[int, Boot]
    before: dict[int, tuple[BootDates | None, bool]]
    ranks: dict[int, int]
    first: int | None
    last: int | None
    simple: bool
    least_bound_ms: int


def redate(boots: Iterable[Boot], streams: Mapping[int, Mapping[int, str]]) -> list[Redated]:
    """Order and date all boots of gateways, in place.

    :param streams: of each gateway the id of each stream by row; ties are broken by ids, not by the
        order of arrival
    """
    of_gateway: defaultdict[int, list[Boot]] = defaultdict(list)
    for boot in boots:
        of_gateway[boot.gateway].append(boot)
    return [
        _redate(gateway, some, streams[gateway]) for gateway, some in sorted(of_gateway.items())
    ]


def _redate(gateway: int, boots: Sequence[Boot], streams: Mapping[int, str]) -> Redated:
    named: dict[Any, Boot] = {boot.boot_id: boot for boot in boots}
    before = {boot.id: (boot.dates, boot.alien) for boot in boots}
    parts = [
        StreamPart(
            streams[stream], boot.boot_id, part.first_sequence, part.last_sequence, part.uptime_ms
        )
        for boot in boots
        for stream, part in boot.parts.items()
    ]
    clocks: dict[Any, BootClock] = {boot.boot_id: boot.clock for boot in boots}
    order = order_streams(parts, clocks)
    simple = not order.aliens and len(order.boots) == 1 and len(order.ranks) == 1
    for era in order.boots:
        dates = date_boots([clocks[one] for one in era])
        for one, found in zip(era, dates, strict=True):
            named[one].dates = found
            simple = simple and found.chosen and len(named[one].clusters) == 1
    for boot in boots:
        boot.alien = boot.boot_id in order.aliens
        if boot.dates is None:
            boot.dates = UNDATED
    in_order = [named[one].id for era in order.boots for one in era]
    rows = {stream_id: row for row, stream_id in streams.items()}
    return Redated(
        gateway,
        {boot.id: boot for boot in boots},
        before,
        {rows[stream]: rank for stream, rank in order.ranks.items()},
        in_order[0] if in_order else None,
        in_order[-1] if in_order else None,
        simple,
        least_bound([clocks[one] for era in order.boots for one in era]),
    )


def continue_boots(
    first: int | None, last: Boot, begun: Sequence[Boot], least_bound_ms: int, *, is_changed: bool
) -> Redated | None:
    """Date the last boot of a gateway with simple dates and those that follow it, in place.

    :param begun: boots that begin after it
    :param is_changed: the last boot has other clocks than before
    :returns: None if the dates or the order of others may change
    """
    boots = [last, *begun]
    if any(len(boot.parts) != 1 or len(boot.clusters) != 1 for boot in boots):
        return None
    if is_changed and last.bound_ms < least_bound_ms:
        return None
    stream, _ = last.only_part
    for one, other in pairwise(boots):
        least = date_next_boot(least_bound_ms, one.clock, other.clock)
        is_later = other.only_part[1].first_sequence > one.only_part[1].last_sequence
        if least is None or not is_later or other.only_part[0] != stream:
            return None
        least_bound_ms = least
    before: dict[int, tuple[BootDates | None, bool]] = {boot.id: (None, False) for boot in begun}
    if is_changed:
        before[last.id] = last.dates, last.alien
    else:
        boots = [*begun]
    for boot in boots:
        (cluster,) = boot.clusters
        boot.dates = BootDates(cluster.min_ms, cluster.max_ms, chosen=True, suspect=False)
    return Redated(
        last.gateway,
        {boot.id: boot for boot in boots},
        before,
        {stream: 0},
        first,
        (begun[-1] if begun else last).id,
        simple=True,
        least_bound_ms=least_bound_ms,
    )
