"""Places of gateways: their newest reading, and the readings that are kept.

A reading that equals both its neighbours is not kept: the open span of a place is the row of its
first reading and the newest one, which is in the columns ``last_*`` of the place. The end of a span
becomes a row when something different follows.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import Connection

from modemagent.registry.envelope import Parts
from modemagent.registry.history.readings import Seen
from modemagent.registry.store.database import dialect
from modemagent.registry.store.database.dialect import Read
from modemagent.registry.store.intake.ranges import StreamRanges
from modemagent.registry.store.tables import schema


class Content(NamedTuple):
    """What a reading states about its place; equal for all readings of a span.

    :param identity: digest of the part of the report that it was read from
    :param slots: packed by :func:`modemagent.registry.store.intake.slots.pack`
    """

    seen: int
    unit: int | None
    make: int | None
    reader: str | None
    serial_number: int | None
    imeisv: int | None
    meid: int | None
    slots: bytes
    identity: int

    @classmethod
    def unread(cls, identity: int) -> Content:
        """Return the content of a reading whose place states the same; it is taken from there."""
        return cls(2, None, None, None, None, None, None, b"", identity)


class Clocks(NamedTuple):
    """When a reading was taken, by the gateway's clocks and the registry's.

    :param digest: of the body
    """

    stream: int
    sequence: int
    position: int
    boot: int
    uptime_ms: int
    wall_ms: int
    received_ms: int
    synchronized: bool
    digest: int


@dataclass(slots=True)
class Row:
    """A kept reading."""

    id: int
    at: Clocks
    content: Content
    gap_before: bool
    agreeing: int = 0
    stored: bool = False
    changed: bool = False

    @property
    def position(self) -> int:
        return self.at.position


_CLOCKS = Clocks._fields
_CONTENT = Content._fields
_ROW = ("id", "place", "counts", "gap_before", "agreeing", *_CLOCKS, *_CONTENT)


@dataclass(slots=True, eq=False)
class Place:
    """A position of a gateway.

    :param likeness: digest of the bytes of the parts of the newest report, which have the identity,
        problems and country of the place; 0 if they are not known to
    :param sighting: row of the first reading of the open span, 0 if no reading counts
    :param first_position: position of that reading
    :param last: the newest reading; of the same span
    :param added: readings of this batch, other than those that extend the open span
    :param touched: positions at which a hole has closed
    :param rebuild: the order of the readings, or which of them count, has changed
    """

    id: int
    gateway: int
    device_id: str
    watch: bool
    contested: bool
    heard_day: int
    sighting: int
    unit: int | None
    seen: int
    identity: int
    problems: int
    likeness: int
    mcc: str
    agreeing: int
    first_position: int
    last: Clocks
    is_new: bool = False
    changed: bool = False
    added: list[Row] = field(default_factory=list)
    touched: list[int] = field(default_factory=list)
    rebuild: bool = False
    newest: int = 0  # position and identity of the newest reading, those in ``added`` included
    newest_identity: int = 0
    slots: bytes | None = None  # of the newest reading, if it is in this batch

    def __post_init__(self) -> None:
        self.newest, self.newest_identity = self.last.position, self.identity

    def extends(self, at: Clocks, identity: int, ranges: StreamRanges) -> bool:
        """Return True if a reading only continues the open span."""
        last = self.last
        return (
            not self.added
            and not self.contested
            and not self.watch
            and identity == self.identity
            and at.boot == last.boot
            and at.stream == last.stream
            and at.position > last.position
            and not ranges.has_hole(last.sequence, at.sequence)
        )

    @property
    def parts(self) -> Parts:
        """What the newest report states, if there is a likeness of it."""
        # if it was noteworthy, that was noticed when it came
        return Parts(self.identity, self.problems, self.mcc, noteworthy=False)

    def hear(self, day: int, mcc: str) -> None:
        """Note the day and the country of a report."""
        if mcc != self.mcc:
            self.likeness = 0  # the country of the newest report may be another
        self.heard_day, self.mcc, self.changed = day, mcc, True

    def extend(self, at: Clocks) -> None:
        """Make a reading that continues the open span the newest one."""
        if self.last.position != self.first_position:
            self.agreeing += 1
        self.last = at
        self.newest = at.position
        self.changed = True

    def add(self, row: Row) -> None:
        """Add a reading of any other kind."""
        self.added.append(row)
        if row.position > self.newest:
            self.newest, self.newest_identity = row.position, row.content.identity


class Tail(NamedTuple):
    """Readings after the newest stored one of a place, all of one modem, in one stream.

    :param known: the newest stored reading; None if the place is new
    :param added: by position
    """

    unit: int
    place: Place
    known: Row | None
    added: list[Row]


NOTHING = Clocks(0, 0, -1, 0, 0, 0, 0, False, 0)
UNKNOWN = Content(Seen.UNREAD, None, None, None, None, None, None, b"", 0)

PLACE_COLUMNS = (
    "id", "gateway", "device_id", "watch", "contested", "heard_day", "sighting", "unit", "seen",
    "identity", "problems", "likeness", "mcc", "agreeing", "first_position",
    *(f"last_{name}" for name in _CLOCKS),
)  # fmt: skip


def load_places(
    connection: Connection, key: tuple[str, ...], keys: Iterable[tuple[Any, ...]]
) -> list[Place]:
    """Return places by their key."""
    (rows,) = dialect.read_together(connection, [read_places(connection, key, keys)])
    return [place_of(row) for row in rows]


def read_places(
    connection: Connection, key: tuple[str, ...], keys: Iterable[tuple[Any, ...]]
) -> Read | None:
    """Return the query for the columns :data:`PLACE_COLUMNS` of places."""
    return dialect.rows_of(connection, schema.place, key, PLACE_COLUMNS, keys)


def place_of(row: tuple[Any, ...]) -> Place:
    """Return a place from the columns :data:`PLACE_COLUMNS`."""
    id_, gateway, device_id, watch, contested, *rest = row
    state: list[Any] = [id_, gateway, device_id, bool(watch), bool(contested), *rest[:10]]
    state.append(clocks_of(rest[10:]))
    return Place(*state)


def clocks_of(values: Iterable[Any]) -> Clocks:
    found: list[Any] = [*values]
    found[-2] = bool(found[-2])  # synchronized
    return Clocks(*found)


def row_of(values: tuple[Any, ...]) -> Row:
    """Return a stored reading from the columns :data:`ROW_COLUMNS`."""
    content = Content(*values[5 + len(_CLOCKS) :])
    at = clocks_of(values[5 : 5 + len(_CLOCKS)])
    content = content._replace(slots=bytes(content.slots))
    return Row(values[0], at, content, bool(values[3]), values[4], stored=True)


ROW_COLUMNS = _ROW
