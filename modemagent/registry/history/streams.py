"""Order of the streams and boots of one gateway, and boots of copied disks.

Inside a stream the sequence number alone decides. A stream is renewed when a gateway loses its
state: if both streams saw one boot, the uptime in it decides, else the dates of their boots.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from modemagent.registry.history.dates import BootClock, date_boots
from modemagent.registry.history.readings import ERA_BITS, Key


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


class StreamOrder(NamedTuple):
    """Order of the streams and boots of one gateway.

    :param ranks: rank of each stream; ranks of different eras (``rank >> 10``) are in unknown order
    :param boots: the boots that count, in order; each inner list is one era
    :param aliens: boots that begin inside the numbers of another boot: copies of a disk
    """

    ranks: dict[Key, int]
    boots: list[list[Key]]
    aliens: set[Key]


def order_streams(parts: Sequence[StreamPart], clocks: Mapping[Key, BootClock]) -> StreamOrder:
    """Return the order of a gateway's streams and boots, and the boots of copied disks.

    Boots and streams are given by their ids, which break ties.
    """
    aliens = find_aliens(parts)
    boots: dict[Key, list[StreamPart]] = {part.stream: [] for part in parts}
    for part in sorted(parts, key=_by_sequence):
        if part.boot not in aliens:
            boots[part.stream].append(part)
    if len(boots) == 1:
        ((stream, only),) = boots.items()
        return StreamOrder({stream: 0}, [[part.boot for part in only]], aliens)
    dated: list[tuple[int, Key, list[Key], list[Key]]] = []
    undated: list[tuple[Key, list[Key], list[Key]]] = []
    for streams in _chains(boots):
        ordered = list(dict.fromkeys(part.boot for one in streams for part in boots[one]))
        dates = date_boots([clocks[boot] for boot in ordered])
        start = next((one.lo_ms for one in dates if one.chosen), None)
        if start is None:
            undated.append((streams[0], streams, ordered))
        else:
            dated.append((start, streams[0], streams, ordered))
    dated.sort(key=lambda one: one[:2])
    undated.sort(key=lambda one: one[0])
    eras = [([one[2] for one in dated], [one[3] for one in dated])] if dated else []
    eras += [([streams], [ordered]) for _, streams, ordered in undated]
    ranks = {
        stream: era << ERA_BITS | index
        for era, (chains, _) in enumerate(eras)
        for index, stream in enumerate(stream for chain in chains for stream in chain)
    }
    return StreamOrder(ranks, [[boot for one in each for boot in one] for _, each in eras], aliens)


def find_aliens(parts: Sequence[StreamPart]) -> set[Key]:
    """Return the boots that begin inside the numbers of a boot that began before them.

    >>> find_aliens([StreamPart("s", "a", 1, 9, 0), StreamPart("s", "copy", 7, 12, 0)])
    {'copy'}
    """
    aliens: set[Key] = set()
    last: dict[Key, int] = {}
    for part in sorted(parts, key=_by_sequence):
        if part.first <= last.get(part.stream, 0):
            aliens.add(part.boot)
        else:
            last[part.stream] = part.last
    return aliens


def _by_sequence(part: StreamPart) -> tuple[Key, int, Key]:
    return (part.stream, part.first, part.boot)


def _chains(boots: Mapping[Key, Sequence[StreamPart]]) -> list[list[Key]]:
    """Group streams that share boots, each group in the order of uptime in the shared boots."""
    shared: dict[Key, list[StreamPart]] = defaultdict(list)
    for parts in boots.values():
        for part in parts:
            shared[part.boot].append(part)
    later: dict[Key, set[Key]] = {stream: set() for stream in boots}
    group: dict[Key, set[Key]] = {stream: {stream} for stream in boots}
    for parts in shared.values():
        parts.sort(key=lambda part: (part.up_ms, part.stream))
        for one, next_one in pairwise(parts):
            later[one.stream].add(next_one.stream)
            if group[one.stream] is not group[next_one.stream]:
                joined = group[one.stream] | group[next_one.stream]
                group.update(dict.fromkeys(joined, joined))
    chains: list[list[Key]] = []
    for streams in {id(one): one for one in group.values()}.values():
        waiting, chain = sorted(streams), []
        while waiting:  # the first stream that no waiting one precedes
            stream = next(
                (one for one in waiting if not any(one in later[other] for other in waiting)),
                waiting[0],
            )
            waiting.remove(stream)
            chain.append(stream)
        chains.append(chain)
    return chains
