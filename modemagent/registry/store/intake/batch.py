"""One transaction that stores reports: its connection, its keys, and what it has made dirty."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from sqlalchemy import Connection

from modemagent.registry.lists.entries import EntryValue
from modemagent.registry.store.database.ids import KeySource
from modemagent.registry.store.intake.places import Tail
from modemagent.registry.store.intake.ranges import StreamRanges

#: Stands for a report about whose values and network no rule can find anything.
PLAIN = 0, 0


class Contested(Exception):
    """Another worker changed what this transaction relied on; it has to be repeated."""


@dataclass(slots=True)
class Batch:
    """A transaction that stores reports.

    :param now_ms: time at which the changes are recorded, by the database's clock
    :param secret: key of the ids of events and findings
    :param hold_back_ms: how long an event waits for missing numbers below its report
    :param keep_bodies: keep the bodies of unchanged readings too
    :param modems: units of modems whose history must be derived again
    :param sims: units of SIMs whose history must be derived again
    :param tails: readings at the end of the history of a modem that is not in ``modems``
    :param slots: packed slots of the readings added to modems that are
    :param is_rebuilt: other readings of a place count now
    :param is_redated: stored readings have other dates now
    :param gateways: rows of gateways whose findings must be derived again
    :param new_units: units that this batch has created, so that nothing is recorded about them
    :param usual: stored units that the batch names and that have few readings
    :param unit_keys: numbers of the units that the batch names, by row
    :param stream_ids: ids of the streams of its gateways, by row
    :param ranges: received and missing numbers of the streams in the batch, by row
    :param dirty: units whose history has changed, for the rules
    :param first_seen: those that were seen for the first time, and of which nothing else is known
    :param beats: gateways whose health has changed
    :param noticed: places, each with its newest report, if the network or its values have changed;
        :data:`PLAIN` if the report need not be read
    :param benches: stream and number of each report of a production bench
    :param imeis: IMEIs of 14 digits whose assets or rows of orders have changed
    :param changed: entries of the lists, by number of the list, that were put or removed
    :param erased: numbers in the reports that were erased, so their bodies are stored without
    :param has_erased: any numbers were erased; None: not known
    :param events_changed: an event was published
    :param late: number of reports that arrived after a later one of their stream
    """

    connection: Connection
    keys: KeySource
    now_ms: int
    secret: bytes
    hold_back_ms: int = 3_600_000
    keep_bodies: bool = False
    modems: set[int] = field(default_factory=set)
    sims: set[int] = field(default_factory=set)
    tails: list[Tail] = field(default_factory=list)
    slots: list[bytes] = field(default_factory=list)
    is_rebuilt: bool = False
    is_redated: bool = False
    gateways: set[int] = field(default_factory=set)
    new_units: set[int] = field(default_factory=set)
    usual: set[int] = field(default_factory=set)
    unit_keys: dict[int, str] = field(default_factory=dict)
    stream_ids: dict[int, str] = field(default_factory=dict)
    ranges: dict[int, StreamRanges] = field(default_factory=dict)
    dirty: set[int] = field(default_factory=set)
    first_seen: set[int] = field(default_factory=set)
    beats: set[int] = field(default_factory=set)
    noticed: dict[int, tuple[int, int]] = field(default_factory=dict)
    benches: list[tuple[int, int]] = field(default_factory=list)
    imeis: set[str] = field(default_factory=set)
    changed: list[tuple[int, EntryValue]] = field(default_factory=list)
    erased: set[str] = field(default_factory=set)
    has_erased: bool | None = None
    events_changed: bool = False
    late: int = 0

    def key(self) -> int:
        """Return a surrogate key for a new row."""
        return self.keys.take(self.connection)


class Transactions(Protocol):
    """A database that is being opened."""

    def reading(self) -> AbstractContextManager[Connection]:
        """Return a connection that sees one state of the database throughout."""

    def writing(self) -> AbstractContextManager[Connection]:
        """Return the writing connection; commits at the end, rolls back on an error."""

    def new_batch(self, connection: Connection, **options: Any) -> Batch:
        """Return a batch of reports in the transaction of a writing connection."""
