"""What webhooks and e-mail report beside the events: new findings, cases and links.

A row is written with what it reports, without a position. One process at a time gives the rows
their positions, so a reader that remembers the last position misses none. Cases and links get a
position in the log of events too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
from sqlalchemy import Connection, delete, func, select

from modemagent.registry.store.database import dialect
from modemagent.registry.store.history.event_log import Positions
from modemagent.registry.store.intake.batch import Batch
from modemagent.registry.store.tables.outbound_tables import notice

#: Prefix of the type of a finding: an event can have the same name.
FINDING = "finding."
LINKED = "pairing.linked"
_KEPT_MS = 7 * 86_400_000
_AT_ONCE = 1000
_NAMES = ("type", "severity", "about", "detail", "made_ms")


def note_findings(batch: Batch, findings: Iterable[tuple[int, str, str]]) -> None:
    """Note new findings, given as row, rule and severity; those of severity note are left out."""
    rows = [
        (f"{FINDING}{rule}", severity, row, "", batch.now_ms)
        for row, rule, severity in findings
        if severity != "note"
    ]
    dialect.insert_rows(batch.connection, notice, _NAMES, rows)


def note_case(batch: Batch, type_: str, case: int, **detail: str) -> None:
    """Note that a case was opened or closed."""
    row = (type_, "", case, msgspec.json.encode(detail).decode(), batch.now_ms)
    dialect.insert_rows(batch.connection, notice, _NAMES, [row])


def note_links(batch: Batch, links: Sequence[tuple[int, int, int | None, int]]) -> None:
    """Note links that came into being, given as modem, slot, SIM and policy."""
    rows = [
        (LINKED, "", modem,
         msgspec.json.encode({"slot": slot, "sim": sim, "policy": policy}).decode(), batch.now_ms)
        for modem, slot, sim, policy in links
    ]  # fmt: skip
    dialect.insert_rows(batch.connection, notice, _NAMES, rows)


def number_waiting(batch: Batch) -> bool:
    """Give the rows that wait their positions; return True if there may be more."""
    connection = batch.connection
    positions = Positions(batch)
    positions.lock()
    dialect.lock_outbound(connection)
    c = notice.c
    query = select(c.id, c.severity).where(c.position.is_(None)).order_by(c.id).limit(_AT_ONCE)
    waiting = connection.execute(query).all()
    last = last_position(connection)
    rows = [
        (last + number, None if row.severity else positions.next(), row.id)
        for number, row in enumerate(waiting, 1)
    ]
    dialect.update_rows(connection, notice, ("id",), ("position", "event_position"), rows)
    positions.announce()
    return len(waiting) == _AT_ONCE


def is_waiting(connection: Connection) -> bool:
    """Return True if a row has no position."""
    query = select(notice.c.id).where(notice.c.position.is_(None)).limit(1)
    return connection.execute(query).first() is not None


def last_position(connection: Connection) -> int:
    """Return the last position that was given, also if its row was deleted since."""
    query = select(func.max(notice.c.position))
    return int(connection.execute(query).scalar() or 0)


def delete_old(batch: Batch) -> None:
    """Delete rows that are older than a week and no events, except the last one."""
    c = notice.c
    last = last_position(batch.connection)
    old = delete(notice).where(
        c.made_ms < batch.now_ms - _KEPT_MS, c.position < last, c.event_position.is_(None)
    )
    batch.connection.execute(old)
