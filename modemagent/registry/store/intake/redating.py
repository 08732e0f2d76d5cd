"""What follows if the boots of a gateway are ordered and dated again.

A late report, the first of a boot, or a clock that is refuted moves the dates of readings that were
stored before, or changes which streams and boots count. Then the units that were read are derived
again, and the places are rebuilt from their kept readings.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, select, update

from modemagent.registry.history.dates import BootDates, date_reading
from modemagent.registry.history.readings import SEQUENCE_BITS, position
from modemagent.registry.store.database import dialect
from modemagent.registry.store.intake.batch import Batch
from modemagent.registry.store.intake.boot_order import Redated, continue_boots, redate
from modemagent.registry.store.intake.boots import CLOCK_COLUMNS, Boot, BootLog, load_boots
from modemagent.registry.store.intake.gateways import GatewayRow, GatewayRows
from modemagent.registry.store.intake.place_log import PlaceLog
from modemagent.registry.store.intake.places import Place, load_places
from modemagent.registry.store.intake.presence import PresenceLog
from modemagent.registry.store.intake.redated_days import is_redated, note_redated
from modemagent.registry.store.tables import schema

Position = tuple[int, int, int]


class Redating:
    """The gateways of a batch whose boots are ordered and dated again."""

    def __init__(self, batch: Batch, gateways: GatewayRows, log: BootLog) -> None:
        self._batch = batch
        self._gateways = gateways
        self._log = log
        simple = {
            row.id: (row.last_boot if row.simple else None, row.least_bound_ms)
            for row in gateways.by_row.values()
        }
        self._gateways_dated = log.stale_gateways(simple)
        self._found = self._continued()
        self._gateways_dated -= {one.gateway for one in self._found}
        boots: dict[int, Boot] = {}
        known = [(one,) for one in self._gateways_dated if not gateways.by_row[one].is_new]
        if known:
            boots = load_boots(batch.connection, ("gateway",), sorted(known))
        for boot in log.boots.values():
            if boot.gateway in self._gateways_dated and boot.parts:
                boots[boot.id] = boot
        names: dict[int, dict[int, str]] = {one: {} for one in self._gateways_dated}
        for row in gateways.stream_by_row.values():
            if row.gateway in names:
                names[row.gateway][row.id] = row.stream_id
        self._found += redate(boots.values(), names)
        self._rebuilt: dict[int, Redated] = {}
        self._others: list[Boot] = []
        self.aliens: dict[int, set[int]] = self._stored_aliens()
        for one in self._found:
            self._apply(one)

    def _continued(self) -> list[Redated]:
        """Date the boots at the end of gateways whose earlier boots keep their dates.

        Those are gateways with simple dates whose last boot has a longer cluster, or is over.
        """
        waiting: list[tuple[GatewayRow, Boot | None, list[Boot]]] = []
        for gateway in sorted(self._gateways_dated):
            row, changed = self._gateways.by_row[gateway], self._log.changed_in(gateway)
            if row.simple and not row.forked and row.last_boot is not None and changed is not None:
                last, begun = changed
                if last is None or last.id == row.last_boot:
                    waiting.append((row, last, begun))
        keys = sorted({(row.last_boot,) for row, last, _ in waiting if last is None})
        stored = load_boots(self._batch.connection, ("id",), keys)
        found = [
            continue_boots(
                row.first_boot,
                last or stored[row.last_boot or 0],
                begun,
                row.least_bound_ms,
                is_changed=last is not None,
            )
            for row, last, begun in waiting
        ]
        return [one for one in found if one is not None]

    def _apply(self, one: Redated) -> None:
        row = self._gateways.by_row[one.gateway]
        aliens = {boot.id for boot in one.boots.values() if boot.alien}
        self.aliens[one.gateway] = aliens
        forked = bool(aliens) or (row.forked and self._has_conflicts(one.gateway))
        state = one.first, one.last, one.least_bound_ms, one.simple, forked
        before = row.first_boot, row.last_boot, row.least_bound_ms, row.simple, row.forked
        if state != before:
            row.first_boot, row.last_boot, row.least_bound_ms, row.simple, row.forked = state
            row.changed = True
        moved = False
        for stream, rank in one.ranks.items():
            stream_row = self._gateways.stream_by_row[stream]
            if stream_row.rank != rank:
                stream_row.rank = rank
                moved = True
        mine = {boot.id for boot in self._log.boots.values()}
        for boot in one.boots.values():
            dates, alien = one.before[boot.id]
            if (dates, alien) == (boot.dates, boot.alien):
                continue
            if dates is not None and boot.dates is not None and dates.suspect != boot.dates.suspect:
                self._batch.gateways.add(one.gateway)
            moved = moved or alien != boot.alien
            if boot.id in mine:
                self._log.touch(boot)
            else:
                self._others.append(boot)
        if moved:
            self._rebuilt[one.gateway] = one
        if (
            any(boot.dates and boot.dates.suspect for boot in one.boots.values())
            or before[-1]
            or forked
        ):
            self._batch.gateways.add(one.gateway)

    def _has_conflicts(self, gateway: int) -> bool:
        streams = [
            (row.id,) for row in self._gateways.stream_by_row.values() if row.gateway == gateway
        ]
        return bool(
            dialect.select_rows(
                self._batch.connection, schema.conflict, ("stream",), ("sequence",), streams
            )
        )

    def _stored_aliens(self) -> dict[int, set[int]]:
        """Return the boots that do not count, of the gateways that have any."""
        forked = [(row.id,) for row in self._gateways.by_row.values() if row.forked]
        found: dict[int, set[int]] = {}
        for gateway, boot, alien in dialect.select_rows(
            self._batch.connection, schema.boot, ("gateway",), ("gateway", "id", "alien"), forked
        ):
            if alien:
                found.setdefault(gateway, set()).add(boot)
        return found

    def mark_places(self, places: PlaceLog, presence: PresenceLog) -> None:
        """Mark the places to rebuild, and the units whose readings have another date now.

        :param presence: to which the days of those readings are added
        """
        connection = self._batch.connection
        if self._rebuilt:
            self._update_streams()
        for place in self._included(places, self._rebuilt):
            self._rebuild(places, place, self._rebuilt[place.gateway])
        for one in self._found:
            changed = {
                boot.id: (before, boot.dates)
                for boot in one.boots.values()
                if (before := one.before[boot.id][0]) and boot.dates and before != boot.dates
            }
            if changed and not self._gateways.by_row[one.gateway].is_new:
                self._mark_moved(one, changed)
                moved = [one.boots[row] for row, dates in changed.items() if is_redated(*dates)]
                if moved:
                    note_redated(connection, one.gateway, moved, places, presence)
        if self._others:
            dialect.update_rows(
                connection,
                schema.boot,
                ("id",),
                CLOCK_COLUMNS,
                [(*boot.values(), boot.id) for boot in self._others],
            )

    def _update_streams(self) -> None:
        rows = [
            (row.rank, row.id)
            for row in self._gateways.stream_by_row.values()
            if row.gateway in self._rebuilt
        ]
        dialect.update_rows(self._batch.connection, schema.stream, ("id",), ("rank",), rows)

    def _included(self, places: PlaceLog, gateways: Iterable[int]) -> list[Place]:
        found = load_places(
            self._batch.connection, ("gateway",), [(one,) for one in sorted(gateways)]
        )
        return [places.include(place) for place in found]

    def _rebuild(self, places: PlaceLog, place: Place, one: Redated) -> None:
        """Number the readings of a place again, and let those of copied disks not count."""
        connection, table = self._batch.connection, schema.sighting
        c = table.c
        units = connection.execute(select(c.unit).distinct().where(c.place == place.id)).scalars()
        self._batch.modems.update(unit for unit in units if unit is not None)
        for stream, rank in one.ranks.items():
            connection.execute(
                update(table)
                .where(c.place == place.id, c.stream == stream)
                .values(position=c.sequence + (rank << SEQUENCE_BITS))
            )
        for boot in one.boots.values():
            if boot.alien != one.before[boot.id][1]:
                connection.execute(
                    update(table)
                    .where(c.place == place.id, c.boot == boot.id)
                    .values(counts=not boot.alien)
                )
        places.renumber(place, one.ranks, {boot.id for boot in one.boots.values() if boot.alien})

    def _mark_moved(self, one: Redated, changed: dict[int, tuple[BootDates, BootDates]]) -> None:
        """Mark the units that were read in boots with another date, if the reading's date moved."""
        units = load_neighbours(self._batch.connection, one, changed)
        self._batch.modems.update(units)
        self._batch.is_redated |= bool(units)


def load_neighbours(
    connection: Connection, one: Redated, changed: dict[int, tuple[BootDates, BootDates]]
) -> set[int]:
    """Return the units whose readings in some boots have moved, and their neighbours' units.

    The date of a reading also ends the interval of the unit before it at its place.
    """
    s, p = schema.sighting.c, schema.place.c
    clocks = ("boot", "uptime_ms", "wall_ms", "synchronized")
    columns = (s.place, s.position, s.unit, *(s[name] for name in clocks))
    found: list[Any] = []
    for boot in changed:
        for stream, part in one.boots[boot].parts.items():
            if stream not in one.ranks:
                continue
            first, last = (
                position(one.ranks[stream], number)
                for number in (part.first_sequence, part.last_sequence)
            )
            query = (
                select(*columns)
                .join_from(schema.place, schema.sighting, s.place == p.id)
                .where(p.gateway == one.gateway, s.counts, s.position.between(first, last))
            )
            found += connection.execute(query).all()
    units: set[int] = set()
    edges: dict[int, tuple[int, int]] = {}
    for place, at, unit, boot, uptime_ms, wall_ms, synchronized in found:
        if boot not in changed or not _moves(changed[boot], uptime_ms, wall_ms, synchronized):
            continue
        if unit is not None:
            units.add(unit)
        low, high = edges.get(place, (at, at))
        edges[place] = min(low, at), max(high, at)
    query = select(p.unit, *(p[f"last_{name}"] for name in clocks)).where(
        p.gateway == one.gateway, p.unit.is_not(None)
    )
    for unit, boot, *clock in connection.execute(query):
        if boot in changed and _moves(changed[boot], *clock):
            units.add(unit)
    for place, (low, high) in edges.items():
        here = (s.place == place) & s.counts & s.unit.is_not(None)
        before = select(s.unit).where(here, s.position < low).order_by(s.position.desc())
        after = select(s.unit).where(here, s.position > high).order_by(s.position)
        for query in (before.limit(1), after.limit(1)):
            units.update(connection.execute(query).scalars())
    return units


def _moves(
    dates: tuple[BootDates, BootDates], uptime_ms: int, wall_ms: int, synchronized: bool
) -> bool:
    before, now = (date_reading(one, uptime_ms, wall_ms, bool(synchronized)) for one in dates)
    return before != now
