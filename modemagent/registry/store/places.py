"""Places of gateways: their newest reading, and the readings that are kept.

A reading that equals both its neighbours is not kept: the open span of a place is the row of its
first reading and the newest one, which is in the columns ``last_*`` of the place. The end of a span
becomes a row when something different follows.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, NamedTuple

from sqlalchemy import Connection, select

from modemagent.registry.history.readings import Seen, position
from modemagent.registry.store import dialect, schema
from modemagent.registry.store.batch import Batch
from modemagent.registry.store.ranges import StreamRanges


class Content(NamedTuple):
    """What a reading states about its place; equal for all readings of a span.

    :param identity: digest of the part of the report that it was read from
    :param slots: packed by :func:`modemagent.registry.store.slots.pack`
    """

    seen: int
    unit: int | None
    make: int | None
    reader: str | None
    serial_number: int | None
    imeisv: int | None
    meid: int | None
    slots: bytes
    identity: int


class Clocks(NamedTuple):
    """When a reading was taken, by the gateway's clocks and the registry's.

    :param digest: of the body
    """

    stream: int
    sequence: int
    position: int
    boot: int
    uptime_ms: int
    wall_ms: int
    received_ms: int
    synchronized: bool
    digest: int


@dataclass(slots=True)
class Row:
    """A kept reading."""

    id: int
    at: Clocks
    content: Content
    gap_before: bool
    agreeing: int = 0
    stored: bool = False
    changed: bool = False

    @property
    def position(self) -> int:
        return self.at.position


_CLOCKS = Clocks._fields
_CONTENT = Content._fields
_ROW = ("id", "place", "counts", "gap_before", "agreeing", *_CLOCKS, *_CONTENT)


@dataclass(slots=True, eq=False)
class Place:
    """A position of a gateway.

    :param sighting: row of the first reading of the open span, 0 if no reading counts
    :param first_position: position of that reading
    :param last: the newest reading; of the same span
    :param added: readings of this batch, other than those that extend the open span
    :param touched: positions at which a hole has closed
    :param rebuild: the order of the readings, or which of them count, has changed
    """

    id: int
    gateway: int
    device_id: str
    watch: bool
    contested: bool
    heard_day: int
    sighting: int
    unit: int | None
    seen: int
    identity: int
    problems: int
    mcc: str
    agreeing: int
    first_position: int
    last: Clocks
    is_new: bool = False
    changed: bool = False
    added: list[Row] = field(default_factory=list)
    touched: list[int] = field(default_factory=list)
    rebuild: bool = False
    newest: int = 0  # position and identity of the newest reading, those in ``added`` included
    newest_identity: int = 0

    def __post_init__(self) -> None:
        self.newest, self.newest_identity = self.last.position, self.identity

    def extends(self, at: Clocks, identity: int, ranges: StreamRanges) -> bool:
        """Return True if a reading only continues the open span."""
        last = self.last
        return (
            not self.added
            and not self.contested
            and not self.watch
            and identity == self.identity
            and at.boot == last.boot
            and at.stream == last.stream
            and at.position > last.position
            and not ranges.has_hole(last.sequence, at.sequence)
        )

    def extend(self, at: Clocks) -> None:
        """Make a reading that continues the open span the newest one."""
        if self.last.position != self.first_position:
            self.agreeing += 1
        self.last = at
        self.newest = at.position
        self.changed = True

    def add(self, row: Row) -> None:
        """Add a reading of any other kind."""
        self.added.append(row)
        if row.position > self.newest:
            self.newest, self.newest_identity = row.position, row.content.identity


NOTHING = Clocks(0, 0, -1, 0, 0, 0, 0, False, 0)
UNKNOWN = Content(Seen.UNREAD, None, None, None, None, None, None, b"", 0)

_PLACE = (
    "id", "gateway", "device_id", "watch", "contested", "heard_day", "sighting", "unit", "seen",
    "identity", "problems", "mcc", "agreeing", "first_position",
    *(f"last_{name}" for name in _CLOCKS),
)  # fmt: skip
_PLACE_CHANGES = _PLACE[5:]


def load_places(
    connection: Connection, key: tuple[str, ...], keys: Iterable[tuple[Any, ...]]
) -> list[Place]:
    """Return places by their key."""
    rows: list[Any] = dialect.select_rows(connection, schema.place, key, _PLACE, keys)
    found = []
    for id_, gateway, device_id, watch, contested, *rest in rows:
        state: list[Any] = [id_, gateway, device_id, bool(watch), bool(contested), *rest[:9]]
        state.append(clocks_of(rest[9:]))
        found.append(Place(*state))
    return found


def clocks_of(values: Iterable[Any]) -> Clocks:
    found = Clocks(*values)
    return found._replace(synchronized=bool(found.synchronized))


def row_of(values: tuple[Any, ...]) -> Row:
    """Return a stored reading from the columns :data:`ROW_COLUMNS`."""
    content = Content(*values[5 + len(_CLOCKS) :])
    at = clocks_of(values[5 : 5 + len(_CLOCKS)])
    content = content._replace(slots=bytes(content.slots))
    return Row(values[0], at, content, bool(values[3]), values[4], stored=True)


ROW_COLUMNS = _ROW


class PlaceLog:
    """The places of one batch, and the readings that it adds to them.

    :param places: as stored
    :param hole: whether a number between two positions of a gateway is missing
    """

    def __init__(
        self, batch: Batch, places: Iterable[Place], hole: Callable[[int, int, int], bool]
    ) -> None:
        self._batch = batch
        self._hole = hole
        self.places: dict[tuple[int, str], Place] = {}
        for place in places:
            self.include(place)
        self._new: list[tuple[Any, ...]] = []
        self._changed: list[tuple[Any, ...]] = []
        self._gone: list[tuple[int]] = []
        self._uncounted: list[tuple[int]] = []
        self._losers: list[tuple[Place, Row]] = []
        self.cards: list[tuple[Place, bytes, bytes]] = []  # places whose slots have changed

    def include(self, place: Place) -> Place:
        return self.places.setdefault((place.gateway, place.device_id), place)

    def get(self, gateway: int, device_id: str) -> Place:
        """Return a place; it is created if it is not known."""
        place = self.places.get((gateway, device_id))
        if place is None:
            place = Place(
                self._batch.key(), gateway, device_id, False, False, 0, 0, None, Seen.UNREAD, 0, 0,
                "", 0, -1, NOTHING, is_new=True,
            )  # fmt: skip
            self.places[gateway, device_id] = place
        return place

    def add_uncounted(self, place: Place, row: Row) -> None:
        """Keep a reading that does not count: of a copied disk, or of a body in a conflict."""
        self._losers.append((place, row))

    def renumber(self, place: Place, ranks: dict[int, int], aliens: set[int]) -> None:
        """Rebuild a place whose streams have other ranks, or boots that count or do not count now.

        :param aliens: boots that do not count
        """
        last = place.last
        if last.boot in aliens:
            if last.position != place.first_position and place.sighting:
                self.add_uncounted(place, Row(0, last, UNKNOWN, gap_before=True))
            place.last, place.first_position = NOTHING, -1
        elif last.stream in ranks:
            place.last = last._replace(position=position(ranks[last.stream], last.sequence))
            place.first_position += place.last.position - last.position
        place.newest = place.last.position
        place.rebuild = place.changed = True

    def settle(self) -> None:
        """Insert the new readings, drop those that add nothing, and mark the units concerned."""
        waiting = [
            place for place in self.places.values() if place.added or place.touched or place.rebuild
        ]
        firsts = self._first_rows([*waiting, *(place for place, _ in self._losers)])
        for place, row in self._losers:
            first = firsts.get(place.sighting)
            if not row.content.slots and first is not None:
                row.content = first.content
            row.id = row.id or self._batch.key()
            self._new.append(_values(place, row, counts=False))
        for place in waiting:
            self._settle(place, firsts.get(place.sighting))

    def _first_rows(self, waiting: list[Place]) -> dict[int, Row]:
        keys = [(place.sighting,) for place in waiting if place.sighting]
        rows = dialect.select_rows(
            self._batch.connection, schema.sighting, ("id",), _ROW, sorted(keys)
        )
        return {row[0]: row_of(row) for row in rows}

    def _settle(self, place: Place, first: Row | None) -> None:
        added = sorted(place.added, key=lambda row: (row.position, row.at.digest))
        known = {row.content.identity: row.content for row in added if row.content.slots}
        if first is not None:
            known[first.content.identity] = first.content
        for row in added:
            row.content = known.get(row.content.identity, row.content)
        positions = [row.position for row in added] + place.touched
        window, before, after = self._window(place, first, min(positions, default=0),
                                             max(positions, default=0))  # fmt: skip
        old_slots = first.content.slots if first is not None else b""
        dirty: set[int | None] = set()
        for row in added:
            at = bisect_left(window, row.position, key=_position)
            if at < len(window) and window[at].position == row.position:
                if window[at].at.digest < row.at.digest:
                    row.id = self._batch.key()
                    self._new.append(_values(place, row, counts=False))
                    continue
                self._replaced(window.pop(at), dirty)
            window.insert(at, row)
            if not (at and after is None and _repeats_newest(place, window, at)):
                self._mark_around(window, at, before, after, dirty)
        self._measure_gaps(place, window, dirty)
        if place.rebuild:
            dirty.update(row.content.unit for row in window)
        window = self._without_agreeing(window)
        if after is None:
            self._finish(place, window, old_slots)
        for row in window:
            self._write_row(place, row)
        self._batch.modems.update(one for one in dirty if one is not None)
        place.added, place.touched, place.rebuild = [], [], False

    def _window(
        self, place: Place, first: Row | None, low: int, high: int
    ) -> tuple[list[Row], Row | None, Row | None]:
        """Return the kept readings around positions, and those just outside.

        :returns: the readings to work on, the last one with a unit before them, and the first one
            after them; None if there is none
        """
        if first is None and not place.rebuild:
            return [], None, None
        end = place.last.position if place.sighting else -1
        virtual = (
            [Row(0, place.last, first.content, False, place.agreeing)]
            if first is not None and end > place.first_position
            else []
        )
        if place.rebuild:
            rows = [*self._load(place, -1, 2**62), *virtual]
            return self._one_each(rows), None, None
        if low > end and first is not None:
            before = first if first.content.unit is not None else self._last_here(place, low)
            return [first, *virtual], before, None
        rows = self._load(place, low, high)
        after = None
        if rows and rows[-1].position >= place.first_position:
            rows += virtual
        else:
            after = self._next_here(place, rows[-1]) if rows else None
        before = self._last_here(place, rows[0].position if rows else low)
        return rows, before, after

    def _load(self, place: Place, low: int, high: int) -> list[Row]:
        """Return the kept readings from two before a position to two after another, in order."""
        table = schema.sighting
        c = table.c
        here = (c.place == place.id) & c.counts
        columns = [c[name] for name in _ROW]
        connection = self._batch.connection
        before = connection.execute(
            select(*columns).where(here, c.position < low).order_by(c.position.desc()).limit(2)
        ).all()
        rest = (
            select(*columns).where(here, c.position >= low, c.position <= high)
            .order_by(c.position)
        )  # fmt: skip
        following = select(*columns).where(here, c.position > high).order_by(c.position).limit(2)
        found = [*reversed(before), *connection.execute(rest), *connection.execute(following)]
        return [row_of(tuple(row)) for row in found]

    def _last_here(self, place: Place, position: int) -> Row | None:
        c = schema.sighting.c
        query = (
            select(*(c[name] for name in _ROW))
            .where(c.place == place.id, c.counts, c.seen == Seen.HERE, c.position < position)
            .order_by(c.position.desc())
            .limit(1)
        )
        row = self._batch.connection.execute(query).first()
        return None if row is None else row_of(tuple(row))

    def _next_here(self, place: Place, row: Row) -> Row:
        """Return the first reading with a unit from a reading on, else that reading."""
        if row.content.unit is not None:
            return row
        c = schema.sighting.c
        query = (
            select(*(c[name] for name in _ROW))
            .where(c.place == place.id, c.counts, c.seen == Seen.HERE)
            .where(c.position > row.position)
            .order_by(c.position)
            .limit(1)
        )
        found = self._batch.connection.execute(query).first()
        return row if found is None else row_of(tuple(found))

    def _one_each(self, rows: list[Row]) -> list[Row]:
        """Of readings with one position, keep that with the smallest digest."""
        kept: list[Row] = []
        for row in sorted(rows, key=lambda one: (one.position, one.at.digest)):
            if kept and kept[-1].position == row.position:
                self._replaced(row, set())
            else:
                kept.append(row)
        return kept

    def _replaced(self, row: Row, dirty: set[int | None]) -> None:
        """Take a reading out whose body lost a conflict."""
        dirty.add(row.content.unit)
        if row.stored:
            self._uncounted.append((row.id,))

    def _mark_around(
        self,
        window: list[Row],
        at: int,
        before: Row | None,
        after: Row | None,
        dirty: set[int | None],
    ) -> None:
        """Mark the units of a reading and of the nearest ones with a unit on both sides."""
        dirty.add(window[at].content.unit)
        one = next((row for row in reversed(window[:at]) if row.content.unit is not None), before)
        other = next((row for row in window[at + 1 :] if row.content.unit is not None), None)
        dirty.update(row.content.unit for row in (one, other, after) if row is not None)

    def _measure_gaps(self, place: Place, window: list[Row], dirty: set[int | None]) -> None:
        """Find out again between which neighbours a number is missing."""
        for one, other in pairwise(window):
            gap = one.at.stream != other.at.stream or self._hole(
                place.gateway, one.position, other.position
            )
            if gap != other.gap_before:
                other.gap_before = gap
                other.changed = True
                if other.stored:
                    dirty.update((one.content.unit, other.content.unit))
        for row in window[:1]:
            row.gap_before = row.gap_before if row.stored else True

    def _without_agreeing(self, window: list[Row]) -> list[Row]:
        """Drop the readings that equal both neighbours."""
        kept: list[Row] = []
        for row in window:
            if len(kept) > 1 and _continues(kept[-2], kept[-1]) and _continues(kept[-1], row):
                middle = kept.pop()
                row.agreeing += middle.agreeing + 1
                row.changed = True
                if middle.stored:
                    self._gone.append((middle.id,))
            kept.append(row)
        return kept

    def _finish(self, place: Place, window: list[Row], old_slots: bytes) -> None:
        """Set the state of a place by its last readings; the very last one needs no row."""
        place.changed = True
        if not window:
            place.sighting, place.unit, place.seen, place.identity = 0, None, Seen.UNREAD, 0
            place.last, place.first_position, place.agreeing = NOTHING, -1, 0
            self.cards.append((place, old_slots, b""))
            return
        last = window[-1]
        first, place.agreeing = last, 0
        if len(window) > 1 and _continues(window[-2], last):
            first, place.agreeing = window[-2], last.agreeing
            window.pop()
            if last.stored:
                self._gone.append((last.id,))
        first.id = first.id or self._batch.key()
        content = first.content
        place.sighting, place.first_position, place.last = first.id, first.position, last.at
        place.unit, place.seen, place.identity = content.unit, content.seen, content.identity
        if old_slots != content.slots:
            self.cards.append((place, old_slots, content.slots))

    def _write_row(self, place: Place, row: Row) -> None:
        if not row.stored:
            row.id = row.id or self._batch.key()
            self._new.append(_values(place, row, counts=True))
        elif row.changed:
            self._changed.append((row.gap_before, row.agreeing, row.id))

    def write(self) -> None:
        """Write the places and their readings."""
        connection, sighting = self._batch.connection, schema.sighting
        dialect.delete_rows(connection, sighting, ("id",), self._gone)
        dialect.insert_rows(connection, sighting, _ROW, self._new)
        dialect.update_rows(
            connection, sighting, ("id",), ("gap_before", "agreeing"), self._changed
        )
        dialect.update_rows(
            connection, sighting, ("id",), ("counts",), [(False, *one) for one in self._uncounted]
        )
        new = [place for place in self.places.values() if place.is_new]
        changed = [one for one in self.places.values() if one.changed and not one.is_new]
        dialect.insert_rows(
            connection, schema.place, _PLACE, [_place_values(one, _PLACE) for one in new]
        )
        dialect.update_rows(
            connection,
            schema.place,
            ("id",),
            _PLACE_CHANGES,
            [(*_place_values(one, _PLACE_CHANGES), one.id) for one in changed],
        )


def _place_values(place: Place, names: tuple[str, ...]) -> tuple[Any, ...]:
    own = tuple(getattr(place, name) for name in names if not name.startswith("last_"))
    return own + tuple(place.last)


def _values(place: Place, row: Row, *, counts: bool) -> tuple[Any, ...]:
    return (
        row.id, place.id, counts, row.gap_before, row.agreeing, *row.at, *row.content,
    )  # fmt: skip


def _position(row: Row) -> int:
    return row.at.position


def _repeats_newest(place: Place, window: list[Row], at: int) -> bool:
    """Return True if the newest reading states what the one before it did, at a calm place.

    A longer stay of a unit that was elsewhere only before changes nothing in its history. In
    another stream the reading might be older.
    """
    return (
        at == len(window) - 1
        and not place.contested
        and not place.rebuild
        and window[at].at.stream == window[at - 1].at.stream
        and window[at].content[:-1] == window[at - 1].content[:-1]
    )


def _continues(one: Row, other: Row) -> bool:
    return (
        one.content.identity == other.content.identity
        and one.at.boot == other.at.boot
        and not other.gap_before
    )
