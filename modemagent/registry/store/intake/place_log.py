"""The places of one batch: new readings are inserted between their neighbours, or dropped.

A reading is inserted at its position, the gaps around it are measured again, and readings that
equal both their neighbours are dropped. The units of the neighbours are marked: their history may
have changed.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable
from itertools import pairwise

from modemagent.registry.history.readings import Seen, position
from modemagent.registry.store.database import dialect
from modemagent.registry.store.fleet.kept_readings import around, last_here, next_here
from modemagent.registry.store.intake.batch import Batch
from modemagent.registry.store.intake.place_rows import PlaceRows
from modemagent.registry.store.intake.places import (
    NOTHING,
    ROW_COLUMNS,
    UNKNOWN,
    Place,
    Row,
    Tail,
    row_of,
)
from modemagent.registry.store.tables import schema


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
        self._rows = PlaceRows(batch)
        self._losers: list[tuple[Place, Row]] = []

    def include(self, place: Place) -> Place:
        return self.places.setdefault((place.gateway, place.device_id), place)

    def get(self, gateway: int, device_id: str) -> Place:
        """Return a place; it is created if it is not known."""
        place = self.places.get((gateway, device_id))
        if place is None:
            place = Place(
                self._batch.key(), gateway, device_id, False, False, 0, 0, None, Seen.UNREAD, 0, 0,
                0, "", 0, -1, NOTHING, is_new=True,
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
            self._rows.add(place, row, counts=False)
        for place in waiting:
            self._settle(place, firsts.get(place.sighting))

    def _first_rows(self, waiting: list[Place]) -> dict[int, Row]:
        keys = [(place.sighting,) for place in waiting if place.sighting]
        rows = dialect.select_rows(
            self._batch.connection, schema.sighting, ("id",), ROW_COLUMNS, sorted(keys)
        )
        return {row[0]: row_of(row) for row in rows}

    def _settle(self, place: Place, first: Row | None) -> None:
        added = sorted(place.added, key=lambda row: (row.position, row.at.digest))
        known = {row.content.identity: row.content for row in added if row.content.slots}
        if first is not None:
            known[first.content.identity] = first.content
        for row in added:
            row.content = known.get(row.content.identity, row.content)
        tail = None if place.rebuild or place.touched else _tail(place, first, added)
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
                    self._rows.add(place, row, counts=False)
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
        if tail is None:
            self._batch.modems.update(one for one in dirty if one is not None)
            self._batch.slots += [row.content.slots for row in added]
        elif dirty:
            self._batch.tails.append(tail)
        self._batch.is_rebuilt |= place.rebuild
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
        connection = self._batch.connection
        end = place.last.position if place.sighting else -1
        virtual = (
            [Row(0, place.last, first.content, False, place.agreeing)]
            if first is not None and end > place.first_position
            else []
        )
        if place.rebuild:
            rows = [*around(connection, place, -1, 2**62), *virtual]
            return self._one_each(rows), None, None
        if low > end and first is not None:
            before = first if first.content.unit is not None else last_here(connection, place, low)
            return [first, *virtual], before, None
        rows = around(connection, place, low, high)
        after = None
        if rows and rows[-1].position >= place.first_position:
            rows += virtual
        else:
            after = next_here(connection, place, rows[-1]) if rows else None
        before = None
        if not any(row.position < low and row.content.unit is not None for row in rows):
            before = last_here(connection, place, rows[0].position if rows else low)
        return rows, before, after

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
            self._rows.uncount(row)

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
                    self._rows.drop(middle)
            kept.append(row)
        return kept

    def _finish(self, place: Place, window: list[Row], old_slots: bytes) -> None:
        """Set the state of a place by its last readings; the very last one needs no row."""
        place.changed = True
        if not window:
            place.sighting, place.unit, place.seen, place.identity = 0, None, Seen.UNREAD, 0
            place.last, place.first_position, place.agreeing = NOTHING, -1, 0
            place.likeness = 0
            self._rows.slots_changed(place, old_slots, b"")
            return
        last = window[-1]
        first, place.agreeing = last, 0
        if len(window) > 1 and _continues(window[-2], last):
            first, place.agreeing = window[-2], last.agreeing
            window.pop()
            if last.stored:
                self._rows.drop(last)
        first.id = first.id or self._batch.key()
        content = first.content
        place.sighting, place.first_position, place.last = first.id, first.position, last.at
        place.unit, place.seen, place.identity = content.unit, content.seen, content.identity
        if content.identity != place.newest_identity:
            place.likeness = 0
        place.slots = content.slots
        if old_slots != content.slots:
            self._rows.slots_changed(place, old_slots, content.slots)

    def _write_row(self, place: Place, row: Row) -> None:
        if not row.stored:
            row.id = row.id or self._batch.key()
            self._rows.add(place, row, counts=True)
        elif row.changed:
            self._rows.change(row)

    def write(self) -> None:
        """Write the places and their readings."""
        self._rows.write(self.places.values())


def _tail(place: Place, first: Row | None, added: list[Row]) -> Tail | None:
    """Return readings at the end of the history of a modem; None if they may be something else.

    :param first: first reading of the open span, if any
    """
    known = None if first is None else Row(first.id, place.last, first.content, False)
    if place.contested or not added or (known is None and not place.is_new):
        return None
    unit = added[0].content.unit
    rows = added if known is None else [known, *added]
    in_order = all(
        one.position < other.position
        and one.at.stream == other.at.stream
        and one.content[:4] == other.content[:4]  # seen, unit, make, reader
        for one, other in pairwise(rows)
    )
    return Tail(unit, place, known, added) if unit is not None and in_order else None


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
