"""Tables of the registry's database.

Keys are surrogates of 64 bits, taken from one sequence (:mod:`.ids`). Identifiers stand only in
``unit``, ``identifier``, ``fact`` and stored bodies; all other tables refer to them, so that an
erased number is erased everywhere. A report is referred to by the row of its stream and its
sequence number; its key, ``GATEWAY/STREAM/SEQUENCE``, is put together when it is shown.

Times are integers, milliseconds since 1970 UTC. The dates of a reading, a range from ``lo`` to
``hi``, follow from its own clocks and the start of its boot. ``recorded_from`` and ``recorded_to``
are times of the database's clock: a row whose ``recorded_to`` is null states what is known now.

PostgreSQL aligns each number to its size, so the columns of large tables are ordered by theirs.
"""

from __future__ import annotations

from sqlalchemy import (
    Column,
    Index,
    MetaData,
    Table,
    UniqueConstraint,
    text,
)

from modemagent.registry.store.tables.columns import (
    BOOLEAN,
    BY_KEY,
    BYTES,
    LONG,
    SMALL,
    TEXT,
    key,
    optional,
    required,
    row_id,
)

metadata = MetaData()

_HELD = text("position IS NULL")
_IN_HOLDER = text("holder IS NOT NULL")
_OF_MODEM = text("holder IS NULL")
_LARGE = text("relate_ms IS NOT NULL")
_WITH_SITE = text("site IS NOT NULL")

setting = Table(
    "setting",
    metadata,
    *key(TEXT, "name"),
    *required(BYTES, "value"),
)

# -- gateways ---------------------------------------------------------------------------------

gateway = Table(
    "gateway",
    metadata,
    row_id(),
    *required(TEXT, "gateway_id"),
    *required(LONG, "ref"),
    *optional(TEXT, "site"),
    *required(SMALL, "heard_day"),
    *optional(LONG, "first_boot", "last_boot"),
    *required(BOOLEAN, "simple"),  # every reading is dated by its own clock
    *required(LONG, "least_bound_ms"),  # of its last boot: below, other dates may follow
    *required(BOOLEAN, "forked"),  # copies of its disk have reported
    UniqueConstraint("gateway_id", name="gateway_key"),
    Index("gateway_of_ref", "ref"),
    Index("gateway_at_site", "site", sqlite_where=_WITH_SITE, postgresql_where=_WITH_SITE),
)

stream = Table(
    "stream",
    metadata,
    row_id(),
    *required(LONG, "gateway"),
    *required(TEXT, "stream_id"),
    *required(LONG, "rank"),  # place of the stream among those of its gateway, from 0
    *required(LONG, "top"),  # highest received number
    *required(LONG, "pending"),  # numbers below it that are missing will never arrive
    UniqueConstraint("gateway", "stream_id", name="stream_key"),
)

# Numbers of a stream that were received in one boot. Copies of a disk use the same numbers.
received = Table(
    "received",
    metadata,
    *key(LONG, "stream", "boot", "first"),  # boot 0: rejected
    *required(LONG, "last"),
    **BY_KEY,
)

# Numbers that are missing below the highest received one.
hole = Table(
    "hole",
    metadata,
    *key(LONG, "stream", "first"),
    *required(LONG, "last", "since_ms"),  # receipt of the first number above it
    **BY_KEY,
)

# Digests of the last reports: 64 of 8 bytes each, without zeros at the end.
key_page = Table(
    "key_page",
    metadata,
    *key(LONG, "stream", "page"),
    *required(SMALL, "used_day"),
    *required(BYTES, "digests"),
    **BY_KEY,
)

boot = Table(
    "boot",
    metadata,
    row_id(),
    *required(LONG, "gateway"),
    *required(TEXT, "boot_id"),
    *required(LONG, "bound_ms"),  # latest time at which it can have started
    *required(BYTES, "clusters"),  # clusters of anchors: minimum, maximum, count
    *required(LONG, "up_ms"),  # largest uptime
    *required(BOOLEAN, "chosen"),  # one of the clusters is believed
    *required(LONG, "start_lo", "start_hi"),
    *required(BOOLEAN, "alien", "suspect"),
    UniqueConstraint("gateway", "boot_id", name="boot_key"),
)

boot_stream = Table(
    "boot_stream",
    metadata,
    *key(LONG, "boot", "stream"),
    *required(LONG, "first_sequence", "first_uptime_ms", "first_wall_ms"),
    *required(BOOLEAN, "first_synchronized"),
    *required(LONG, "last_sequence", "last_uptime_ms", "last_wall_ms"),
    *required(BOOLEAN, "last_synchronized"),
    *required(LONG, "uptime_ms", "reports", "received_ms"),  # largest, number, last receipt
    *required(TEXT, "agent_version"),  # of the last report
    *optional(LONG, "heartbeat_sequence", "heartbeat_ms"),  # of the last heartbeat
    *optional(BYTES, "health"),
    **BY_KEY,
)

# -- readings ---------------------------------------------------------------------------------

# What modems say about their hardware and firmware; a few thousand rows for any fleet.
make = Table(
    "make",
    metadata,
    row_id(),
    *required(TEXT, "manufacturer", "model", "firmware"),  # empty: not read
    UniqueConstraint("manufacturer", "model", "firmware", name="make_key"),
)

# A position of a gateway. The columns ``last_*`` are its newest reading, of any kind.
place = Table(
    "place",
    metadata,
    row_id(),
    *required(LONG, "gateway", "sighting"),  # first reading of the present span
    *optional(LONG, "unit"),
    *required(LONG, "identity", "problems"),  # digests of parts of the newest report
    Column("likeness", LONG, nullable=False, server_default="0"),  # of their bytes; 0: not known
    *required(LONG, "first_position"),  # of the first reading of the present span
    *required(LONG, "agreeing"),  # readings between the first and the last of the present span
    *required(LONG, "last_stream", "last_sequence", "last_position", "last_boot"),
    *required(LONG, "last_uptime_ms", "last_wall_ms", "last_received_ms", "last_digest"),
    *required(SMALL, "heard_day", "seen"),
    *required(BOOLEAN, "watch"),  # of an open case: unchanged readings count
    *required(BOOLEAN, "contested"),  # its unit or a SIM may be elsewhere at the same time
    *required(BOOLEAN, "last_synchronized"),
    *required(TEXT, "mcc", "device_id"),
    UniqueConstraint("gateway", "device_id", name="place_key"),
    Index("place_of_unit", "unit"),
    postgresql_with={"fillfactor": 60},
)

# A SIM in a slot of a place, by the newest reading of the place.
place_sim = Table(
    "place_sim",
    metadata,
    *key(LONG, "sim", "place"),
    *key(SMALL, "slot"),
    **BY_KEY,
)

# A reading that is kept: ends of spans, changes, edges of holes.
sighting = Table(
    "sighting",
    metadata,
    row_id(),
    *required(LONG, "place", "position", "stream", "sequence", "boot"),
    *required(LONG, "uptime_ms", "wall_ms", "received_ms"),
    *required(LONG, "agreeing"),  # forgotten readings between the one before it and this one
    *required(LONG, "identity", "digest"),
    *optional(LONG, "unit", "make", "serial_number", "imeisv", "meid"),  # rows of their tables
    *required(SMALL, "seen"),
    *required(BOOLEAN, "synchronized"),
    *required(BOOLEAN, "counts"),  # not of a copied disk, nor of a body that lost a conflict
    *required(BOOLEAN, "gap_before"),  # a number after the kept reading before it is missing
    *optional(TEXT, "reader"),
    *required(BYTES, "slots"),
    Index("sighting_at_place", "place", "position"),
    Index("sighting_of_unit", "unit"),
)

# Bodies of reports that are worth keeping, compressed (:mod:`.bodies`).
report = Table(
    "report",
    metadata,
    *key(LONG, "stream", "sequence", "received_ms"),
    *required(BYTES, "body"),
    *optional(LONG, "old_digest"),  # of the body before numbers were cut out of it
    postgresql_partition_by="RANGE (received_ms)",
)

# Bodies that arrived under the key of another report.
conflict = Table(
    "conflict",
    metadata,
    *key(LONG, "stream", "sequence", "digest"),
    *required(LONG, "boot", "received_ms"),
    *required(BYTES, "body"),
    *optional(LONG, "old_digest"),
)

# -- units ------------------------------------------------------------------------------------

unit = Table(
    "unit",
    metadata,
    row_id(),
    *required(LONG, "ref"),
    *optional(LONG, "relate_ms"),  # of a unit with many readings: when it is related next
    *required(SMALL, "kind", "heard_day"),
    *required(TEXT, "key", "number"),
    UniqueConstraint("kind", "key", name="unit_key"),
    Index("unit_of_ref", "ref"),
    Index("unit_to_relate", "relate_ms", sqlite_where=_LARGE, postgresql_where=_LARGE),
)

identifier = Table(
    "identifier",
    metadata,
    row_id(),
    *required(SMALL, "kind"),
    *required(TEXT, "value"),
    UniqueConstraint("kind", "value", name="identifier_key"),
)

identifier_of = Table(
    "identifier_of",
    metadata,
    *key(LONG, "identifier", "unit"),
    **BY_KEY,
)

# What a modem says about itself from one report on; numbers are rows of ``identifier``.
fact = Table(
    "fact",
    metadata,
    row_id(),
    *required(LONG, "unit"),
    *optional(LONG, "make", "serial_number", "imeisv", "meid"),
    *required(LONG, "stream", "sequence", "lo_ms", "hi_ms", "recorded_from"),
    *optional(LONG, "recorded_to"),
    Index("fact_of_unit", "unit"),
)

# -- history ----------------------------------------------------------------------------------

# An individual at a place: a modem in a gateway, or a SIM in a slot of a modem (``holder``). The
# columns ``last_*`` are null if the last reading is the one that opened the stay.
stay = Table(
    "stay",
    metadata,
    row_id(),
    *required(LONG, "unit", "place"),  # of a SIM: where it was first read in this slot
    *required(LONG, "opened_stream", "opened_sequence", "from_lo", "from_hi", "recorded_from"),
    *optional(LONG, "holder", "imsi", "eid"),
    *optional(LONG, "last_stream", "last_sequence", "last_lo", "last_hi"),
    *optional(LONG, "closed_stream", "closed_sequence", "to_lo", "to_hi", "recorded_to"),
    *required(SMALL, "individual"),
    *optional(SMALL, "holder_individual", "slot"),
    *required(BOOLEAN, "order_known", "pending"),
    *optional(TEXT, "cause"),
    Index("stay_of_unit", "unit"),
    Index("stay_in_holder", "holder", sqlite_where=_IN_HOLDER, postgresql_where=_IN_HOLDER),
    Index("stay_at_place", "place", sqlite_where=_OF_MODEM, postgresql_where=_OF_MODEM),
)

# The log of events: one row for each event, revision and retraction. Rows without a position are
# held back. ``superseded``: a later row of the same event exists. The timelines of the units on its
# sides show it too.
event = Table(
    "event",
    metadata,
    row_id(),
    *optional(LONG, "position"),
    *optional(LONG, "first_position"),  # of the first row of the event, if this is another
    *required(LONG, "unit", "stream", "sequence", "lo_ms", "hi_ms", "recorded_ms"),
    *optional(LONG, "old_place", "old_modem", "old_sim", "old_imsi", "old_eid"),
    *optional(LONG, "new_place", "new_modem", "new_sim", "new_imsi", "new_eid"),
    *optional(SMALL, "old_slot", "new_slot"),
    *required(SMALL, "revision"),
    *required(BOOLEAN, "withdrawn", "superseded"),
    *required(BYTES, "event_id"),
    *required(TEXT, "type"),
    *optional(BYTES, "replaces"),
    UniqueConstraint("position", name="event_position"),
    Index("event_of_unit", "unit"),
    Index("event_held", "stream", sqlite_where=_HELD, postgresql_where=_HELD),
    *(
        Index(f"event_of_{name}", name, sqlite_where=other, postgresql_where=other)
        for name in ("old_modem", "old_sim", "new_modem", "new_sim")
        for other in (text(f"{name} <> unit"),)
    ),
)

# Days of a year on which a modem with a SIM was read in a country (:mod:`.presence`).
presence = Table(
    "presence",
    metadata,
    *key(TEXT, "mcc"),
    *key(SMALL, "year"),
    *key(LONG, "modem", "gateway", "sim"),
    *required(BYTES, "days"),
    postgresql_with={"fillfactor": 70},
    **BY_KEY,
)
