"""Recovery of rows from a damaged database file: read what SELECT statements still reach.

The rows are read from both ends of each table, and a row counts only if it is what was written.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from pathlib import Path
from typing import Any

from modemagent.report.message import Report
from modemagent.report.outbox.records import OutboxContents, ReportRow
from modemagent.report.outbox.tables import (
    DatabaseDamaged,
    decompress,
    is_number,
    open_readonly,
    stored_baseline,
)

_KEPT_NUMBERS = ("boot_count", "restarts")
_KEPT_META = ("gateway_id", "boot_id", *_KEPT_NUMBERS)


def recover(path: Path) -> OutboxContents:
    """Return every intact row that SELECT statements can reach, without writing anything."""
    for with_wal in (True, False):
        with contextlib.suppress(sqlite3.Error, UnicodeDecodeError):
            with contextlib.closing(open_readonly(path, with_wal=with_wal)) as db:
                found = contents_of(db)
            if found:
                return found
    return OutboxContents()


def contents_of(db: sqlite3.Connection) -> OutboxContents:
    """Return the intact rows of an open database."""
    found = OutboxContents()
    known: set[str] = set()
    for body, reason, rejected_at in _reachable(db, "dead", "rowid", "body, why, set_aside_at"):
        if (report := _intact(body)) and report.report_id not in known:
            known.add(report.report_id)
            verdict = (str(reason), str(rejected_at))
            found.dead_letters.append((ReportRow.of(report, body), *verdict))
    for (body,) in _reachable(db, "reports", "rowid", "body"):
        if (report := _intact(body)) and report.report_id not in known:
            known.add(report.report_id)
            found.reports.append(ReportRow.of(report, body))
            found.meta = {
                "gateway_id": report.gateway_id,
                "boot_id": report.boot_id,
                "boot_count": str(report.boot_count),
            }
    for port, body in _reachable(db, "places", "path", "path, body"):
        with contextlib.suppress(DatabaseDamaged):
            found.baselines |= [stored_baseline(port, body)]
    meta = {
        key: value
        for key, value in _reachable(db, "meta", "key", "key, value")
        if key in _KEPT_META and isinstance(value, str) and value.isascii()
    }
    if all(is_number(meta.get(key, "0")) for key in _KEPT_NUMBERS):
        found.meta |= meta
    return found


def _intact(body: object) -> Report | None:
    """Return the report of a row, or None if anything in it differs from what was written."""
    try:
        # the other columns repeat parts of the body, and only the body has a checksum
        return Report.from_json(json.loads(decompress(body)))  # type: ignore[arg-type]
    except Exception:  # noqa: BLE001 - a damaged row holds anything, and affects no other row
        return None


def _reachable(db: sqlite3.Connection, table: str, key: str, columns: str) -> list[tuple[Any, ...]]:
    """Return rows in ascending order: from both ends of the table up to the first error.

    Rows that both ends reach are returned twice. The key does not tell rows apart, because damage
    may give two rows the same one.
    """
    ends: list[list[tuple[Any, ...]]] = []
    for order in ("ASC", "DESC"):
        rows: list[tuple[Any, ...]] = []
        ends.append(rows)
        with contextlib.suppress(sqlite3.Error, UnicodeDecodeError):
            # table and columns are constants of this module
            select = f"SELECT {columns} FROM {table} ORDER BY {key} {order}"  # noqa: S608
            rows.extend(db.execute(select))
            return rows
    ascending, descending = ends
    return [*ascending, *reversed(descending)]
