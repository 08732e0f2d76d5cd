"""The tables.

Identifiers are never unique columns of a device row: a number can be cloned, moved, misread. What
is unique is what was said (``report``), what was concluded (``event``), and the key under which
readings of one number are folded (``seat``, ``item``).

Times are integers, milliseconds since 1970 UTC. ``report`` is append-only but for ``at_ms``, the
date given to it, which a later report of the same boot may correct.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData()

# SQLite numbers rows only in a column called INTEGER
_RowNumber = BigInteger().with_variant(Integer, "sqlite")

schema_version = Table("schema_version", metadata, Column("version", Integer, primary_key=True))

gateway = Table(
    "gateway",
    metadata,
    Column("gateway_id", Text, primary_key=True),
    Column("first_ms", BigInteger, nullable=False),
    Column("last_received_ms", BigInteger, nullable=False),
    Column("last_ms", BigInteger, nullable=False),
    Column("agent_version", Text, nullable=False),
    Column("reports", BigInteger, nullable=False),
)

stream = Table(
    "stream",
    metadata,
    Column("gateway_id", Text, primary_key=True),
    Column("stream_id", Text, primary_key=True),
    Column("clock", LargeBinary, nullable=False),
)

report = Table(
    "report",
    metadata,
    Column("number", _RowNumber, primary_key=True, autoincrement=True),
    Column("gateway_id", Text, nullable=False),
    Column("stream_id", Text, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("report_id", Text, nullable=False),
    Column("boot_count", BigInteger, nullable=False),
    Column("uptime_ms", BigInteger, nullable=False),
    Column("observed_ms", BigInteger, nullable=False),
    Column("received_ms", BigInteger, nullable=False),
    Column("latest_ms", BigInteger, nullable=False),
    Column("synchronized", Boolean(create_constraint=False), nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("place", Text),
    Column("imei", Text),
    Column("imei_key", Text),
    Column("facts", LargeBinary, nullable=False),
    Column("digest", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    UniqueConstraint("gateway_id", "stream_id", "sequence", name="report_key"),
    Index("report_at_place", "gateway_id", "place", "at_ms"),
    Index("report_of_modem", "imei_key", "at_ms"),
)

card_reading = Table(
    "card_reading",
    metadata,
    Column("report", _RowNumber, ForeignKey("report.number"), primary_key=True),
    Column("slot", Integer, primary_key=True),
    Column("state", Text, nullable=False),
    Column("iccid", Text),
    Column("iccid_key", Text),
    Column("imsi", Text),
    Column("eid", Text),
    Index("card_reading_of_card", "iccid_key"),
)

conflict = Table(
    "conflict",
    metadata,
    Column("number", _RowNumber, primary_key=True, autoincrement=True),
    Column("report", _RowNumber, ForeignKey("report.number"), nullable=False),
    Column("received_ms", BigInteger, nullable=False),
    Column("digest", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    UniqueConstraint("report", "digest", name="conflict_once"),
)

seat = Table(
    "seat",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("state", LargeBinary, nullable=False),
)

item = Table(
    "item",
    metadata,
    Column("number", _RowNumber, primary_key=True, autoincrement=True),
    Column("kind", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("state", LargeBinary, nullable=False),
    UniqueConstraint("kind", "key", name="item_key"),
)

departure = Table(
    "departure",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("seat", Text, primary_key=True),
    Column("report", Text, primary_key=True),
    Column("item", Text, nullable=False),
    Column("item_key", Text, nullable=False),
    Column("cause", Text, nullable=False),
    Column("orders", LargeBinary, nullable=False),
    Index("departure_of_item", "kind", "item_key"),
)

stay = Table(
    "stay",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("item_key", Text, primary_key=True),
    Column("seat", Text, primary_key=True),
    Column("opened_by", Text, primary_key=True),
    Column("first_ms", BigInteger, nullable=False),
    Column("last_ms", BigInteger, nullable=False),
    Column("last_by", Text, nullable=False),
    Column("closed_ms", BigInteger),
    Column("closed_by", Text),
    Column("cause", Text),
    Column("gateway_id", Text),
    Column("pair", LargeBinary, nullable=False),
    Column("recorded_ms", BigInteger, nullable=False),
    Index("stay_at_gateway", "kind", "gateway_id", "closed_ms"),
)

event = Table(
    "event",
    metadata,
    Column("id", Text, primary_key=True),
    Column("position", BigInteger, nullable=False, unique=True),
    Column("revision", Integer, nullable=False),
    Column("withdrawn", Boolean(create_constraint=False), nullable=False),
    Column("type", Text, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("subject", Text, nullable=False),
    Column("gateway_id", Text, nullable=False),
    Column("report", Text, nullable=False),
    Column("line", Text, nullable=False),
    Column("data", LargeBinary, nullable=False),
    Column("recorded_ms", BigInteger, nullable=False),
    Index("event_of_line", "line"),
)

event_about = Table(
    "event_about",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("event", Text, ForeignKey("event.id"), primary_key=True),
    Index("event_about_of_event", "event"),
)

alias = Table(
    "alias",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("value", Text, primary_key=True),
    Column("item_kind", Text, primary_key=True),
    Column("item_key", Text, primary_key=True),
)

token = Table(
    "token",
    metadata,
    Column("number", _RowNumber, primary_key=True, autoincrement=True),
    Column("hash", LargeBinary, nullable=False, unique=True),
    Column("scope", Text, nullable=False),
    Column("gateway_id", Text),
    Column("full_ids", Boolean(create_constraint=False), nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("used_ms", BigInteger),
    Column("revoked_ms", BigInteger),
    Index("token_of_gateway", "gateway_id"),
)
