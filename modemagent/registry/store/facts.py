"""What modems say about themselves, as history: maker, model, firmware, serial number, numbers."""

from __future__ import annotations

from typing import Any

from modemagent.registry.store import dialect, schema
from modemagent.registry.store.batch import Batch
from modemagent.registry.store.sightings import dated_boots

_VALUES = ("make", "serial_number", "imeisv", "meid")
_COLUMNS = (
    "id", "unit", *_VALUES, "stream", "sequence", "lo_ms", "hi_ms", "recorded_from", "recorded_to",
)  # fmt: skip


def write_facts(batch: Batch) -> None:
    """Derive the facts of the modems of a batch again, from their kept readings by date.

    A value that was not read is as before. Rows of what is known no longer get the time at which it
    was found out.
    """
    units = [(one,) for one in sorted(batch.modems)]
    clocks = ("boot", "uptime_ms", "wall_ms", "synchronized")
    names = ("unit", "counts", *clocks, "stream", "sequence", *_VALUES)
    rows = [
        row
        for row in dialect.select_rows(batch.connection, schema.sighting, ("unit",), names, units)
        if row[1]
    ]
    boots = dated_boots(batch.connection, (row[2] for row in rows))
    dated = []
    for unit, _, boot, uptime_ms, wall_ms, synchronized, *rest in rows:
        lo, hi = boots[boot].date(uptime_ms, wall_ms, bool(synchronized))
        dated.append((unit, hi, lo, *rest))
    dated.sort(key=lambda row: row[:5])
    wanted: dict[int, list[tuple[Any, ...]]] = {unit: [] for (unit,) in units}
    last: dict[int, tuple[Any, ...]] = {}
    for unit, hi, lo, stream, sequence, *read in dated:
        before = last.get(unit, (None,) * len(_VALUES))
        now = tuple(old if new is None else new for old, new in zip(before, read, strict=True))
        if unit not in last or now != before:
            wanted[unit].append((*now, stream, sequence, lo, hi))
        last[unit] = now
    stored: dict[int, list[tuple[Any, ...]]] = {}
    for row in dialect.select_rows(batch.connection, schema.fact, ("unit",), _COLUMNS, units):
        if row[-1] is None:
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
