"""The log of events: positions in the order of commits, and events that are held back.

An event gets its position when no number below its report may still arrive in its stream. Until
then its row has no position: timelines show it as held, and no list of events has it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import count
from typing import Any, NamedTuple

from modemagent.registry.store.database import dialect
from modemagent.registry.store.intake.batch import Batch
from modemagent.registry.store.intake.ranges import ranges_of, read_ranges
from modemagent.registry.store.tables import schema

Side = tuple[int | None, int | None, int | None, int | None, int | None, int | None]

#: place, modem, slot, SIM, IMSI and EID of a side that does not exist
NO_SIDE: Side = (None, None, None, None, None, None)
_SIDE = ("place", "modem", "slot", "sim", "imsi", "eid")
_COLUMNS = (
    "id", "position", "first_position", "event_id", "type", "revision", "withdrawn", "superseded",
    "replaces",
    "unit", "stream", "sequence", "lo_ms", "hi_ms", "recorded_ms",
    *(f"old_{name}" for name in _SIDE), *(f"new_{name}" for name in _SIDE),
)  # fmt: skip


class NewEvent(NamedTuple):
    """An event, or a revision of one.

    :param event_id: 16 bytes
    :param unit: the subject
    :param stream: row of the stream of the report that first shows it
    :param old: place, modem, slot, SIM, IMSI, EID before
    :param new: the same afterwards
    :param replaces: id of a withdrawn event that it takes the place of
    :param revision: from 1; higher if its time was corrected
    """

    event_id: bytes
    type: str
    unit: int
    stream: int
    sequence: int
    lo_ms: int
    hi_ms: int
    old: Side
    new: Side
    replaces: bytes | None = None
    revision: int = 1


def write(
    batch: Batch, added: Sequence[NewEvent], withdrawn: Sequence[int], revised: Sequence[int] = ()
) -> None:
    """Add events and withdraw others.

    :param withdrawn: rows of events that no longer follow; one without a position is deleted
    :param revised: rows of events of which ``added`` has a revision
    """
    connection = batch.connection
    positions = Positions(batch)
    if withdrawn or revised:
        positions.lock()  # one of them may be published just now
    held: list[dialect.Values] = []
    published: list[dialect.Values] = []
    gone = sorted({*withdrawn, *revised})
    for row in dialect.select_rows(
        connection, schema.event, ("id",), _COLUMNS, [(one,) for one in gone]
    ):
        (held if row[1] is None else published).append(row)
    dialect.delete_rows(connection, schema.event, ("id",), [(row[0],) for row in held])
    dialect.update_rows(
        connection, schema.event, ("id",), ("superseded",), [(True, row[0]) for row in published]
    )
    dead = set(withdrawn)
    rows: list[tuple[Any, ...]] = []
    for row in published:
        if row[0] in dead:
            key = batch.key()
            rows.append((key, positions.next(), row[2] or row[1], *row[3:5], row[5] + 1, True,
                         False, *row[8:14], batch.now_ms, *row[15:]))  # fmt: skip
    first = {bytes(row[3]): row[2] or row[1] for row in published}
    waits = waiting_since(batch, {(one.stream, one.sequence) for one in added})
    for one in sorted(added, key=_order):
        key = batch.key()
        position = None if _must_wait(batch, waits[one.stream, one.sequence]) else positions.next()
        rows.append((key, position, first.get(one.event_id), one.event_id, one.type,
                     one.revision, False, False, one.replaces, *one[2:7], batch.now_ms,
                     *one.old, *one.new))  # fmt: skip
    dialect.insert_rows(connection, schema.event, _COLUMNS, rows)
    positions.announce()


def publish_due(batch: Batch, streams: Iterable[int] | None = None) -> int:
    """Publish the held events that need not wait any longer; return their number.

    :param streams: rows of the streams in which something arrived; None: all
    """
    names = ("id", "stream", "sequence", "hi_ms", "type")
    chosen = ", ".join(names)
    query = f"SELECT {chosen} FROM event WHERE position IS NULL"  # noqa: S608
    held = (
        dialect.query(batch.connection, query)
        if streams is None
        else dialect.query_keys(batch.connection, f"{query} AND stream IN {{keys}}", streams)
    )
    waits = waiting_since(batch, {(row[1], row[2]) for row in held})
    due = [row for row in held if not _must_wait(batch, waits[row[1], row[2]])]
    if not due:
        return 0
    positions = Positions(batch)
    positions.lock()  # another process may have published or withdrawn some meanwhile
    keys = [(row[0],) for row in due]
    still = dialect.select_rows(batch.connection, schema.event, ("id",), ("id", "position"), keys)
    waiting = {row for row, position in still if position is None}
    due = [row for row in due if row[0] in waiting]
    due.sort(key=lambda row: (row[3], row[4], row[1], row[2]))
    rows = []
    for row in due:
        position = positions.next()
        rows.append((position, batch.now_ms, row[0]))
    changed = ("position", "recorded_ms")
    dialect.update_rows(batch.connection, schema.event, ("id",), changed, rows)
    positions.announce()
    return len(due)


def waiting_since(batch: Batch, reports: set[tuple[int, int]]) -> dict[tuple[int, int], int | None]:
    """Return when the oldest hole below each report was noticed; None if there is none."""
    ranges = dict(batch.ranges)
    keys = [(one,) for one in sorted({stream for stream, _ in reports} - ranges.keys())]
    names = ("id", "top", "pending")
    streams: list[Any] = dialect.select_rows(batch.connection, schema.stream, ("id",), names, keys)
    reads = read_ranges(batch.connection, [row for row, _, _ in streams], [])
    ranges.update(ranges_of(streams, *dialect.read_together(batch.connection, reads)))
    return {(stream, number): ranges[stream].oldest_wait(number) for stream, number in reports}


class Positions:
    """Positions of events; the log is locked when the first one is given."""

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self._numbers: count[int] | None = None
        self._used = False

    def next(self) -> int:
        """Return the next position."""
        self._used = True
        return next(self.lock())

    def lock(self) -> count[int]:
        """Lock the log until the end of the transaction; return the positions that follow."""
        if self._numbers is None:
            self._numbers = count(dialect.lock_event_log(self._batch.connection) + 1)
        return self._numbers

    def announce(self) -> None:
        """Tell other processes, and the caller of the batch, that positions were given."""
        if self._used:
            self._batch.events_changed = True
            dialect.notify_events(self._batch.connection)


def _must_wait(batch: Batch, since_ms: int | None) -> bool:
    return since_ms is not None and batch.now_ms - since_ms < batch.hold_back_ms


def _order(one: NewEvent) -> tuple[int, str, int, int]:
    return one.hi_ms, one.type, one.stream, one.sequence
