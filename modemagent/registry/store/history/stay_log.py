"""Stays as rows: what was derived, compared with what is recorded, and written bitemporally.

A row that no longer holds keeps its content and gets an end of recording. The last reading of an
open stay is that of its place, so it is not compared.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

from modemagent.registry.history.individuals import Individual, Related, Stay
from modemagent.registry.history.readings import ReportTime, is_before
from modemagent.registry.store.database import dialect
from modemagent.registry.store.database.dialect import Read, Rows
from modemagent.registry.store.intake.batch import Batch
from modemagent.registry.store.tables import schema

_COLUMNS = (
    "unit", "individual", "place", "holder", "holder_individual", "slot", "imsi", "eid",
    "opened_stream", "opened_sequence", "from_lo", "from_hi",
    "last_stream", "last_sequence", "last_lo", "last_hi",
    "closed_stream", "closed_sequence", "to_lo", "to_hi", "cause", "order_known", "pending",
)  # fmt: skip
_FLAGS = slice(len(_COLUMNS) - 2, len(_COLUMNS))
_NUMBERS = slice(6, 8)
_OPENED = slice(8, 12)
_LAST = slice(12, 16)
_CAUSE = _COLUMNS.index("cause")
_ALL = ("id", *_COLUMNS, "recorded_from")
_STORED = (
    f"SELECT {', '.join(('id', 'recorded_from', *_COLUMNS))} FROM stay"  # noqa: S608
    " WHERE unit IN {keys} AND recorded_to IS NULL"
)
_HOLDERS = (
    "SELECT DISTINCT unit, holder FROM stay WHERE {column} IN {{keys}} AND recorded_to IS NULL"
    " AND holder IS NOT NULL"
)

Values = tuple[Any, ...]
_NO_END: Values = (None, None, None, None)


class StayLog:
    """The recorded stays of some units, and the changes to them."""

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self._stored: dict[int, list[Values]] = defaultdict(list)
        self._loaded: set[int] = set()
        self._new: list[Values] = []
        self._ended: list[tuple[int, int]] = []

    def mark_pending(self, units: Iterable[int], *, pending: bool) -> None:
        """Note whether changes to units have not been related yet."""
        query = "UPDATE stay SET pending = {} WHERE unit = {} AND recorded_to IS NULL"
        for unit in sorted(units):
            self._batch.connection.exec_driver_sql(query.format(str(pending).upper(), int(unit)))

    def read(self, units: Iterable[int]) -> Read | None:
        """Return the query for the stays that are recorded now."""
        wanted = set(units) - self._loaded
        self._loaded |= wanted
        return dialect.rows_by(self._batch.connection, _STORED, wanted)

    def add(self, rows: Rows) -> None:
        """Add the recorded stays in rows of this query."""
        for row in rows:
            self._stored[row[2]].append((*row[:2], *_with_last(row[2:])))

    def read_holders(self, sims: Iterable[int]) -> Read | None:
        """Return the query for SIMs and the modems in which they are recorded."""
        return dialect.rows_by(self._batch.connection, _HOLDERS.format(column="unit"), sims)

    def read_held(self, modems: Iterable[int]) -> Read | None:
        """Return the query for the SIMs that are recorded in modems, and the modems."""
        return dialect.rows_by(self._batch.connection, _HOLDERS.format(column="holder"), modems)

    def holders(self, sims: Iterable[int]) -> set[int]:
        """Return the modems in which SIMs are recorded."""
        (found,) = dialect.read_together(self._batch.connection, [self.read_holders(sims)])
        return {row[1] for row in found}

    def set(self, unit: int, related: Related | None) -> None:
        """Record the stays of a unit instead of those that are recorded now."""
        rows = [] if related is None else _rows(related)
        stored = self._stored.get(unit, ())
        left = {_compared(row[2:]): row for row in stored}
        now_ms = max([self._batch.now_ms, *(row[1] for row in stored)])
        for values in rows:
            if left.pop(_compared(values), None) is None:
                self._new.append((self._batch.key(), *values, now_ms))
        self._ended += [(now_ms, row[0]) for row in left.values()]

    def is_only(self, unit: int, where: Values) -> bool:
        """Return True if a unit has one recorded stay, which is open.

        :param where: place, holder, its individual, slot, IMSI and EID
        """
        stored = self._stored.get(unit, ())
        return len(stored) == 1 and stored[0][4:10] == where and stored[0][2 + _CAUSE] is None

    def is_recorded(self, unit: int, related: Related) -> bool:
        """Return True if the only recorded stay of a unit is its only derived one."""
        rows = [_compared(row[2:]) for row in self._stored.get(unit, ())]
        return len(rows) == 1 and rows == [_compared(values) for values in _rows(related)]

    def extend(self, unit: int, related: Related) -> None:
        """Record the end of the only stay of a unit, which began before the readings given."""
        ((row,), (values,)) = self._stored[unit], _rows(related)
        if values[_CAUSE] is not None or values[_NUMBERS] != row[2:][_NUMBERS]:
            values = (*values[: _OPENED.start], *row[2:][_OPENED], *values[_OPENED.stop :])
            self._new.append((self._batch.key(), *values, max(self._batch.now_ms, row[1])))
            self._ended.append((max(self._batch.now_ms, row[1]), row[0]))

    def write(self) -> None:
        connection, table = self._batch.connection, schema.stay
        dialect.update_rows(connection, table, ("id",), ("recorded_to",), self._ended)
        rows = [(row, *_without_last(values), now_ms) for row, *values, now_ms in self._new]
        dialect.insert_rows(connection, table, _ALL, rows)


def _without_last(values: Sequence[Any]) -> Sequence[Any]:
    """Return the values of a stay as stored: the reading that opened it is not copied."""
    if values[_LAST] != values[_OPENED]:
        return values
    return [*values[: _LAST.start], *_NO_END, *values[_LAST.stop :]]


def _with_last(values: Values) -> Values:
    """Return the values of a stored stay, with its last reading."""
    if values[_LAST.start] is not None:
        return values
    return (*values[: _LAST.start], *values[_OPENED], *values[_LAST.stop :])


def _compared(values: Values) -> Values:
    order_known = bool(values[_FLAGS.start])
    if values[_CAUSE] is None:
        return (*values[: _LAST.start], *values[_LAST.stop : _FLAGS.start], order_known)
    return (*values[: _FLAGS.start], order_known)


def _rows(related: Related) -> list[Values]:
    return [
        _values(stay, is_known)
        for individual in related.individuals
        for stay, is_known in zip(individual.stays, _orders(individual), strict=True)
    ]


def _orders(individual: Individual) -> list[bool]:
    """Return for each stay whether its order with the stays beside it is known."""
    known = [True] * len(individual.stays)
    for number, (one, other) in enumerate(pairwise(individual.stays)):
        if not is_before(one.spans[-1].first, other.opened_by):
            known[number] = known[number + 1] = False
    return known


def _values(stay: Stay, order_known: bool) -> Values:
    first, last, closed = stay.opened_by, stay.last, stay.closed_by
    where: Values = (stay.place, None, None, None, None, None)
    if isinstance(stay.place, tuple):
        sighting = stay.interval.sighting(first)
        where = (sighting.place, *stay.place, *_numbers(stay))
    end = _NO_END if closed is None else _moment(closed)
    return (
        stay.unit, stay.individual, *where, *_moment(first), *_moment(last), *end, stay.cause,
        order_known, False,
    )  # fmt: skip


def _moment(at: ReportTime) -> Values:
    return (*at.report, at.lo_ms, at.hi_ms)


def _numbers(stay: Stay) -> tuple[Any, Any]:
    """Return the IMSI and the EID that were last read in the stay of a SIM."""
    imsi = eid = None
    slot = stay.place[2]
    whole = len(stay.spans) == len(stay.interval.spans)
    for one in stay.interval.sightings:
        at = one.at
        if whole or any(
            at.gateway == span.first.gateway
            and span.first.position <= at.position <= span.last.position
            for span in stay.spans
        ):
            for reading in one.reading.slots:
                if reading.slot == slot:
                    imsi, eid = reading.imsi or imsi, reading.eid or eid
    return imsi, eid
