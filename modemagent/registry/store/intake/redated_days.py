"""Days of readings that were stored before, and whose boot has got another date.

Country codes of single readings are not stored: these days count for the country of the newest
reading of the place.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, select

from modemagent.registry.history.dates import BootDates, date_reading
from modemagent.registry.history.readings import Seen
from modemagent.registry.store.intake.boots import Boot
from modemagent.registry.store.intake.key_pages import DAY_MS
from modemagent.registry.store.intake.place_log import PlaceLog
from modemagent.registry.store.intake.places import UNKNOWN, load_places
from modemagent.registry.store.intake.presence import PresenceLog
from modemagent.registry.store.tables import schema

#: Change of the start of a boot from which on its readings may be of another day.
_MOVED_MS = 3_600_000
_CLOCKS = ("boot", "uptime_ms", "wall_ms", "synchronized")


def is_redated(before: BootDates, now: BootDates) -> bool:
    """Return True if the readings of a boot may have another day than before."""
    was_wide = before.hi_ms - before.lo_ms > DAY_MS
    is_wide = now.hi_ms - now.lo_ms > DAY_MS
    return not is_wide and (was_wide or abs(now.lo_ms - before.lo_ms) > _MOVED_MS)


def note_redated(
    connection: Connection,
    gateway: int,
    boots: Iterable[Boot],
    places: PlaceLog,
    presence: PresenceLog,
) -> None:
    """Note the days of the stored readings of some boots of a gateway."""
    dates = {boot.id: boot.dates for boot in boots if boot.dates is not None}
    s = schema.sighting.c
    for stored in load_places(connection, ("gateway",), [(gateway,)]):
        place = places.places.get((stored.gateway, stored.device_id), stored)
        if not place.mcc:
            continue
        query = (
            select(s.unit, s.slots, s.gap_before, *(s[name] for name in _CLOCKS))
            .where(s.place == stored.id, s.counts)
            .order_by(s.position)
        )
        rows: list[tuple[Any, ...]] = [tuple(row) for row in connection.execute(query)]
        if stored.unit is not None and stored.sighting and rows:  # end of the open span
            last = stored.last
            end = last.boot, last.uptime_ms, last.wall_ms, last.synchronized
            rows.append((stored.unit, rows[-1][1], False, *end))
        before: tuple[int, int, int] | None = None  # unit, boot and day of the reading before
        for unit, slots, has_gap, boot, *clock in rows:
            day = _day(dates.get(boot), clock) if unit is not None else None
            if day is None:
                before = None
                continue
            first = day
            if before is not None and before[:2] == (unit, boot) and not has_gap:
                first = before[2]
            content = UNKNOWN._replace(seen=Seen.HERE, unit=unit, slots=bytes(slots))
            presence.add(place, place.mcc, range(first, day + 1), content)
            before = unit, boot, day


def _day(dates: BootDates | None, clock: list[Any]) -> int | None:
    if dates is None:
        return None
    uptime_ms, wall_ms, synchronized = clock
    low_ms, high_ms = date_reading(dates, uptime_ms, wall_ms, bool(synchronized))
    return high_ms // DAY_MS if high_ms - low_ms <= DAY_MS else None
