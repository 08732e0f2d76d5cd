"""Tables of schema version 2.

Identifiers are never unique columns of a device row: a number can be cloned, moved or misread.
Unique are reports, events, and the keys of places and units.

Some names in the database differ from the terms of the code. Tables: `seat` holds places, `item`
units, `stay` intervals. Columns that differ are written as ``term="name in the database"``. The
kind of a SIM is `card`.

Times are integers, milliseconds since 1970 UTC. Rows of ``report`` are only added; ``at_ms``, the
date of a report, may be corrected by a later report of the same boot.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import msgspec
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)

from modemagent.registry.dating import StreamClock
from modemagent.registry.timeline import EventData, Identities, Order, PlaceState, UnitTimeline

metadata = MetaData()

_Boolean = Boolean(create_constraint=False)
# SQLite numbers rows only if the type of the column is INTEGER
_RowNumber = BigInteger().with_variant(Integer, "sqlite")


class _Json(TypeDecorator[Any]):
    """A column that holds the JSON form of values of one type."""

    impl = LargeBinary
    cache_ok = True

    def __init__(self, kind: Any) -> None:
        super().__init__()
        self.kind = kind
        self._decoder = msgspec.json.Decoder(kind)

    def process_bind_param(self, value: Any, dialect: Dialect) -> bytes:
        return msgspec.json.encode(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        return self._decoder.decode(value)


def _columns(
    kind: Any, *names: str, nullable: bool = False, primary_key: bool = False, **renamed: str
) -> list[Column[Any]]:
    terms = {**{name: name for name in names}, **renamed}
    return [
        Column(name, kind, key=term, nullable=nullable, primary_key=primary_key)
        for term, name in terms.items()
    ]


_required = _columns
_optional = partial(_columns, nullable=True)
_key = partial(_columns, primary_key=True)


def _row_number() -> Column[int]:
    return Column("number", _RowNumber, primary_key=True, autoincrement=True)


schema_version = Table("schema_version", metadata, Column("version", Integer, primary_key=True))

gateway = Table(
    "gateway",
    metadata,
    *_key(Text, "gateway_id"),
    *_required(BigInteger, "first_ms", "last_received_ms", "last_ms"),
    *_required(Text, "agent_version"),
    *_required(BigInteger, "reports"),
)

stream = Table(
    "stream",
    metadata,
    *_key(Text, "gateway_id", "stream_id"),
    *_required(_Json(StreamClock), "clock"),
)

report = Table(
    "report",
    metadata,
    _row_number(),
    *_required(Text, "gateway_id", "stream_id"),
    *_required(BigInteger, "sequence"),
    *_required(Text, "report_id"),
    *_required(BigInteger, "boot_count", "uptime_ms", "observed_ms", "received_ms", "latest_ms"),
    *_required(_Boolean, "synchronized"),
    *_required(BigInteger, "at_ms"),
    *_required(Text, "reason"),
    *_optional(Text, device_id="place"),
    *_optional(Text, "imei", "imei_key"),
    *_required(_Json(dict[str, str]), "facts"),
    *_required(Text, "digest"),
    *_required(LargeBinary, "body"),
    UniqueConstraint("gateway_id", "stream_id", "sequence", name="report_key"),
    Index("report_at_place", "gateway_id", "device_id", "at_ms"),
    Index("report_of_modem", "imei_key", "at_ms"),
)

sim_reading = Table(
    "card_reading",
    metadata,
    Column("report", _RowNumber, ForeignKey("report.number"), primary_key=True),
    *_key(Integer, "slot"),
    *_required(Text, "state"),
    *_optional(Text, "iccid", "iccid_key", "imsi", "eid"),
    Index("card_reading_of_card", "iccid_key"),
)

conflict = Table(
    "conflict",
    metadata,
    _row_number(),
    Column("report", _RowNumber, ForeignKey("report.number"), nullable=False),
    *_required(BigInteger, "received_ms"),
    *_required(Text, "digest"),
    *_required(LargeBinary, "body"),
    UniqueConstraint("report", "digest", name="conflict_once"),
)

place = Table(
    "seat",
    metadata,
    *_key(Text, "kind", "key"),
    *_required(_Json(PlaceState), "state"),
)

unit = Table(
    "item",
    metadata,
    _row_number(),
    *_required(Text, "kind", "key"),
    *_required(_Json(UnitTimeline), "state"),
    UniqueConstraint("kind", "key", name="item_key"),
)

departure = Table(
    "departure",
    metadata,
    *_key(Text, "kind", place="seat"),
    *_key(Text, "report"),
    *_required(Text, number="item", key="item_key"),
    *_required(Text, "cause"),
    *_required(_Json(Order), order="orders"),
    Index("departure_of_item", "kind", "key"),
)

interval = Table(
    "stay",
    metadata,
    *_key(Text, "kind", key="item_key", place="seat"),
    *_key(Text, "opened_by"),
    *_required(BigInteger, "first_ms", "last_ms"),
    *_required(Text, last_report="last_by"),
    *_optional(BigInteger, "closed_ms"),
    *_optional(Text, "closed_by", "cause", "gateway_id"),
    *_required(_Json(Identities), identities="pair"),
    *_required(BigInteger, "recorded_ms"),
    Index("stay_at_gateway", "kind", "gateway_id", "closed_ms"),
)

event = Table(
    "event",
    metadata,
    *_key(Text, "id"),
    Column("position", BigInteger, nullable=False, unique=True),
    *_required(Integer, "revision"),
    *_required(_Boolean, "withdrawn"),
    *_required(Text, "type"),
    *_required(BigInteger, "at_ms"),
    *_required(Text, "subject", "gateway_id", "report", timeline="line"),
    *_required(_Json(EventData), "data"),
    *_required(BigInteger, "recorded_ms"),
    Index("event_of_line", "timeline"),
)

event_about = Table(
    "event_about",
    metadata,
    *_key(Text, "kind", "key"),
    Column("event", Text, ForeignKey("event.id"), primary_key=True),
    Index("event_about_of_event", "event"),
)

alias = Table(
    "alias",
    metadata,
    *_key(Text, "kind", "value", unit_kind="item_kind", unit_key="item_key"),
)

token = Table(
    "token",
    metadata,
    _row_number(),
    Column("hash", LargeBinary, nullable=False, unique=True),
    *_required(Text, "scope"),
    *_optional(Text, "gateway_id"),
    *_required(_Boolean, "full_ids"),
    *_required(BigInteger, "created_ms"),
    *_optional(BigInteger, "used_ms", "revoked_ms", "expires_ms", "enrolment_blocked_ms"),
    Index("token_of_gateway", "gateway_id"),
)
