"""The writing side of the outbox file: every statement that changes its tables.

SQLite with a write-ahead log, ``synchronous=FULL``, small pages, one process, one connection. A
report gets its sequence number and its row in one committed transaction, together with the
reading the agent compares the next one with: whenever the process dies or the power goes, either
all of it happened or nothing did. Bodies are compressed: fewer pages are written to flash, and the
checksum in each tells whether a row out of a damaged file is whole.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from modemagent.report.message import Report, canonical_body
from modemagent.report.outbox import notes
from modemagent.report.outbox.eviction import Waiting, select_evictions
from modemagent.report.outbox.faults import DatabaseDamaged
from modemagent.report.outbox.records import QueuedReport
from modemagent.report.outbox.schema import (
    SCHEMA_VERSION,
    connect,
    insert_report,
    packed,
    transaction,
    unpacked,
)

#: Refused reports are for people to look at; the oldest go beyond this.
DEAD_MOST = 1000
ROWS_MOST = 50_000
# shedding makes room for a while, so that it is not done again with every report
_SHED_SHARE = 16


class OutboxDatabase:
    """An open outbox.

    :param path: None keeps everything in memory, for as long as no disk can be written
    :param limit_bytes: reports may take so many, compressed; what goes beyond is in
        :mod:`modemagent.report.outbox.eviction`
    """

    def __init__(self, path: Path | None, *, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.db = connect(path)
        self._count()

    def close(self) -> None:
        with contextlib.suppress(sqlite3.Error):
            self.db.close()

    def _count(self) -> None:
        """Count what waits; kept up to date after that, for counting reads the whole file."""
        rows = self.db.execute("SELECT count(*), total(length(body)) FROM reports").fetchone()
        self.rows, self.size = int(rows[0]), int(rows[1])

    # -- who speaks

    def meta(self) -> dict[str, str]:
        return notes.read(self.db)

    def note(self, values: Mapping[str, str]) -> None:
        with transaction(self.db):
            self._keep_meta(values)

    def _keep_meta(self, values: Mapping[str, str]) -> None:
        notes.write(self.db, values, schema=SCHEMA_VERSION)

    # -- storing

    def put(
        self,
        build: Callable[[int], Report],
        places: Mapping[str, str | None],
        *,
        skipped: int = 0,
        meta: Mapping[str, str] | None = None,
    ) -> tuple[Report, int]:
        """Store the report that ``build`` makes with the next number.

        :param skipped: numbers left unused before it, one for each report that was shed unstored
        :param meta: what else to take down with it
        :returns: the report, and how many others were shed to make room
        """
        with transaction(self.db):
            self._keep_meta(meta or {})
            number = notes.number(self.meta().get("next_sequence", ""))
            if not number:
                raise DatabaseDamaged("it does not know which number is next")
            report = build(number + skipped)
            self._keep_meta({"next_sequence": str(report.sequence + 1)})
            size = insert_report(self.db, report.to_json())
            shed, freed = self._make_room(self.rows + 1, self.size + size)
            self._keep_places(places)
            self._count_dropped(skipped + shed)
        self.rows += 1 - shed
        self.size += size - freed
        return report, shed

    def append(
        self,
        reports: Sequence[Mapping[str, object]],
        dead: Sequence[tuple[QueuedReport, str, str]],
        places: Mapping[str, str | None],
        dropped: int = 0,
        meta: Mapping[str, str] | None = None,
    ) -> None:
        """Put in, behind what is there, what was taken out of another outbox."""
        with transaction(self.db):
            for report in reports:
                insert_report(self.db, report)
            for stored, why, moment in dead:
                self._insert_dead(stored, why, moment)
            self._keep_places(places)
            self._count_dropped(dropped)
            self._keep_meta(meta or {})
        self._count()

    def _make_room(self, rows: int, size: int) -> tuple[int, int]:
        if rows <= ROWS_MOST and size <= self.limit_bytes:
            return 0, 0
        every = "SELECT position, port, reason, length(body) FROM reports ORDER BY position"
        waiting = [Waiting(*row) for row in self.db.execute(every)]
        gone = select_evictions(
            waiting,
            rows=rows - ROWS_MOST + ROWS_MOST // _SHED_SHARE if rows > ROWS_MOST else 0,
            size=max(0, size - self.limit_bytes + self.limit_bytes // _SHED_SHARE),
        )
        self.db.executemany("DELETE FROM reports WHERE position=?", [(place,) for place in gone])
        sizes = {each.place: each.size for each in waiting}
        return len(gone), sum(sizes[place] for place in gone)

    def _keep_places(self, places: Mapping[str, str | None]) -> None:
        for path, text in places.items():
            if text is None:
                self.db.execute("DELETE FROM places WHERE path=?", (path,))
            else:
                self.db.execute(
                    "INSERT INTO places VALUES (?, ?)"
                    " ON CONFLICT (path) DO UPDATE SET body=excluded.body",
                    (path, packed(text.encode())),
                )

    def _count_dropped(self, count: int) -> None:
        if count:
            self._keep_meta({"dropped": str(int(self.meta().get("dropped", "0")) + count)})

    # -- taking out

    def settle(
        self, done: Sequence[QueuedReport], dead: Sequence[tuple[QueuedReport, str]], moment: str
    ) -> None:
        """Take delivered reports out, and refused ones aside, in one transaction.

        What was only taken out need not be synced: a report that is there again after a power
        cut is sent again, and the registry knows it. The next report stored syncs it as well.
        """
        with self._unsynced() if not dead else contextlib.nullcontext(), transaction(self.db):
            for stored, why in dead:
                self._insert_dead(stored, why, moment)
            sizes = [self._take_out(each) for each in (*done, *(stored for stored, _ in dead))]
            if dead:
                oldest = "DELETE FROM dead WHERE rowid <= (SELECT max(rowid) FROM dead) - ?"
                self._count_dropped(self.db.execute(oldest, (DEAD_MOST,)).rowcount)
        self.rows -= sum(size is not None for size in sizes)
        self.size -= sum(size or 0 for size in sizes)

    def _take_out(self, stored: QueuedReport) -> int | None:
        """Delete one report; return its bytes, or None when it is not there."""
        # the id too: another file may have taken this one's place since the batch was made
        key = (stored.position, stored.report_id)
        asked = "SELECT length(body) FROM reports WHERE position=? AND report_id=?"
        found = self.db.execute(asked, key).fetchone()
        if found is None:
            return None
        self.db.execute("DELETE FROM reports WHERE position=?", key[:1])
        return int(found[0])

    @contextlib.contextmanager
    def _unsynced(self) -> Iterator[None]:
        self.db.execute("PRAGMA synchronous=NORMAL")
        try:
            yield
        finally:
            self.db.execute("PRAGMA synchronous=FULL")

    def _insert_dead(self, stored: QueuedReport, why: str, moment: str) -> None:
        stream_id = str(json.loads(stored.body)["stream_id"])
        row = (stream_id, stored.sequence, stored.report_id, why, moment, packed(stored.body))
        self.db.execute("INSERT INTO dead VALUES (?, ?, ?, ?, ?, ?)", row)

    def renumber(
        self, first: QueuedReport, stream_id: str, report_ids: Callable[[], str]
    ) -> tuple[int, set[str]]:
        """Move a report, and those of its stream behind it, into a new stream.

        :param report_ids: gives a new id at each call
        :returns: how many were moved, and their new ids
        """
        old = json.loads(first.body)["stream_id"]
        named: set[str] = set()
        with transaction(self.db):
            rows = self.db.execute(
                "SELECT position, body FROM reports WHERE stream_id=? AND position>=?"
                " ORDER BY position",
                (old, first.position),
            ).fetchall()
            for number, (position, body) in enumerate(rows, 1):
                report_id = report_ids()
                named.add(report_id)
                report = json.loads(unpacked(body))
                report |= {"stream_id": stream_id, "sequence": number, "report_id": report_id}
                self.db.execute(
                    "UPDATE reports SET stream_id=?, sequence=?, report_id=?, body=?"
                    " WHERE position=?",
                    (stream_id, number, report_id, packed(canonical_body(report)), position),
                )
            self._keep_meta({"stream_id": stream_id, "next_sequence": str(len(rows) + 1)})
        self._count()
        return len(rows), named

    # -- room

    def give_back(self) -> None:
        """Return what is free inside the file to the disk."""
        with contextlib.suppress(sqlite3.Error):
            free = -1
            # a little at a time: the moved pages pass through the log, on the same full disk
            while free != (free := self.db.execute("PRAGMA freelist_count").fetchone()[0]):
                self.db.execute("PRAGMA incremental_vacuum(128)").fetchall()
                self.shorten_log()

    def shorten_log(self) -> None:
        self.db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
