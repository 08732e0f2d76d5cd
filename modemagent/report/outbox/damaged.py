"""A damaged outbox file: read row by row for what is whole, and kept for a person to look at.

Nothing is written to it. What can be read of it goes into the new outbox under the numbers it has,
for the registry knows by them what it already holds; the numbers after it can not be trusted, so
the new outbox is a new stream.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from modemagent.report.message import JsonObject, Report
from modemagent.report.outbox import notes, pages, wal
from modemagent.report.outbox.faults import DatabaseDamaged
from modemagent.report.outbox.records import QueuedReport
from modemagent.report.outbox.schema import PAGE_SIZE, connect, unpacked

# between the rows that can be reached from both ends, so many numbers are tried one by one
_MOST_TRIED = 200_000
# a count that is read wrong must not go where it can not be counted on from
_MOST_BOOTS = 2**31


@dataclass(slots=True)
class Recovered:
    """What was whole in a damaged file."""

    reports: list[JsonObject] = field(default_factory=list)
    dead: list[tuple[QueuedReport, str, str]] = field(default_factory=list)
    places: dict[str, str | None] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)


def recover(path: Path) -> Recovered:
    """Return what is whole in a file; writes nothing and never fails."""
    reading = _Reading()
    image, cut_short = _image(path)
    for db in _ways_in(path, image):
        with contextlib.closing(db):
            if reading.take_from(db) and not cut_short:
                break  # another way in could only find what was taken out since
    else:
        reading.take_from_pages(image)
    found = reading.found
    found.reports.sort(key=lambda report: (str(report["stream_id"]), int(str(report["sequence"]))))
    return found


def _image(path: Path) -> tuple[bytes, bool]:
    """Return a file with what is whole of its log, and whether SQLite would leave some out."""
    image, log = bytearray(), wal.Log()
    with contextlib.suppress(OSError):
        image += path.read_bytes()
    with contextlib.suppress(OSError):
        log = wal.read(path, PAGE_SIZE)
    for number, page in log.pages:
        end = number * PAGE_SIZE
        image += bytes(max(0, end - len(image)))
        image[end - PAGE_SIZE : end] = page
    return bytes(image), log.broken


def _ways_in(path: Path, image: bytes) -> Iterator[sqlite3.Connection]:
    """Open the file with its log, without it, and with the first page of a new outbox."""
    for mode in ("mode=ro", "mode=ro&immutable=1"):
        with contextlib.suppress(sqlite3.Error, OSError):
            yield sqlite3.connect(f"{path.absolute().as_uri()}?{mode}", uri=True)
    with contextlib.suppress(sqlite3.Error, OSError, AttributeError):
        with contextlib.closing(connect(None)) as new:
            # every outbox is laid out in the same order: the tables begin at the same pages
            first = bytearray(new.serialize()[:PAGE_SIZE])
        first[18:20] = b"\1\1"  # no log (fileformat2.html, 1.3.3)
        # two unlike counters: the size in the header is not believed, the file's is (1.3.7)
        first[24:28], first[92:96] = b"\0\0\0\1", b"\0\0\0\2"
        db = sqlite3.connect(":memory:")
        db.deserialize(bytes(first) + image[PAGE_SIZE:])
        yield db


class _Reading:
    """What was found so far. Each row stands for itself: one that is not whole stops no other."""

    def __init__(self) -> None:
        self.found = Recovered()
        self._seen: set[str] = set()
        self._counted = 0

    def take_from(self, db: sqlite3.Connection) -> bool:
        """Take what is whole; tell whether all was."""
        db.text_factory = lambda raw: raw.decode("utf-8", "replace")
        whole = [
            self._each(_rows(db, "dead", "body, why, set_aside_at"), self._dead),
            self._each(_rows(db, "reports", "body"), self._report),
            self._each(_asked(db, "SELECT path, body FROM places"), self._place),
            self._each(_asked(db, "SELECT key, value FROM meta"), self._note),
            # a page may say that it holds less than it does, and be read without a complaint
            self._each(_asked(db, "PRAGMA quick_check(1)"), _must_be_ok),
        ]
        return all(whole)

    def take_from_pages(self, content: bytes) -> None:
        """Take what stands on pages no tree leads to."""
        # as many columns as the tables have; the body is the last of them
        dead = ((row[5], row[3], row[4]) for row in pages.rows(content, PAGE_SIZE, 6))
        reports = ((row[6],) for row in pages.rows(content, PAGE_SIZE, 7))
        self._each(dead, self._dead)
        self._each(reports, self._report)

    def _each(
        self, rows: Iterator[tuple[Any, ...]], take: Callable[[tuple[Any, ...]], None]
    ) -> bool:
        whole = True
        try:
            for row in rows:
                try:
                    take(row)
                except Exception:  # noqa: BLE001 - a row may hold anything, and stops no other
                    whole = False
        except Exception:  # noqa: BLE001 - nor does a table any other
            whole = False
        return whole

    def _report(self, row: tuple[Any, ...]) -> None:
        body = json.loads(unpacked(row[0]))
        # the other columns repeat what stands in the body, and only the body has a checksum
        report = Report.from_json(body)
        if report.report_id not in self._seen:
            self._seen.add(report.report_id)
            self.found.reports.append(body)
            self.found.notes.setdefault("gateway_id", report.gateway_id)
            self._count_boots(report.boot_count)

    def _dead(self, row: tuple[Any, ...]) -> None:
        body = unpacked(row[0])
        report = Report.from_json(json.loads(body))
        if report.report_id not in self._seen:
            self._seen.add(report.report_id)
            stored = QueuedReport(report.sequence, report.report_id, body)
            self.found.dead.append((stored, str(row[1]), str(row[2])))

    def _place(self, row: tuple[Any, ...]) -> None:
        text = unpacked(row[1]).decode()
        if not (isinstance(row[0], str) and isinstance(json.loads(text), dict)):
            raise TypeError("a place is a path with an object")
        self.found.places.setdefault(row[0], text)

    def _note(self, row: tuple[Any, ...]) -> None:
        key, value = row
        if key == "gateway_id" and isinstance(value, str) and value.isascii():
            self.found.notes.setdefault(key, value)
        if key == "boot_count" and (count := notes.number(value)) and count < _MOST_BOOTS:
            self._count_boots(count)

    def _count_boots(self, count: int) -> None:
        self._counted = max(self._counted, count)
        self.found.notes["boot_count"] = str(self._counted)


def _rows(db: sqlite3.Connection, table: str, columns: str) -> Iterator[tuple[Any, ...]]:
    """Yield the rows that can be reached: from the front, from the back, then one by one.

    :raises Damage: at the end, when there are some that can not
    """
    # table and columns are this module's own words
    every = f"SELECT rowid, {columns} FROM {table} ORDER BY rowid "  # noqa: S608
    one = f"SELECT {columns} FROM {table} WHERE rowid=?"  # noqa: S608
    ends: list[int | None] = [None, None]
    for at, order in enumerate(("ASC", "DESC")):
        try:
            for number, *row in db.execute(every + order):
                ends[at] = number
                yield tuple(row)
        except (sqlite3.Error, ValueError):
            continue
        return  # came through to the other end
    low, high = ends[0] or 0, ends[1] or (ends[0] or 0) + 1000
    for number in range(low + 1, min(high, low + _MOST_TRIED)):
        with contextlib.suppress(sqlite3.Error, ValueError):
            yield from db.execute(one, (number,))
    raise DatabaseDamaged(f"not all rows of {table} can be reached")


def _asked(db: sqlite3.Connection, question: str) -> Iterator[tuple[Any, ...]]:
    # asked when the first row is wanted, so that an error is met where the others are
    yield from db.execute(question)


def _must_be_ok(row: tuple[Any, ...]) -> None:
    if row[0] != "ok":
        raise DatabaseDamaged(str(row[0]))
