"""Days on which a modem with its SIMs was read in a country, one bit a day.

A bit is never taken back: presence counts days and does not depend on the order of arrival only as
far as dates do not.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from modemagent.registry.store import dialect, schema
from modemagent.registry.store.batch import Batch
from modemagent.registry.store.key_pages import DAY_MS

_BYTES = 46  # 366 bits
_KEY = ("gateway", "modem", "sim", "mcc", "year")

PresenceKey = tuple[int, int, int, str, int]


def days_of(
    gateway: int, modem: int, sims: Iterable[int], mcc: str, days: Iterable[int]
) -> dict[PresenceKey, set[int]]:
    """Return the days, counted from 1970, as days of years by key; SIM 0 if there is none."""
    found: dict[PresenceKey, set[int]] = {}
    for day in days:
        date = datetime.fromtimestamp(day * DAY_MS / 1000, UTC)
        for sim in list(sims) or [0]:
            key = gateway, modem, sim, mcc, date.year
            found.setdefault(key, set()).add(date.timetuple().tm_yday - 1)
    return found


def write_presence(batch: Batch, found: dict[PresenceKey, set[int]]) -> None:
    """Set the bits of these days."""
    if not found:
        return
    keys = sorted(found)
    stored = {
        tuple(row[:5]): bytes(row[5])
        for row in dialect.select_rows(
            batch.connection, schema.presence, _KEY, (*_KEY, "days"), keys
        )
    }
    rows = []
    for key in keys:
        before = int.from_bytes(stored.get(key, b""), "little")
        mask = before
        for day in found[key]:
            mask |= 1 << day
        if mask != before:
            rows.append((*key, mask.to_bytes(_BYTES, "little")))
    dialect.upsert_rows(batch.connection, schema.presence, _KEY, ("days",), rows)
