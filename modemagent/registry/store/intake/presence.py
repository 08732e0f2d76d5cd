"""Days on which a modem with its SIMs was read in a country.

A day is never taken back: presence counts days and does not depend on the order of arrival only as
far as dates do not. A reading that is dated within a day adds its day; the readings of a boot that
gets a date later add theirs then.

The days of a year are stored as runs of days, as most modems are read on each day; if a mask with
one bit a day is not longer, as that.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import UTC, date, datetime
from functools import lru_cache
from struct import Struct
from typing import NamedTuple

from sqlalchemy import Connection

from modemagent.registry.history.dates import EARLIEST_MS
from modemagent.registry.history.readings import Seen
from modemagent.registry.store.database import dialect
from modemagent.registry.store.intake.batch import Batch
from modemagent.registry.store.intake.key_pages import DAY_MS
from modemagent.registry.store.intake.places import Content, Place
from modemagent.registry.store.intake.slots import unpack
from modemagent.registry.store.tables import schema

_MASK_BYTES = 46  # 366 bits
_RUN = Struct("<HH")  # first day of a run, from 0, and its length; no number of runs fills a mask
_KEY = ("mcc", "year", "modem", "gateway", "sim")
_EPOCH = date(1970, 1, 1)
_FIRST_YEAR = datetime.fromtimestamp(EARLIEST_MS / 1000, UTC).year
# Each country takes a look at the index; a fleet is in few of them.
_COUNTRIES = (
    "WITH RECURSIVE country(mcc) AS (SELECT min(mcc) FROM presence UNION ALL"
    " SELECT (SELECT min(p.mcc) FROM presence p WHERE p.mcc > c.mcc) FROM country c"
    " WHERE c.mcc IS NOT NULL) SELECT mcc FROM country WHERE mcc IS NOT NULL"
)
_OF_MODEMS = (
    "SELECT gateway, year, days FROM presence"
    " WHERE mcc IN ({mccs}) AND year IN ({years}) AND modem IN {keys}"
)

PresenceKey = tuple[str, int, int, int, int]


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
        """Add the days that were noted."""
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
            found.setdefault((mcc, year, modem, gateway, sim), set()).add(number)
    return found


@lru_cache(maxsize=1024)  # modems are read on few days
def _day_of_year(day: int) -> tuple[int, int]:
    """Return the year of a day, counted from 1970, and its number in the year, from 0."""
    at = datetime.fromtimestamp(day * DAY_MS / 1000, UTC)
    return at.year, at.timetuple().tm_yday - 1


def write_presence(batch: Batch, found: dict[PresenceKey, set[int]]) -> None:
    """Add these days."""
    if not found:
        return
    keys = sorted(found)
    columns, new = (*_KEY, "days"), batch.new_units
    old = [key for key in keys if key[2] not in new and key[4] not in new]
    rows = dialect.select_rows(batch.connection, schema.presence, _KEY, columns, old)
    stored = {tuple(row[:5]): bytes(row[5]) for row in rows}
    changed = []
    for key in keys:
        before = mask_of(stored.get(key, b""))
        mask = before
        for day in found[key]:
            mask |= 1 << day
        if mask != before:
            changed.append((*key, packed_days(mask)))
    dialect.upsert_rows(batch.connection, schema.presence, _KEY, ("days",), changed)


@lru_cache(maxsize=1024)  # most modems are read on the same days
def packed_days(mask: int) -> bytes:
    """Return days of a year, given as bits, as they are stored.

    >>> packed_days(0b1110_0001).hex()
    '0000010005000300'
    """
    runs, rest, at = b"", mask, 0
    while rest and len(runs) < _MASK_BYTES:
        before = (rest & -rest).bit_length() - 1
        rest >>= before
        length = (~rest & (rest + 1)).bit_length() - 1
        rest >>= length
        runs += _RUN.pack(at + before, length)
        at += before + length
    return runs if len(runs) < _MASK_BYTES else mask.to_bytes(_MASK_BYTES, "little")


@lru_cache(maxsize=1024)
def mask_of(packed: bytes) -> int:
    """Return stored days as bits."""
    if len(packed) == _MASK_BYTES:
        return int.from_bytes(packed, "little")
    return sum(((1 << length) - 1) << first for first, length in _RUN.iter_unpack(packed))


def days_in(year: int, packed: bytes) -> Iterator[int]:
    """Yield stored days, counted from 1970.

    >>> list(days_in(1970, packed_days(0b101)))
    [0, 2]
    """
    first = (date(year, 1, 1) - _EPOCH).days
    bits = mask_of(packed)
    while bits:
        lowest = bits & -bits
        yield first + lowest.bit_length() - 1
        bits ^= lowest


def days_heard(
    connection: Connection, modems: Iterable[int], gateways: Collection[int]
) -> set[int]:
    """Return the days, counted from 1970, on which some modems were read in some gateways."""
    mccs = ", ".join(f"'{int(row[0]):03d}'" for row in dialect.query(connection, _COUNTRIES))
    if not mccs:
        return set()
    years = ", ".join(map(str, range(_FIRST_YEAR, datetime.now(UTC).year + 2)))
    query = _OF_MODEMS.format(mccs=mccs, years=years, keys="{keys}")
    return {
        day
        for gateway, year, days in dialect.query_keys(connection, query, modems)
        if gateway in gateways
        for day in days_in(year, bytes(days))
    }
