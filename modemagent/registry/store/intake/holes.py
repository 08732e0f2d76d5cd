"""Missing numbers between the readings of places."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from modemagent.registry.history.readings import SEQUENCE_BITS, position
from modemagent.registry.store.intake.arrivals import Sender
from modemagent.registry.store.intake.batch import Batch
from modemagent.registry.store.intake.gateways import GatewayRows
from modemagent.registry.store.intake.place_log import PlaceLog
from modemagent.registry.store.intake.places import load_places
from modemagent.registry.store.intake.ranges import StreamRanges


def has_hole(
    ranges: dict[int, StreamRanges],
    by_rank: dict[tuple[int, int], int],
    gateway: int,
    start: int,
    end: int,
) -> bool:
    """Return True if a number between two positions of a gateway is missing.

    :param by_rank: row of each stream, by gateway and rank
    """
    rank, first = divmod(start, 1 << SEQUENCE_BITS)
    last_rank, last = divmod(end, 1 << SEQUENCE_BITS)
    stream = by_rank.get((gateway, rank))
    if rank != last_rank or stream is None:
        return True
    return ranges[stream].has_hole(first, last)


def mark_closed_holes(
    batch: Batch, gateways: GatewayRows, ranges: Iterable[StreamRanges], places: PlaceLog
) -> None:
    """Measure the gaps at all places of a gateway around numbers that arrived late."""
    filled = [one for one in ranges if one.filled]
    batch.late = sum(len(one.filled) for one in filled)
    if not filled:
        return
    rows = {one.stream: gateways.stream_by_row[one.stream] for one in filled}
    keys = [(one,) for one in sorted({row.gateway for row in rows.values()})]
    for stored in load_places(batch.connection, ("gateway",), keys):
        place = places.include(stored)
        for one in filled:
            if rows[one.stream].gateway == place.gateway:
                base = position(rows[one.stream].rank, 0)
                place.touched += [
                    base + number for number in one.filled if base + number < place.last.position
                ]


def declare_lost(
    senders: Iterable[tuple[int, Sender]], gateways: GatewayRows, ranges: Mapping[int, StreamRanges]
) -> None:
    """Note the numbers that senders have declared lost.

    :param senders: each with the row of its gateway
    """
    for gateway, sender in senders:
        if sender.pending is not None:
            row = gateways.streams.get((gateway, sender.pending[0]))
            if row is not None and ranges[row.id].holes:
                ranges[row.id].pending = max(ranges[row.id].pending, sender.pending[1])
