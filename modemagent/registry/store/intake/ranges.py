"""Numbers of a stream that were received, and those that are missing.

Received numbers are ranges for each boot, because the copies of a disk use the same numbers.
Missing numbers, below the highest received one, are *holes*: as long as there is a hole between two
readings of a place, it is unknown what happened between them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from modemagent.registry.store.database import dialect
from modemagent.registry.store.database.dialect import Read, Rows
from modemagent.registry.store.tables import schema

REJECTED = 0  # stands for the boot of rejected reports

_RECEIVED = ("stream", "boot", "first", "last")
_LIMITS = ("stream", "first", "last")

Range = list[int]  # first, last


@dataclass(slots=True)
class StreamRanges:
    """Received and missing numbers of one stream; of the received ones those near a batch.

    :param top: highest received number
    :param pending: lower numbers that are missing will never arrive
    :param holes: first and last missing number, and when a number above them was first received
    :param filled: numbers of the batch that were missing
    :param aliens: boots of copied disks, whose numbers do not close a hole
    """

    stream: int
    top: int
    pending: int
    received: dict[int, list[Range]] = field(default_factory=dict)
    holes: list[list[int]] = field(default_factory=list)
    filled: list[int] = field(default_factory=list)
    _stored: dict[tuple[int, int], int] = field(default_factory=dict)
    _stored_holes: dict[int, tuple[int, int]] = field(default_factory=dict)
    _stored_state: tuple[int, int] = (0, 0)
    holes_changed: bool = False
    aliens: set[int] = field(default_factory=set)

    def contains(self, boot: int, number: int) -> bool:
        """Return True if a number was received in a boot."""
        ranges = self.received.get(boot)
        if not ranges:
            return False
        at = bisect_right(ranges, number, key=_first) - 1
        return at >= 0 and ranges[at][1] >= number

    def boots_with(self, number: int) -> list[int]:
        """Return the boots that a number was received in, without rejected reports."""
        return [boot for boot in self.received if boot and self.contains(boot, number)]

    def add(self, boot: int, number: int, received_ms: int) -> None:
        """Add a received number."""
        ranges = self.received.setdefault(boot, [])
        at = bisect_right(ranges, number, key=_first)
        before = ranges[at - 1] if at else None
        after = ranges[at] if at < len(ranges) else None
        if before is not None and before[1] >= number:
            return
        if before is not None and before[1] == number - 1:
            before[1] = number
            if after is not None and after[0] == number + 1:
                before[1] = after[1]
                del ranges[at]
        elif after is not None and after[0] == number + 1:
            after[0] = number
        else:
            ranges.insert(at, [number, number])
        self._fill(number, received_ms)

    def add_again(self, boot: int, number: int, received_ms: int) -> None:
        """Add a number that was received in another boot, which may not count."""
        self.add(boot, number, received_ms)
        self.filled.append(number)

    def _fill(self, number: int, received_ms: int) -> None:
        if number > self.top:
            if number > self.top + 1:
                self.holes.append([self.top + 1, number - 1, received_ms])
                self.holes_changed = True
            self.top = number
            return
        at = bisect_right(self.holes, number, key=_first) - 1
        if at < 0 or self.holes[at][1] < number:
            return
        first, last, since_ms = self.holes[at]
        parts = [[first, number - 1, since_ms], [number + 1, last, since_ms]]
        self.holes[at : at + 1] = [one for one in parts if one[0] <= one[1]]
        self.holes_changed = True
        self.filled.append(number)

    def has_hole(self, start: int, end: int) -> bool:
        """Return True if a number between two received ones is missing."""
        if self.aliens:
            return self._has_hole_without_aliens(start, end)
        at = bisect_right(self.holes, end, key=_first) - 1
        return at >= 0 and self.holes[at][1] > start

    def _has_hole_without_aliens(self, start: int, end: int) -> bool:
        number = start + 1
        ranges = [
            one
            for boot, some in self.received.items()
            if boot not in self.aliens
            for one in some
            if one[1] > start
        ]
        for first, last in sorted(ranges):
            if first > number:
                break
            number = max(number, last + 1)
        return number < end

    @property
    def may_release_events(self) -> bool:
        """True if a hole has closed or was declared lost in this batch."""
        return bool(self.filled) or self.pending != self._stored_state[1]

    def oldest_wait(self, number: int) -> int | None:
        """Return when the oldest hole below a number was noticed; None if none may still close."""
        waits = [hole[2] for hole in self.holes if hole[0] < number and hole[1] >= self.pending]
        return min(waits, default=None)


def _first(one: Sequence[int]) -> int:
    return one[0]


def read_ranges(
    connection: Connection, streams: Iterable[int], near: Iterable[tuple[int, int, int]]
) -> tuple[Read | None, Read | None]:
    """Return the queries for received numbers of streams, and for the missing ones.

    :param near: row of a stream, and the lowest and highest number whose ranges are needed
    """
    wanted = [(stream, first - 1, last + 1) for stream, first, last in near]
    keys = [(stream,) for stream in streams]
    names = ("stream", "first", "last", "since_ms")
    return (
        dialect.rows_overlapping(connection, schema.received, _LIMITS, _RECEIVED, wanted),
        dialect.rows_of(connection, schema.hole, ("stream",), names, keys),
    )


def ranges_of(
    streams: Iterable[tuple[int, int, int]], received: Rows, holes: Rows
) -> dict[int, StreamRanges]:
    """Return the ranges of streams from the rows of :func:`read_ranges`.

    :param streams: row, highest received number, pending number
    """
    found = {
        stream: StreamRanges(stream, top, pending, _stored_state=(top, pending))
        for stream, top, pending in streams
    }
    for stream, boot, first, last in received:
        found[stream].received.setdefault(boot, []).append([first, last])
        found[stream]._stored[boot, first] = last
    for stream, first, last, since_ms in holes:
        found[stream].holes.append([first, last, since_ms])
        found[stream]._stored_holes[first] = last, since_ms
    for one in found.values():
        one.holes.sort()
        for ranges in one.received.values():
            ranges.sort()
    return found


def load_rest(connection: Connection, streams: Iterable[StreamRanges]) -> None:
    """Load the ranges of streams that were not near the batch."""
    by_row = {one.stream: one for one in streams}
    wanted = [(stream, 0, 1 << 62) for stream in by_row]
    read = dialect.rows_overlapping(connection, schema.received, _LIMITS, _RECEIVED, wanted)
    (rows,) = dialect.read_together(connection, [read])
    for stream, boot, first, last in rows:
        one = by_row[stream]
        if (boot, first) not in one._stored:
            one._stored[boot, first] = last
            one.received.setdefault(boot, []).append([first, last])
            one.received[boot].sort()


def write_ranges(connection: Connection, streams: Iterable[StreamRanges]) -> None:
    """Write the ranges, holes and pending numbers that have changed."""
    gone: list[tuple[int, ...]] = []
    new: list[tuple[int, ...]] = []
    longer: list[tuple[int, ...]] = []
    holes_gone: list[tuple[int, ...]] = []
    holes: list[tuple[int, ...]] = []
    states: list[tuple[int, ...]] = []
    for one in streams:
        now = {
            (boot, first): last for boot, ranges in one.received.items() for first, last in ranges
        }
        for (boot, first), last in now.items():
            before = one._stored.pop((boot, first), None)
            if before is None:
                new.append((one.stream, boot, first, last))
            elif before != last:
                longer.append((last, one.stream, boot, first))
        gone += [(one.stream, boot, first) for boot, first in one._stored]
        if one.holes_changed:
            stored = dict(one._stored_holes)
            for first, last, since_ms in one.holes:
                if stored.pop(first, None) != (last, since_ms):
                    holes.append((one.stream, first, last, since_ms))
            holes_gone += [(one.stream, first) for first in stored]
        if (one.top, one.pending) != one._stored_state:
            states.append((one.top, one.pending, one.stream))
    key = ("stream", "boot", "first")
    dialect.delete_rows(connection, schema.received, key, gone)
    dialect.insert_rows(connection, schema.received, (*key, "last"), new)
    dialect.update_rows(connection, schema.received, key, ("last",), longer)
    dialect.delete_rows(connection, schema.hole, ("stream", "first"), holes_gone)
    dialect.upsert_rows(connection, schema.hole, ("stream", "first"), ("last", "since_ms"), holes)
    dialect.update_rows(connection, schema.stream, ("id",), ("top", "pending"), states)
