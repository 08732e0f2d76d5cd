"""Stays as they are shown: with their reports, dates and last readings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from modemagent.registry.store.database import dialect
from modemagent.registry.store.database.dialect import Read
from modemagent.registry.store.fleet.view import View
from modemagent.registry.store.intake.places import Place
from modemagent.registry.store.tables import schema

_COLUMNS = (
    "id", "unit", "individual", "place", "holder", "holder_individual", "slot", "imsi", "eid",
    "opened_stream", "opened_sequence", "from_lo", "from_hi",
    "last_stream", "last_sequence", "last_lo", "last_hi",
    "closed_stream", "closed_sequence", "to_lo", "to_hi", "cause", "order_known", "pending",
    "recorded_from", "recorded_to",
)  # fmt: skip
#: The condition is that of the index of places.
_AT_PLACES = f"SELECT {', '.join(_COLUMNS)} FROM stay WHERE holder IS NULL AND place IN {{keys}}"  # noqa: S608
_LAST = _COLUMNS.index("last_stream")  # the same columns of the first reading precede


class StayRow(NamedTuple):
    """A stay; columns as in :data:`modemagent.registry.store.tables.schema.stay`."""

    id: int
    unit: int
    individual: int
    place: int
    holder: int | None
    holder_individual: int | None
    slot: int | None
    imsi: int | None
    eid: int | None
    opened_stream: int
    opened_sequence: int
    from_lo: int
    from_hi: int
    last_stream: int
    last_sequence: int
    last_lo: int
    last_hi: int
    closed_stream: int | None
    closed_sequence: int | None
    to_lo: int | None
    to_hi: int | None
    cause: str | None
    order_known: bool
    pending: bool
    recorded_from: int
    recorded_to: int | None

    @property
    def is_open(self) -> bool:
        return self.cause is None


def load_stays(
    view: View, column: str, keys: Iterable[int], known_at: int | None = None
) -> list[StayRow]:
    """Return the stays with these units or holders, or of modems at these places, oldest first.

    :param column: ``unit``, ``holder`` or ``place``
    :param known_at: as they were known then; None: as they are known now
    """
    (rows,) = view.load(read_stays(view, column, keys))
    stays = stays_of(rows, known_at)
    return stays if known_at is not None else with_newest_readings(view, stays)


def read_stays(view: View, column: str, keys: Iterable[int]) -> Read | None:
    """Return the query for the stays with these units or holders, or of modems at these places."""
    if column == "place":
        return dialect.rows_by(view.connection, _AT_PLACES, keys)
    wanted = [(key,) for key in sorted(set(keys))]
    return dialect.rows_of(view.connection, schema.stay, (column,), _COLUMNS, wanted)


def stays_of(rows: Iterable[tuple[Any, ...]], known_at: int | None = None) -> list[StayRow]:
    """Return the stays in rows that are known now, or were at a time, without newer readings."""
    stays = [_stay(row) for row in rows]
    if known_at is None:
        return _in_order(one for one in stays if one.recorded_to is None)
    return _in_order(
        one
        for one in stays
        if one.recorded_from <= known_at and (one.recorded_to is None or one.recorded_to > known_at)
    )


def _stay(row: tuple[Any, ...]) -> StayRow:
    """Return a stored stay; one that was opened by its last reading has no copy of that."""
    if row[_LAST] is None:
        row = (*row[:_LAST], *row[_LAST - 4 : _LAST], *row[_LAST + 4 :])
    return StayRow(*row)


def _in_order(stays: Iterable[StayRow]) -> list[StayRow]:
    return sorted(stays, key=lambda one: (one.from_hi, one.from_lo, one.last_hi, one.id))


def with_newest_readings(
    view: View, stays: Sequence[StayRow], **others: Iterable[int | None]
) -> list[StayRow]:
    """Return stays; the last reading of an open one is that of its place, which is not copied.

    :param others: keys of what else is read, as for :meth:`.View.load`
    """
    open_at = {one.place for one in stays if one.is_open and one.holder is None}
    sims = {one.unit for one in stays if one.holder is not None and one.is_open}
    view.load(place_rows=open_at, holdings=sims, **others)
    holdings = view.holdings(sims)
    places = view.place_rows({place for sim in sims for _, place in holdings[sim]})
    found = []
    for one in stays:
        at: list[Place] = []
        if one.is_open and one.holder is None:
            place = places.get(one.place)
            at = [place] if place is not None and place.unit == one.unit else []
        elif one.is_open:  # a place that the modem has left has the SIM until its next report
            at = [
                places[row]
                for slot, row in holdings[one.unit]
                if slot == one.slot and places[row].unit == one.holder
            ]
        for place in at:
            one = _until(view, one, place)
        found.append(one)
    return _in_order(found)


def _until(view: View, one: StayRow, place: Place) -> StayRow:
    last = place.last
    lo, hi = view.boots([last.boot])[last.boot].date(
        last.uptime_ms, last.wall_ms, last.synchronized
    )
    if hi < one.last_hi:
        return one
    return one._replace(
        last_stream=last.stream, last_sequence=last.sequence, last_lo=lo, last_hi=hi
    )


def latest(stays: Iterable[StayRow]) -> StayRow | None:
    """Return the stay that was seen last; of equal ones, an open one."""
    return max(
        stays,
        key=lambda one: (one.last_hi, one.is_open, one.from_hi, one.id),
        default=None,
    )


def prefetch(view: View, stays: Iterable[StayRow]) -> None:
    """Read the names that the documents of stays need."""
    rows = list(stays)
    view.load(
        units=[key for one in rows for key in (one.unit, one.holder)],
        places=[one.place for one in rows],
        numbers=[key for one in rows for key in (one.imsi, one.eid)],
        links=[one.holder for one in rows],
        streams=[
            key for one in rows for key in (one.opened_stream, one.closed_stream, one.last_stream)
        ],
    )
