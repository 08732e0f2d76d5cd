"""Days on which a modem with its SIMs was read in a country, one bit a day.

A bit is never taken back: presence counts days and does not depend on the order of arrival only as
far as dates do not. A reading that is dated within a day sets the bit of its day; the readings of a
boot that gets a date later set theirs then.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import NamedTuple

from sqlalchemy import Connection

from modemagent.registry.history.readings import Seen
from modemagent.registry.store import dialect, schema
from modemagent.registry.store.batch import Batch
from modemagent.registry.store.key_pages import DAY_MS
from modemagent.registry.store.places import Content, Place
from modemagent.registry.store.slots import unpack

_BYTES = 46  # 366 bits
_KEY = ("gateway", "modem", "sim", "mcc", "year")
_EPOCH = date(1970, 1, 1)

PresenceKey = tuple[int, int, int, str, int]


class HeardReading(NamedTuple):
    """What was read where, apart from the day.

    :param slots: packed; empty: those of the reading in the row ``sighting``
    """

    gateway: int
    modem: int
    mcc: str
    slots: bytes
    sighting: int


class PresenceLog:
    """The days of a batch on which modems were read in a country."""

    def __init__(self) -> None:
        self._days: dict[HeardReading, set[int]] = {}

    def hear(
        self,
        place: Place,
        mcc: str,
        dates: tuple[int, int],
        content: Content | None,
        *,
        is_newest: bool,
    ) -> None:
        """Note the country of a reading, if the day or the reading is another than before.

        :param content: what it states; None: the same as the place's open span
        """
        low_ms, high_ms = dates
        day = high_ms // DAY_MS if high_ms - low_ms <= DAY_MS else None
        if content is None and mcc == place.mcc and day in (None, place.heard_day):
            return
        if is_newest:
            place.hear(place.heard_day if day is None else day, mcc)
        if day is not None:
            self.add(place, mcc, [day], content)

    def add(self, place: Place, mcc: str, days: Iterable[int], content: Content | None) -> None:
        """Note days of a reading of a place."""
        if content is None:
            modem, slots, sighting = place.unit, b"", place.sighting
        else:
            modem = content.unit if content.seen == Seen.HERE else None
            slots, sighting = content.slots, 0
        if modem is not None:
            reading = HeardReading(place.gateway, modem, mcc, slots, sighting)
            self._days.setdefault(reading, set()).update(days)

    def write(self, batch: Batch) -> None:
        """Set the bits of the days that were noted."""
        if not self._days:
            return
        connection = batch.connection
        keys = sorted({(one.sighting,) for one in self._days if not one.slots})
        packed = {
            row: bytes(slots)
            for row, slots in dialect.select_rows(
                connection, schema.sighting, ("id",), ("id", "slots"), keys
            )
        }
        found: dict[PresenceKey, set[int]] = {}
        for one, days in self._days.items():
            slots = one.slots or packed.get(one.sighting, b"")
            sims = [slot.sim for slot in unpack(slots) if slot.sim > 0]
            for key, some in days_of(one.gateway, one.modem, sims, one.mcc, days).items():
                found.setdefault(key, set()).update(some)
        write_presence(batch, found)


def days_of(
    gateway: int, modem: int, sims: Iterable[int], mcc: str, days: Iterable[int]
) -> dict[PresenceKey, set[int]]:
    """Return the days, counted from 1970, as days of years by key; SIM 0 if there is none."""
    found: dict[PresenceKey, set[int]] = {}
    for day in days:
        year, number = _day_of_year(day)
        for sim in list(sims) or [0]:
            found.setdefault((gateway, modem, sim, mcc, year), set()).add(number)
    return found


@lru_cache(maxsize=1024)  # modems are read on few days
def _day_of_year(day: int) -> tuple[int, int]:
    """Return the year of a day, counted from 1970, and its number in the year, from 0."""
    at = datetime.fromtimestamp(day * DAY_MS / 1000, UTC)
    return at.year, at.timetuple().tm_yday - 1


def write_presence(batch: Batch, found: dict[PresenceKey, set[int]]) -> None:
    """Set the bits of these days."""
    if not found:
        return
    keys = sorted(found)
    columns = (*_KEY, "days")
    rows = dialect.select_rows(batch.connection, schema.presence, _KEY, columns, keys)
    stored = {tuple(row[:5]): bytes(row[5]) for row in rows}
    changed = []
    for key in keys:
        before = int.from_bytes(stored.get(key, b""), "little")
        mask = before
        for day in found[key]:
            mask |= 1 << day
        if mask != before:
            changed.append((*key, mask.to_bytes(_BYTES, "little")))
    dialect.upsert_rows(batch.connection, schema.presence, _KEY, ("days",), changed)


def days_in(year: int, mask: bytes) -> Iterator[int]:
    """Yield the days of a stored mask, counted from 1970.

    >>> list(days_in(1970, b"\\x05"))
    [0, 2]
    """
    first = (date(year, 1, 1) - _EPOCH).days
    bits = int.from_bytes(mask, "little")
    while bits:
        lowest = bits & -bits
        yield first + lowest.bit_length() - 1
        bits ^= lowest


def days_heard(connection: Connection, modem: int, gateways: Iterable[int]) -> set[int]:
    """Return the days, counted from 1970, on which a modem was read in some gateways."""
    keys = [(gateway, modem) for gateway in sorted(set(gateways))]
    names = ("gateway", "modem")
    rows = dialect.select_rows(connection, schema.presence, names, ("year", "days"), keys)
    return {day for year, days in rows for day in days_in(year, bytes(days))}
