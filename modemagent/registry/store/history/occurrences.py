"""Events that follow from the history now, compared with the live rows of the log."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Table

from modemagent.registry.history.dates import TOLERANCE_MS
from modemagent.registry.history.events import Occurrence, Pair, difference
from modemagent.registry.store.database import dialect
from modemagent.registry.store.database.dialect import Read, Rows
from modemagent.registry.store.database.refs import keyed_hash
from modemagent.registry.store.history import event_log
from modemagent.registry.store.history.event_log import NO_SIDE, NewEvent, Side
from modemagent.registry.store.intake.batch import Batch
from modemagent.registry.store.tables import schema

_LIVE = (
    "SELECT e.id, e.event_id, e.type, e.revision, e.unit, e.stream, e.sequence, e.hi_ms,"
    " e.old_place, e.old_modem, e.old_slot, e.old_sim, e.old_imsi, e.old_eid,"
    " e.new_place, e.new_modem, e.new_slot, e.new_sim, e.new_imsi, e.new_eid"
    " FROM event e WHERE e.unit IN {keys} AND NOT e.superseded AND NOT e.withdrawn"
)
_IN_SLOT = frozenset({"sim.swapped", "sim.profile_switched", "sim.imsi_switched", "sim.removed"})

EventKey = tuple[str, Any, Any]


class OccurrenceLog:
    """The live events of some units, and the changes to them.

    Each event belongs to one unit, from whose history it follows.
    """

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self._stored: dict[int, dict[EventKey, tuple[Any, ...]]] = defaultdict(dict)
        self._added: list[tuple[int, Occurrence, bytes | None, int]] = []
        self._withdrawn: list[int] = []
        self._revised: list[int] = []

    def read(self, units: Iterable[int]) -> Read | None:
        """Return the query for events of units that are neither superseded nor withdrawn."""
        return dialect.rows_by(self._batch.connection, _LIVE, units)

    def add(self, rows: Rows) -> None:
        """Add the stored events in rows of this query."""
        for row in rows:
            self._stored[row[4]][_stored_key(row)] = row

    def set(self, unit: int, events: Iterable[Occurrence]) -> None:
        """Make these the events of a unit."""
        stored = self._stored.get(unit)
        if stored is None:
            self._added += [(unit, one, None, 1) for one in events]
            return
        current = list(events)
        added, withdrawn = difference(stored, current)
        for one, replaced in added:
            old = None if replaced is None else stored[replaced]
            self._added.append((unit, one, None if old is None else bytes(old[1]), 1))
            if old is not None:
                self._withdrawn.append(old[0])
        self._withdrawn += [stored[key][0] for key in withdrawn]
        for one in current:
            row = stored.get(one.key)
            if row is not None and _is_revised(row, one):
                self._added.append((unit, one, None, row[3] + 1))
                self._revised.append(row[0])

    def write(self) -> None:
        if not self._added and not self._withdrawn:
            return
        batch = self._batch
        units = {unit for unit, _, _, _ in self._added}
        numbers = _named(batch, schema.unit, "key", units, batch.unit_keys)
        rows = {one.at.report[0] for _, one, _, _ in self._added}
        streams = _named(batch, schema.stream, "stream_id", rows, batch.stream_ids)
        events = []
        for unit, one, replaces, revision in self._added:
            stream, sequence = one.at.report
            event_id = keyed_id(
                self._batch.secret, one.kind, numbers[unit], _slot(one) or "",
                one.at.gateway, streams[stream], sequence,
            )  # fmt: skip
            events.append(
                NewEvent(
                    event_id, one.kind, unit, stream, sequence, one.at.lo_ms, one.at.hi_ms,
                    _side(one.previous), _side(one.new), replaces, revision,
                )
            )  # fmt: skip
        event_log.write(self._batch, events, self._withdrawn, self._revised)


def _named(
    batch: Batch, table: Table, column: str, rows: set[int], known: dict[int, str]
) -> dict[int, str]:
    """Return the names of rows; those that the batch does not name are read."""
    keys = [(row,) for row in sorted(rows - known.keys())]
    found = dialect.select_rows(batch.connection, table, ("id",), ("id", column), keys)
    return known | dict(found)


def keyed_id(secret: bytes, *parts: object) -> bytes:
    """Return an id of 16 bytes: stable under any order of arrival, useless without the secret."""
    return keyed_hash(secret, "\n".join(map(str, parts)))[:16]


def _slot(one: Occurrence) -> int | None:
    return one.subject[1] if isinstance(one.subject, tuple) else None


def _stored_key(row: tuple[Any, ...]) -> EventKey:
    kind, unit, report = row[2], row[4], (row[5], row[6])
    if kind == "modem.swapped":
        return kind, row[14], report
    if kind in _IN_SLOT:
        return kind, (unit, row[10] if row[16] is None else row[16]), report
    return kind, unit, report


def _is_revised(row: tuple[Any, ...], one: Occurrence) -> bool:
    """Return True if the date has moved by more than 10 minutes, or what changed is another."""
    if abs(row[7] - one.at.hi_ms) > TOLERANCE_MS:
        return True
    return row[8:14] != _side(one.previous) or row[14:20] != _side(one.new)


def _side(pair: Pair | None) -> Side:
    if pair is None:
        return NO_SIDE
    return (pair.place, pair.modem, pair.slot, pair.sim, pair.imsi, pair.eid)
