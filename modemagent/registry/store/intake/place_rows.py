"""Rows of places and of their kept readings, written once for each batch."""

from __future__ import annotations

from collections.abc import Collection
from operator import attrgetter
from typing import Any

from modemagent.registry.store.database import dialect
from modemagent.registry.store.intake.batch import Batch, Contested
from modemagent.registry.store.intake.places import PLACE_COLUMNS, ROW_COLUMNS, Place, Row
from modemagent.registry.store.intake.slots import unpack
from modemagent.registry.store.tables import schema

_CHANGES = PLACE_COLUMNS[5:]
_all_of = attrgetter(*(name for name in PLACE_COLUMNS if not name.startswith("last_")))
_changes_of = attrgetter(*(name for name in _CHANGES if not name.startswith("last_")))


class PlaceRows:
    """What a batch adds to the kept readings of its places, and changes or drops of them."""

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self._new: list[tuple[Any, ...]] = []
        self._changed: list[tuple[Any, ...]] = []
        self._gone: list[tuple[int]] = []
        self._uncounted: list[tuple[int]] = []
        self._sims: list[tuple[Place, bytes, bytes]] = []

    def add(self, place: Place, row: Row, *, counts: bool) -> None:
        """Keep a new reading."""
        self._new.append(
            (row.id, place.id, counts, row.gap_before, row.agreeing, *row.at, *row.content)
        )

    def change(self, row: Row) -> None:
        """Write what has changed around a stored reading."""
        self._changed.append((row.gap_before, row.agreeing, row.id))

    def drop(self, row: Row) -> None:
        """Forget a stored reading."""
        self._gone.append((row.id,))

    def uncount(self, row: Row) -> None:
        """Keep a stored reading, which does not count any longer."""
        self._uncounted.append((row.id,))

    def slots_changed(self, place: Place, before: bytes, after: bytes) -> None:
        """Note the packed slots of a place."""
        self._sims.append((place, before, after))

    def write(self, places: Collection[Place]) -> None:
        """Write the places and their readings, and which SIMs are in their slots.

        :param places: those of the batch, changed or not
        """
        connection, sighting = self._batch.connection, schema.sighting
        dialect.delete_rows(connection, sighting, ("id",), self._gone)
        dialect.insert_rows(connection, sighting, ROW_COLUMNS, self._new)
        dialect.update_rows(
            connection, sighting, ("id",), ("gap_before", "agreeing"), self._changed
        )
        dialect.update_rows(
            connection, sighting, ("id",), ("counts",), [(False, *one) for one in self._uncounted]
        )
        new = [place for place in places if place.is_new]
        changed = [one for one in places if one.changed and not one.is_new]
        dialect.insert_rows(
            connection,
            schema.place,
            PLACE_COLUMNS,
            [(*_all_of(one), *one.last) for one in new],
        )
        dialect.update_rows(
            connection,
            schema.place,
            ("id",),
            _CHANGES,
            [(*_changes_of(one), *one.last, one.id) for one in changed],
        )
        self._check_contested(changed)
        self._write_sims()

    def _check_contested(self, changed: list[Place]) -> None:
        """Check that no other process has found out meanwhile that a unit is elsewhere too.

        :raises Contested: the readings of such a place do change the history of a unit
        """
        connection = self._batch.connection
        if dialect.is_sqlite(connection):
            return
        before = {place.id: place.contested for place in changed}
        keys = [(one,) for one in sorted(before)]
        names = ("id", "contested")
        for row, contested in dialect.select_rows(connection, schema.place, ("id",), names, keys):
            if contested and not before[row]:
                raise Contested

    def _write_sims(self) -> None:
        """Write which SIMs are in the slots of the places whose slots have changed."""
        gone: set[tuple[int, int, int]] = set()
        new: set[tuple[int, int, int]] = set()
        for place, before, after in self._sims:
            gone |= {(one.sim, place.id, one.slot) for one in unpack(before) if one.sim > 0}
            new |= {(one.sim, place.id, one.slot) for one in unpack(after) if one.sim > 0}
        key = ("sim", "place", "slot")
        connection = self._batch.connection
        dialect.delete_rows(connection, schema.place_sim, key, sorted(gone - new))
        dialect.insert_new(connection, schema.place_sim, key, sorted(new - gone))
