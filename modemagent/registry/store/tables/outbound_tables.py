"""Tables of what leaves the registry: webhooks and their deliveries, exports, and notes."""

from __future__ import annotations

from sqlalchemy import Column, Index, Table, UniqueConstraint, text

from modemagent.registry.store.tables.columns import (
    BOOLEAN,
    BY_KEY,
    BYTES,
    LONG,
    ROW,
    TEXT,
    key,
    optional,
    required,
    row_id,
)
from modemagent.registry.store.tables.privacy_tables import metadata

__all__ = [
    "delivery", "export", "export_part", "metadata", "note", "notice", "selection", "webhook",
]  # fmt: skip

_WAITS = text("position IS NULL")
_DUE = text("state = 'waiting'")

# What webhooks and e-mail report beside the events: new findings, cases, links. A row gets its
# position afterwards, so those who write rows do not wait for each other; a case or a link
# gets a position in the log of events as well.
notice = Table(
    "notice",
    metadata,
    Column("id", ROW, primary_key=True, autoincrement=True),
    *optional(LONG, "position", "event_position"),
    *required(TEXT, "type", "severity", "detail"),  # severity: empty if it is not a finding
    *required(LONG, "about", "made_ms"),
    UniqueConstraint("position", name="notice_position"),
    Index("notice_in_events", "event_position", unique=True),
    Index("notice_waiting", "id", sqlite_where=_WAITS, postgresql_where=_WAITS),
)

webhook = Table(
    "webhook",
    metadata,
    row_id(),
    *required(TEXT, "name", "url", "types", "severity", "state", "reason", "created_by"),
    *required(BOOLEAN, "full_ids"),
    *required(BYTES, "secret"),
    *optional(BYTES, "old_secret"),
    *optional(LONG, "old_until_ms", "deleted_ms", "failing_since_ms", "succeeded_ms"),
    *required(LONG, "failures", "retry_ms"),  # in a row, and when the next message may be sent
    *required(LONG, "revision", "created_ms", "event_position", "notice_position"),
)

# Messages to webhooks. ``due_ms``: of the next attempt, or the end of the present one.
delivery = Table(
    "delivery",
    metadata,
    row_id(),
    *required(LONG, "webhook"),
    *required(TEXT, "type", "state", "error"),
    *required(BYTES, "body"),
    *required(LONG, "created_ms", "due_ms", "attempts"),
    *optional(LONG, "status", "finished_ms"),
    Index("delivery_of_webhook", "webhook", "id"),
    Index("delivery_due", "due_ms", sqlite_where=_DUE, postgresql_where=_DUE),
    Index("delivery_finished", "finished_ms"),
)

note = Table(
    "note",
    metadata,
    row_id(),
    *required(TEXT, "about", "text", "made_by"),
    *required(LONG, "made_ms"),
    Index("note_about", "about", "id"),
)

# References of modems or SIMs that a person works with, as of one moment.
selection = Table(
    "selection",
    metadata,
    *key(TEXT, "id"),
    *required(TEXT, "kind", "made_by"),
    *required(LONG, "total", "made_ms", "expires_ms"),
    *required(BYTES, "content"),
    Index("selection_expires", "expires_ms"),
)

export = Table(
    "export",
    metadata,
    row_id(),
    *required(TEXT, "what", "format", "state", "requested_by", "filters", "cursor"),
    *required(BOOLEAN, "full_ids"),
    *required(LONG, "rows", "created_ms"),
    *optional(LONG, "finished_ms"),
    Index("export_state", "state", "id"),
)

export_part = Table(
    "export_part",
    metadata,
    *key(LONG, "export", "part"),
    *required(BYTES, "content"),
    **BY_KEY,
)
