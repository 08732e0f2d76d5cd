"""Tables of the registry's database.

Keys are surrogates of 64 bits, taken from one sequence (:mod:`.ids`). Identifiers stand only in
``unit``, ``identifier``, ``fact`` and stored bodies; all other tables refer to them, so that an
erased number is erased everywhere. A report is referred to by the row of its stream and its
sequence number; its key, ``GATEWAY/STREAM/SEQUENCE``, is put together when it is shown.

Times are integers, milliseconds since 1970 UTC. The dates of a reading, a range from ``lo`` to
``hi``, follow from its own clocks and the start of its boot. ``recorded_from`` and ``recorded_to``
are times of the database's clock: a row whose ``recorded_to`` is null states what is known now.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.types import TypeEngine

metadata = MetaData()

# SQLite takes a column as the number of the row only if its type is INTEGER.
_KEY = BigInteger().with_variant(Integer, "sqlite")
_BOOLEAN = Boolean(create_constraint=False)
_UNSORTED: dict[str, Any] = {"sqlite_with_rowid": False}  # the table is its own index


def _id() -> Column[int]:
    return Column("id", _KEY, primary_key=True, autoincrement=False)


def _key(kind: TypeEngine[Any], *names: str) -> list[Column[Any]]:
    return [Column(name, kind, primary_key=True, autoincrement=False) for name in names]


def _required(kind: TypeEngine[Any], *names: str) -> list[Column[Any]]:
    return [Column(name, kind, nullable=False) for name in names]


def _optional(kind: TypeEngine[Any], *names: str) -> list[Column[Any]]:
    return [Column(name, kind, nullable=True) for name in names]


_HELD = text("position IS NULL")
_IN_HOLDER = text("holder IS NOT NULL")
_LARGE = text("relate_ms IS NOT NULL")
_AT_PLACE = text("place IS NOT NULL")
_OPEN = text("recorded_to IS NULL AND state <> 'resolved'")
_WITH_SITE = text("site IS NOT NULL")
_LONG, _TEXT, _BYTES, _SMALL = BigInteger(), Text(), LargeBinary(), SmallInteger()

setting = Table(
    "setting",
    metadata,
    *_key(_TEXT, "name"),
    *_required(_BYTES, "value"),
)

# The next free surrogate key on SQLite; PostgreSQL has a sequence of this name.
surrogate = Table("surrogate_key", metadata, *_key(_LONG, "next"))

# -- gateways ---------------------------------------------------------------------------------

gateway = Table(
    "gateway",
    metadata,
    _id(),
    *_required(_TEXT, "gateway_id"),
    *_required(_LONG, "ref"),
    *_optional(_TEXT, "site"),
    *_required(_SMALL, "heard_day"),
    *_optional(_LONG, "first_boot", "last_boot"),
    *_required(_BOOLEAN, "simple"),  # every reading is dated by its own clock
    *_required(_LONG, "least_bound_ms"),  # of its last boot: below, other dates may follow
    *_required(_BOOLEAN, "forked"),  # copies of its disk have reported
    UniqueConstraint("gateway_id", name="gateway_key"),
    Index("gateway_of_ref", "ref"),
    Index("gateway_at_site", "site", sqlite_where=_WITH_SITE, postgresql_where=_WITH_SITE),
)

stream = Table(
    "stream",
    metadata,
    _id(),
    *_required(_LONG, "gateway"),
    *_required(_TEXT, "stream_id"),
    *_required(_LONG, "rank"),  # place of the stream among those of its gateway, from 0
    *_required(_LONG, "top"),  # highest received number
    *_required(_LONG, "pending"),  # numbers below it that are missing will never arrive
    UniqueConstraint("gateway", "stream_id", name="stream_key"),
)

# Numbers of a stream that were received in one boot. Copies of a disk use the same numbers.
received = Table(
    "received",
    metadata,
    *_key(_LONG, "stream", "boot", "first"),  # boot 0: rejected
    *_required(_LONG, "last"),
    **_UNSORTED,
)

# Numbers that are missing below the highest received one.
hole = Table(
    "hole",
    metadata,
    *_key(_LONG, "stream", "first"),
    *_required(_LONG, "last", "since_ms"),  # receipt of the first number above it
    **_UNSORTED,
)

# Digests of the last reports: 64 of 8 bytes each, without zeros at the end.
key_page = Table(
    "key_page",
    metadata,
    *_key(_LONG, "stream", "page"),
    *_required(_SMALL, "used_day"),
    *_required(_BYTES, "digests"),
    **_UNSORTED,
)

boot = Table(
    "boot",
    metadata,
    _id(),
    *_required(_LONG, "gateway"),
    *_required(_TEXT, "boot_id"),
    *_required(_LONG, "bound_ms"),  # latest time at which it can have started
    *_required(_BYTES, "clusters"),  # clusters of anchors: minimum, maximum, count
    *_required(_LONG, "up_ms"),  # largest uptime
    *_required(_BOOLEAN, "chosen"),  # one of the clusters is believed
    *_required(_LONG, "start_lo", "start_hi"),
    *_required(_BOOLEAN, "alien", "suspect"),
    UniqueConstraint("gateway", "boot_id", name="boot_key"),
)

boot_stream = Table(
    "boot_stream",
    metadata,
    *_key(_LONG, "boot", "stream"),
    *_required(_LONG, "first_sequence", "first_uptime_ms", "first_wall_ms"),
    *_required(_BOOLEAN, "first_synchronized"),
    *_required(_LONG, "last_sequence", "last_uptime_ms", "last_wall_ms"),
    *_required(_BOOLEAN, "last_synchronized"),
    *_required(_LONG, "uptime_ms", "reports", "received_ms"),  # largest, number, last receipt
    *_required(_TEXT, "agent_version"),  # of the last report
    *_optional(_LONG, "heartbeat_sequence", "heartbeat_ms"),  # of the last heartbeat
    *_optional(_BYTES, "health"),
    **_UNSORTED,
)

# -- readings ---------------------------------------------------------------------------------

# What modems say about their hardware and firmware; a few thousand rows for any fleet.
make = Table(
    "make",
    metadata,
    _id(),
    *_required(_TEXT, "manufacturer", "model", "firmware"),  # empty: not read
    UniqueConstraint("manufacturer", "model", "firmware", name="make_key"),
)

# A position of a gateway. The columns ``last_*`` are its newest reading, of any kind.
place = Table(
    "place",
    metadata,
    _id(),
    *_required(_LONG, "gateway"),
    *_required(_TEXT, "device_id"),
    *_required(_BOOLEAN, "watch"),  # of an open case: unchanged readings count
    *_required(_BOOLEAN, "contested"),  # its unit or a SIM may be elsewhere at the same time
    *_required(_SMALL, "heard_day"),
    *_required(_LONG, "sighting"),  # first reading of the present span
    *_optional(_LONG, "unit"),
    *_required(_SMALL, "seen"),
    *_required(_LONG, "identity", "problems"),  # digests of parts of the newest report
    Column("likeness", _LONG, nullable=False, server_default="0"),  # of their bytes; 0: not known
    *_required(_TEXT, "mcc"),
    *_required(_LONG, "first_position"),  # of the first reading of the present span
    *_required(_LONG, "agreeing"),  # readings between the first and the last of the present span
    *_required(_LONG, "last_stream", "last_sequence", "last_position", "last_boot"),
    *_required(_LONG, "last_uptime_ms", "last_wall_ms", "last_received_ms"),
    *_required(_BOOLEAN, "last_synchronized"),
    *_required(_LONG, "last_digest"),
    UniqueConstraint("gateway", "device_id", name="place_key"),
    Index("place_of_unit", "unit"),
    postgresql_with={"fillfactor": 60},
)

# A SIM in a slot of a place, by the newest reading of the place.
place_sim = Table(
    "place_sim",
    metadata,
    *_key(_LONG, "sim", "place"),
    *_key(_SMALL, "slot"),
    Index("place_sim_at_place", "place"),
    **_UNSORTED,
)

# A reading that is kept: ends of spans, changes, edges of holes.
sighting = Table(
    "sighting",
    metadata,
    _id(),
    *_required(_LONG, "place", "position", "stream", "sequence", "boot"),
    *_required(_LONG, "uptime_ms", "wall_ms", "received_ms"),
    *_required(_BOOLEAN, "synchronized"),
    *_required(_SMALL, "seen"),
    *_required(_BOOLEAN, "counts"),  # not of a copied disk, nor of a body that lost a conflict
    *_required(_BOOLEAN, "gap_before"),  # a number after the kept reading before it is missing
    *_required(_LONG, "agreeing"),  # forgotten readings between the one before it and this one
    *_optional(_LONG, "unit", "make"),
    *_optional(_TEXT, "reader"),
    *_optional(_LONG, "serial_number", "imeisv", "meid"),  # identifiers
    *_required(_BYTES, "slots"),
    *_required(_LONG, "identity", "digest"),
    Index("sighting_at_place", "place", "position"),
    Index("sighting_of_unit", "unit"),
)

# Bodies of reports that are worth keeping, compressed (:mod:`.bodies`).
report = Table(
    "report",
    metadata,
    *_key(_LONG, "stream", "sequence", "received_ms"),
    *_required(_BYTES, "body"),
    postgresql_partition_by="RANGE (received_ms)",
)

# Bodies that arrived under the key of another report.
conflict = Table(
    "conflict",
    metadata,
    *_key(_LONG, "stream", "sequence", "digest"),
    *_required(_LONG, "boot", "received_ms"),
    *_required(_BYTES, "body"),
)

# -- units ------------------------------------------------------------------------------------

unit = Table(
    "unit",
    metadata,
    _id(),
    *_required(_SMALL, "kind"),
    *_required(_TEXT, "key", "number"),
    *_required(_LONG, "ref"),
    *_required(_SMALL, "heard_day"),
    *_optional(_LONG, "relate_ms"),  # of a unit with many readings: when it is related next
    UniqueConstraint("kind", "key", name="unit_key"),
    Index("unit_of_ref", "ref"),
    Index("unit_to_relate", "relate_ms", sqlite_where=_LARGE, postgresql_where=_LARGE),
)

identifier = Table(
    "identifier",
    metadata,
    _id(),
    *_required(_SMALL, "kind"),
    *_required(_TEXT, "value"),
    UniqueConstraint("kind", "value", name="identifier_key"),
)

identifier_of = Table(
    "identifier_of",
    metadata,
    *_key(_LONG, "identifier", "unit"),
    **_UNSORTED,
)

# What a modem says about itself from one report on; numbers are rows of ``identifier``.
fact = Table(
    "fact",
    metadata,
    _id(),
    *_required(_LONG, "unit"),
    *_optional(_LONG, "make", "serial_number", "imeisv", "meid"),
    *_required(_LONG, "stream", "sequence", "lo_ms", "hi_ms", "recorded_from"),
    *_optional(_LONG, "recorded_to"),
    Index("fact_of_unit", "unit"),
)

# -- history ----------------------------------------------------------------------------------

# An individual at a place: a modem in a gateway, or a SIM in a slot of a modem (``holder``).
stay = Table(
    "stay",
    metadata,
    _id(),
    *_required(_LONG, "unit"),
    *_required(_SMALL, "individual"),
    *_required(_LONG, "place"),  # of a SIM: where it was first read in this slot
    *_optional(_LONG, "holder"),
    *_optional(_SMALL, "holder_individual", "slot"),
    *_optional(_LONG, "imsi", "eid"),
    *_required(_LONG, "opened_stream", "opened_sequence", "from_lo", "from_hi"),
    *_required(_LONG, "last_stream", "last_sequence", "last_lo", "last_hi"),
    *_optional(_LONG, "closed_stream", "closed_sequence", "to_lo", "to_hi"),
    *_optional(_TEXT, "cause"),
    *_required(_BOOLEAN, "order_known", "pending"),
    *_required(_LONG, "recorded_from"),
    *_optional(_LONG, "recorded_to"),
    Index("stay_of_unit", "unit"),
    Index("stay_in_holder", "holder", sqlite_where=_IN_HOLDER, postgresql_where=_IN_HOLDER),
    Index("stay_at_place", "place"),
)

# The log of events: one row for each event, revision and retraction. Rows without a position are
# held back. ``superseded``: a later row of the same event exists.
event = Table(
    "event",
    metadata,
    _id(),
    *_optional(_LONG, "position", "first_position"),  # of this row, of the first row of the event
    *_required(_BYTES, "event_id"),
    *_required(_TEXT, "type"),
    *_required(_SMALL, "revision"),
    *_required(_BOOLEAN, "withdrawn", "superseded"),
    *_optional(_BYTES, "replaces"),
    *_required(_LONG, "unit", "stream", "sequence", "lo_ms", "hi_ms", "recorded_ms"),
    *_optional(_LONG, "old_place", "old_modem"),
    *_optional(_SMALL, "old_slot"),
    *_optional(_LONG, "old_sim", "old_imsi", "old_eid"),
    *_optional(_LONG, "new_place", "new_modem"),
    *_optional(_SMALL, "new_slot"),
    *_optional(_LONG, "new_sim", "new_imsi", "new_eid"),
    UniqueConstraint("position", name="event_position"),
    Index("event_of_unit", "unit"),
    Index("event_held", "stream", sqlite_where=_HELD, postgresql_where=_HELD),
)

# The other units whose timelines show an event.
event_about = Table(
    "event_about",
    metadata,
    *_key(_LONG, "unit", "event"),
    **_UNSORTED,
)

finding = Table(
    "finding",
    metadata,
    _id(),
    *_required(_BYTES, "finding_id"),
    *_required(_TEXT, "type", "severity"),
    *_optional(_TEXT, "grade"),
    *_optional(_LONG, "unit", "gateway"),
    *_required(_LONG, "stream", "sequence", "lo_ms", "hi_ms"),
    *_required(_TEXT, "state"),
    *_required(_LONG, "recorded_from"),
    *_optional(_LONG, "recorded_to"),
    *_optional(_LONG, "place"),  # of a value that does not identify a unit
    Column("part", _TEXT, nullable=False, server_default=""),  # slot, field or port
    Column("late", _BOOLEAN, nullable=False, server_default=false()),
    Column("again", _LONG, nullable=False, server_default="0"),  # earlier findings of its kind
    Column("revision", _LONG, nullable=False, server_default="1"),
    *_optional(_LONG, "until_ms"),  # end of an acknowledgement or a suppression
    *_optional(_TEXT, "assignee"),
    Index("finding_of_id", "finding_id"),
    Index("finding_of_unit", "unit"),
    Index("finding_of_gateway", "gateway"),
    Index("finding_of_place", "place", sqlite_where=_AT_PLACE, postgresql_where=_AT_PLACE),
    Index("finding_of_severity", "severity", "id"),
    Index("finding_open", "severity", "id", sqlite_where=_OPEN, postgresql_where=_OPEN),
)

# What changed a finding: decisions of people, and changes by the registry.
decision = Table(
    "decision",
    metadata,
    *_key(_LONG, "finding", "revision"),  # the revision that it made
    *_required(_TEXT, "action", "actor", "reason"),
    *_optional(_LONG, "until_ms"),
    *_optional(_TEXT, "assignee"),
    *_required(_LONG, "made_ms"),
    **_UNSORTED,
)

# Places whose network refuses the registration, since the report that first stated it.
denial = Table(
    "denial",
    metadata,
    *_key(_LONG, "place"),
    *_required(_LONG, "stream", "sequence", "since_lo", "since_hi"),
    *_required(_BOOLEAN, "found"),  # it has lasted long enough to be a finding
    Index("denial_since", "found", "since_hi"),
    **_UNSORTED,
)

# Reports that show a finding, by individual; 0 if it is not about individuals.
finding_report = Table(
    "finding_report",
    metadata,
    *_key(_LONG, "finding"),
    *_key(_SMALL, "individual"),
    *_key(_LONG, "stream", "sequence"),
    **_UNSORTED,
)

finding_alias = Table(
    "finding_alias",
    metadata,
    *_key(_BYTES, "finding_id"),
    *_required(_LONG, "finding"),
    **_UNSORTED,
)

# Days of a year on which a modem with a SIM was read in a country.
presence = Table(
    "presence",
    metadata,
    *_key(_LONG, "gateway", "modem", "sim"),
    *_key(_TEXT, "mcc"),
    *_key(_SMALL, "year"),
    *_required(_BYTES, "days"),
    **_UNSORTED,
)

# -- operation --------------------------------------------------------------------------------

# Timers, which one process at a time takes (:mod:`.jobs`), and what the rules are to evaluate.
job = Table(
    "job",
    metadata,
    _id(),
    *_required(_TEXT, "kind"),
    *_required(_LONG, "due_ms"),
    *_required(_BYTES, "units"),
    Index("job_due", "kind", "due_ms"),
)

# Numbers of stored rows as of the last count (:mod:`.tallies`).
tally = Table("tally", metadata, *_key(_TEXT, "name"), *_required(_LONG, "value"))

token = Table(
    "token",
    metadata,
    Column("number", _KEY, primary_key=True, autoincrement=True),
    Column("hash", LargeBinary, nullable=False, unique=True),
    *_required(_TEXT, "scope"),
    *_optional(_TEXT, "gateway_id"),
    *_required(_BOOLEAN, "full_ids"),
    *_required(_LONG, "created_ms"),
    *_optional(_LONG, "used_ms", "revoked_ms", "expires_ms", "enrolment_blocked_ms"),
    Index("token_of_gateway", "gateway_id"),
)
