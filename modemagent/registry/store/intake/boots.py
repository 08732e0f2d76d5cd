"""Boots of gateways: the evidence about their clocks, and the dates and order that follow.

Dates of readings are not stored. They follow from the reading's own clocks and from the start of
its boot, and change with it.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

import msgspec
from sqlalchemy import Connection

from modemagent.registry.envelope import Envelope
from modemagent.registry.history.dates import (
    BootClock,
    BootDates,
    Cluster,
    add_anchor,
    date_reading,
)
from modemagent.registry.store.database import dialect
from modemagent.registry.store.database.dialect import Read, Rows
from modemagent.registry.store.intake.batch import Batch
from modemagent.registry.store.tables import schema

CLOCK_COLUMNS = (
    "bound_ms",
    "clusters",
    "chosen",
    "start_lo",
    "start_hi",
    "alien",
    "suspect",
    "up_ms",
)
_PART = (
    "first_sequence", "first_uptime_ms", "first_wall_ms", "first_synchronized",
    "last_sequence", "last_uptime_ms", "last_wall_ms", "last_synchronized",
    "uptime_ms", "reports", "received_ms", "agent_version",
    "heartbeat_sequence", "heartbeat_ms", "health",
)  # fmt: skip
_values_of: attrgetter[tuple[Any, ...]] = attrgetter(*_PART)
NEVER_MS = 2**62
UNDATED = BootDates(0, 0, False, False)  # a boot of a copied disk


@dataclass(slots=True)
class Part:
    """Reports of one boot in one stream."""

    first_sequence: int
    first_uptime_ms: int
    first_wall_ms: int
    first_synchronized: bool
    last_sequence: int
    last_uptime_ms: int
    last_wall_ms: int
    last_synchronized: bool
    uptime_ms: int
    reports: int
    received_ms: int
    agent_version: str
    heartbeat_sequence: int | None = None
    heartbeat_ms: int | None = None
    health: bytes | None = None

    def values(self) -> tuple[Any, ...]:
        return _values_of(self)

    def add_heartbeat(self, report: Envelope) -> bool:
        """Add the health and the interval of a heartbeat.

        :returns: True if another health than before is to be kept
        """
        if report.heartbeat_ms is None and report.health is None:
            return False
        news = _without_outbox(report.health) != _without_outbox(self.health)
        if report.sequence > (self.heartbeat_sequence or 0):
            self.heartbeat_sequence = report.sequence
            self.heartbeat_ms, self.health = report.heartbeat_ms, report.health
        return news


def _without_outbox(health: bytes | None) -> dict[str, Any]:
    """Return what a health states, without the length of the outbox, which always changes."""
    found: dict[str, Any] = {} if health is None else msgspec.json.decode(health)
    found.pop("outbox", None)
    return found


@dataclass(slots=True)
class Boot:
    """One boot of a gateway."""

    id: int
    gateway: int
    boot_id: str
    bound_ms: int = NEVER_MS
    clusters: tuple[Cluster, ...] = ()
    dates: BootDates | None = None
    alien: bool = False
    up_ms: int = 0
    parts: dict[int, Part] = field(default_factory=dict)
    is_new: bool = False
    changed_parts: set[int] = field(default_factory=set)

    @property
    def clock(self) -> BootClock:
        return BootClock(self.id, self.up_ms, self.bound_ms, self.clusters)

    @property
    def only_part(self) -> tuple[int, Part]:
        """The stream and the part of a boot that lies in one stream."""
        ((stream, part),) = self.parts.items()
        return stream, part

    def values(self) -> tuple[Any, ...]:
        dates = self.dates or UNDATED
        clusters = array("q", [value for cluster in self.clusters for value in cluster])
        return (
            self.bound_ms,
            clusters.tobytes(),
            dates.chosen,
            dates.lo_ms,
            dates.hi_ms,
            self.alien,
            dates.suspect,
            self.up_ms,
        )

    def date(self, uptime_ms: int, wall_ms: int, synchronized: bool) -> tuple[int, int]:
        """Return the earliest and the latest date of a reading."""
        return date_reading(self.dates or UNDATED, uptime_ms, wall_ms, synchronized)

    def limit(self, bound_ms: int) -> bool:
        """Lower the latest possible start; return True if it changed."""
        if bound_ms >= self.bound_ms:
            return False
        self.bound_ms = bound_ms
        return True


def boot_of(row: Sequence[Any]) -> Boot:
    """Return a boot from ``id, gateway, boot_id`` and the columns of its clock."""
    id_, gateway, boot_id, bound_ms, packed, chosen, lo, hi, alien, suspect, up_ms = row
    numbers = array("q")
    numbers.frombytes(bytes(packed))
    clusters = tuple(Cluster(*numbers[at : at + 3]) for at in range(0, len(numbers), 3))
    dates = BootDates(lo, hi, bool(chosen), bool(suspect))
    return Boot(id_, gateway, boot_id, bound_ms, clusters, dates, bool(alien), up_ms)


BOOT_COLUMNS = ("id", "gateway", "boot_id", *CLOCK_COLUMNS)


def load_boots(
    connection: Connection, key: Sequence[str], keys: Iterable[tuple[Any, ...]]
) -> dict[int, Boot]:
    """Return boots with their parts, by row."""
    (rows,) = dialect.read_together(connection, [read_boots(connection, key, keys)])
    return with_parts(connection, rows)


def read_boots(
    connection: Connection, key: Sequence[str], keys: Iterable[tuple[Any, ...]]
) -> Read | None:
    """Return the query for boots without their parts."""
    return dialect.rows_of(connection, schema.boot, key, BOOT_COLUMNS, keys)


def read_parts(connection: Connection, boots: Iterable[int]) -> Read | None:
    """Return the query for the parts of boots."""
    names, keys = ("boot", "stream", *_PART), [(one,) for one in boots]
    return dialect.rows_of(connection, schema.boot_stream, ("boot",), names, keys)


def with_parts(
    connection: Connection, rows: Rows, known: Sequence[tuple[Any, ...]] = ()
) -> dict[int, Boot]:
    """Return the boots in the rows of :func:`read_boots`, with their parts, by row.

    :param known: all parts of some boots, as of :func:`read_parts`; those of others are read
    """
    boots = {row[0]: boot_of(row) for row in rows}
    others = boots.keys() - {row[0] for row in known}
    (found,) = dialect.read_together(connection, [read_parts(connection, sorted(others))])
    for boot, stream, *values in (*known, *found):
        if boot in boots:
            values[3], values[7] = bool(values[3]), bool(values[7])
            boots[boot].parts[stream] = Part(*values)
    return boots


class BootLog:
    """The boots of the gateways in a batch.

    :param named: gateway and boot id of each boot in the batch
    :param rows: of those that are stored, and of the parts of some of them
    """

    def __init__(self, batch: Batch, named: Set[tuple[int, str]], rows: tuple[Rows, Rows]) -> None:
        self._batch = batch
        wanted = sorted(named)
        boots, parts = rows
        stored = with_parts(batch.connection, [row for row in boots if row[1:3] in named], parts)
        self.boots: dict[tuple[int, str], Boot] = {
            (boot.gateway, boot.boot_id): boot for boot in stored.values()
        }
        self._stale: set[int] = set()
        self._changed: set[int] = set()
        self._begun: set[int] = set()  # boots whose first reports are in this batch
        self._reordered: set[int] = set()  # boots that may have another place among the others
        for gateway, boot_id in wanted:
            if (gateway, boot_id) not in self.boots:
                boot = Boot(batch.key(), gateway, boot_id, is_new=True)
                self.boots[gateway, boot_id] = boot

    def add(
        self, boot: Boot, stream: int, report: Envelope, received_ms: int, *, accepted: bool
    ) -> bool:
        """Add the clocks and the health of a report.

        :param accepted: count it; another body under its key is not counted
        :returns: True if its health differs from the one before
        """
        sequence, uptime_ms, wall_ms = report.sequence, report.uptime_ms, report.wall_ms
        synchronized = report.synchronized
        self._changed.add(boot.id)
        boot.changed_parts.add(stream)
        before = boot.clusters
        if synchronized:
            boot.clusters = add_anchor(before, wall_ms, uptime_ms)
            if len(before) != 1 or boot.clusters[0][:2] != before[0][:2]:
                self._stale.add(boot.gateway)
        boot.limit(received_ms - uptime_ms)
        boot.up_ms = max(boot.up_ms, uptime_ms)
        part = boot.parts.get(stream)
        if part is None:
            self._stale.add(boot.gateway)
            (self._reordered if boot.parts else self._begun).add(boot.id)
            clocks = (sequence, uptime_ms, wall_ms, synchronized)
            boot.parts[stream] = Part(
                *clocks, *clocks, uptime_ms, int(accepted), received_ms, report.agent_version
            )  # fmt: skip
            return boot.parts[stream].add_heartbeat(report)
        part.reports += accepted
        part.uptime_ms = max(part.uptime_ms, uptime_ms)
        part.received_ms = max(part.received_ms, received_ms)
        if sequence < part.first_sequence:
            self._stale.add(boot.gateway)
            self._reordered.add(boot.id)
            part.first_sequence, part.first_uptime_ms = sequence, uptime_ms
            part.first_wall_ms, part.first_synchronized = wall_ms, synchronized
        elif sequence > part.last_sequence:
            part.last_sequence, part.last_uptime_ms = sequence, uptime_ms
            part.last_wall_ms, part.last_synchronized = wall_ms, synchronized
            part.agent_version = report.agent_version
        return part.add_heartbeat(report)

    def add_sender(self, gateway: int, boot_id: str, uptime_ms: int, received_ms: int) -> None:
        """Add the boot and uptime of the sender of a batch."""
        boot = self.boots[gateway, boot_id]
        if received_ms - uptime_ms < boot.bound_ms or uptime_ms > boot.up_ms:
            boot.limit(received_ms - uptime_ms)
            boot.up_ms = max(boot.up_ms, uptime_ms)
            self._changed.add(boot.id)

    def changed_in(self, gateway: int) -> tuple[Boot | None, list[Boot]] | None:
        """Return a boot of a gateway that goes on, and those that begin in this batch, in order.

        :returns: None if others have changed as well, or their order
        """
        begun: list[Boot] = []
        others: list[Boot] = []
        for boot in self.boots.values():
            if boot.gateway == gateway and boot.parts and boot.id in self._changed:
                (begun if boot.id in self._begun else others).append(boot)
        if len(others) > 1 or any(boot.id in self._reordered for boot in (*begun, *others)):
            return None
        begun.sort(key=lambda boot: boot.only_part[1].first_sequence)
        return (others[0] if others else None), begun

    def touch(self, boot: Boot) -> None:
        """Note that a boot has to be written."""
        self._changed.add(boot.id)

    def stale_gateways(self, simple: Mapping[int, tuple[int | None, int]]) -> set[int]:
        """Return the gateways whose boots have to be ordered and dated again.

        :param simple: last boot of each gateway in which every reading is dated by its own clock,
            and the least bound of it with which this stays so; no boot: a date depends on others
        """
        for boot in self.boots.values():
            last, least_bound_ms = simple[boot.gateway]
            if (
                boot.parts
                and boot.id in self._changed
                and (last != boot.id or boot.bound_ms < least_bound_ms)
            ):
                self._stale.add(boot.gateway)
        return self._stale

    def write(self) -> None:
        """Write the boots of the batch."""
        new = [boot for boot in self.boots.values() if boot.is_new]
        dialect.insert_rows(
            self._batch.connection,
            schema.boot,
            BOOT_COLUMNS,
            [(boot.id, boot.gateway, boot.boot_id, *boot.values()) for boot in new],
        )
        dialect.update_rows(
            self._batch.connection,
            schema.boot,
            ("id",),
            CLOCK_COLUMNS,
            [
                (*boot.values(), boot.id)
                for boot in self.boots.values()
                if boot.id in self._changed and not boot.is_new
            ],
        )
        dialect.upsert_rows(
            self._batch.connection,
            schema.boot_stream,
            ("boot", "stream"),
            _PART,
            [
                (boot.id, stream, *boot.parts[stream].values())
                for boot in self.boots.values()
                for stream in sorted(boot.changed_parts)
            ],
        )
