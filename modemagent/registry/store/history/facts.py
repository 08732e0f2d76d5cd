"""What modems say about themselves, as history: maker, model, firmware, serial number, numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection

from modemagent.registry.store.database import dialect
from modemagent.registry.store.database.dialect import Read
from modemagent.registry.store.history.sightings import dated_boots
from modemagent.registry.store.history.tails import TailHistory
from modemagent.registry.store.intake.batch import Batch
from modemagent.registry.store.tables import schema

_VALUES = ("make", "serial_number", "imeisv", "meid")
_COLUMNS = (
    "id", "unit", *_VALUES, "stream", "sequence", "lo_ms", "hi_ms", "recorded_from", "recorded_to",
)  # fmt: skip


Values = tuple[Any, ...]
_UNREAD: Values = (None,) * len(_VALUES)


def read_facts(connection: Connection, units: Iterable[int]) -> Read | None:
    """Return the query for the facts of modems."""
    return dialect.rows_of(
        connection, schema.fact, ("unit",), _COLUMNS, [(unit,) for unit in sorted(units)]
    )


def write_facts(
    batch: Batch, tails: Sequence[TailHistory] = (), of_tails: Sequence[Values] = ()
) -> None:
    """Derive the facts of the modems of a batch again, from their kept readings by date.

    A value that was not read is as before. Rows of what is known no longer get the time at which it
    was found out.

    :param tails: ends of histories of other modems
    :param of_tails: rows of the query for their facts
    """
    wanted, others = _of_tails(tails, of_tails)
    units = sorted(batch.modems | others)
    reads = [_read_kept(batch.connection, units), read_facts(batch.connection, units)]
    kept, facts = dialect.read_together(batch.connection, reads)
    wanted |= _of_kept(batch, units, kept)
    stored: dict[int, list[Values]] = {}
    for row in _current(facts):
        stored.setdefault(row[1], []).append(row)
    gone, new = [], []
    for unit, facts in wanted.items():
        known = {row[2:-2]: row[0] for row in stored.get(unit, ())}
        gone += [(batch.now_ms, row) for fact, row in known.items() if fact not in set(facts)]
        new += [
            (batch.key(), unit, *fact, batch.now_ms, None) for fact in facts if fact not in known
        ]
    dialect.update_rows(batch.connection, schema.fact, ("id",), ("recorded_to",), gone)
    dialect.insert_rows(batch.connection, schema.fact, _COLUMNS, new)


def _current(rows: Sequence[Values]) -> list[Values]:
    return [row for row in rows if row[-1] is None]


def _of_tails(
    tails: Sequence[TailHistory], stored: Sequence[Values]
) -> tuple[dict[int, list[Values]], set[int]]:
    """Return the facts of new modems, and the other modems whose facts have changed.

    Nothing has changed if the last fact of a modem is older than the added readings and states what
    they do.
    """
    last: dict[int, Values] = {}
    for row in _current(stored):
        key = _by_date(row[2:-2])
        if row[1] not in last or _by_date(last[row[1]]) < key:
            last[row[1]] = row[2:-2]
    found: dict[int, list[Values]] = {}
    changed = set()
    for one in tails:
        unit = one.tail.unit
        rows = [
            (*row.content[2:3], *row.content[4:7], *at.report, at.lo_ms, at.hi_ms)
            for row, at in one.dated
        ]
        if one.tail.known is None:
            found[unit] = _facts(rows)
            continue
        before = last.get(unit)
        if (
            before is None
            or min(map(_by_date, rows)) < _by_date(before)
            or (
                any(row[: len(_VALUES)] != before[: len(_VALUES)] for row in rows)
                and len(_facts([before, *rows])) > 1
            )
        ):
            changed.add(unit)
    return found, changed


def _read_kept(connection: Connection, units: Sequence[int]) -> Read | None:
    clocks = ("boot", "uptime_ms", "wall_ms", "synchronized")
    names = ("unit", "counts", *clocks, "stream", "sequence", *_VALUES)
    keys = [(unit,) for unit in units]
    return dialect.rows_of(connection, schema.sighting, ("unit",), names, keys)


def _of_kept(batch: Batch, units: Sequence[int], kept: Sequence[Values]) -> dict[int, list[Values]]:
    """Return the facts of modems by their kept readings."""
    rows = [row for row in kept if row[1]]
    boots = dated_boots(batch.connection, (row[2] for row in rows))
    dated: dict[int, list[Values]] = {unit: [] for unit in units}
    for unit, _, boot, uptime_ms, wall_ms, synchronized, stream, sequence, *read in rows:
        lo, hi = boots[boot].date(uptime_ms, wall_ms, bool(synchronized))
        dated[unit].append((*read, stream, sequence, lo, hi))
    return {unit: _facts(some) for unit, some in dated.items()}


def _facts(rows: list[Values]) -> list[Values]:
    """Return the readings that state something new, with what was known then."""
    found: list[Values] = []
    known = _UNREAD
    before: Values = ()
    for row in sorted(rows, key=_by_date):
        if before == (before := row[: len(_VALUES)]):
            continue
        now = tuple(old if new is None else new for old, new in zip(known, row, strict=False))
        if not found or now != known:
            found.append((*now, *row[len(_VALUES) :]))
        known = now
    return found


def _by_date(row: Values) -> Values:
    """Return latest and earliest date and report of a fact."""
    stream, sequence, lo, hi = row[len(_VALUES) :]
    return hi, lo, stream, sequence
