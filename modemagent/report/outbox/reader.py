"""Looking into an outbox: the statements that only read, and a reader for when no agent runs."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from modemagent.errors import OutboxError
from modemagent.report.outbox import notes
from modemagent.report.outbox.faults import DatabaseDamaged
from modemagent.report.outbox.records import DeadLetter, QueuedReport
from modemagent.report.outbox.schema import DB_NAME, SCHEMA_VERSION, unpacked
from modemagent.report.outbox.set_aside import set_aside_files


def stored(db: sqlite3.Connection, limit: int) -> list[QueuedReport]:
    """Return the oldest reports.

    :raises Damage: one of them is not what was written
    """
    rows = db.execute(
        "SELECT sequence, report_id, body, position FROM reports ORDER BY position LIMIT ?",
        (limit,),
    )
    return [_sound(QueuedReport(row[0], row[1], unpacked(row[2]), row[3])) for row in rows]


def _sound(stored: QueuedReport) -> QueuedReport:
    """Compare a row with its body, for only the body has a checksum."""
    try:
        body = json.loads(stored.body)
        if (body["sequence"], body["report_id"]) == (stored.sequence, stored.report_id):
            return stored
    except (ValueError, KeyError, TypeError, RecursionError):
        pass
    raise DatabaseDamaged("a row of it does not agree with its report")


def dead(db: sqlite3.Connection, limit: int) -> list[DeadLetter]:
    rows = db.execute(
        "SELECT sequence, report_id, body, why, set_aside_at FROM dead ORDER BY rowid DESC LIMIT ?",
        (limit,),
    )
    return [
        DeadLetter(_sound(QueuedReport(row[0], row[1], unpacked(row[2]))), str(row[3]), str(row[4]))
        for row in rows
    ]


def depth(db: sqlite3.Connection) -> tuple[int, int]:
    (waiting,) = db.execute("SELECT count(*) FROM reports").fetchone()
    return waiting, set_aside_count(db)


def set_aside_count(db: sqlite3.Connection) -> int:
    (count,) = db.execute("SELECT count(*) FROM dead").fetchone()
    return int(count)


def places(db: sqlite3.Connection) -> dict[str, str]:
    """Return port path -> what is remembered of it, the text of a JSON object.

    :raises Damage: one of them is not what was written
    """
    texts = {}
    for path, body in db.execute("SELECT path, body FROM places ORDER BY path").fetchall():
        try:
            texts[path] = unpacked(body).decode()
            sound = isinstance(path, str) and isinstance(json.loads(texts[path]), dict)
        except (ValueError, RecursionError):
            sound = False
        if not sound:
            raise DatabaseDamaged("what it remembers of a port is not what was written")
    return texts


def dropped(db: sqlite3.Connection) -> int:
    """Return how many reports were given up for want of room.

    :raises Damage: what is noted of it is no number
    """
    return int(notes.read(db).get("dropped", "0"))


class OutboxReader:
    """The outbox of an agent that does not run, opened to be read only.

    :raises OutboxError: there is none, or it can not be read
    """

    def __init__(self, state_dir: Path) -> None:
        self._state_dir = state_dir
        path = self._path = state_dir / DB_NAME
        if not path.exists():
            raise OutboxError(
                f"there is no outbox in {state_dir}",
                hint="Name the agent's directory with --state-dir.",
            )
        try:
            # after an orderly stop there is no log to read; saying so spares making one
            mode = "mode=ro" if Path(f"{path}-wal").exists() else "mode=ro&immutable=1"
            self._db = sqlite3.connect(f"{path.absolute().as_uri()}?{mode}", uri=True)
            (version,) = self._db.execute("PRAGMA user_version").fetchone()
            if version == SCHEMA_VERSION:
                depth(self._db)
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise unusable(path, error) from None
        if version != SCHEMA_VERSION:
            raise OutboxError(
                f"{path} has schema {version}, this version reads {SCHEMA_VERSION}",
                hint="Start the agent of this version once: modemagent run.",
            )

    def depth(self) -> tuple[int, int]:
        with self._using():
            return depth(self._db)

    def batch(self, limit: int) -> list[QueuedReport]:
        with self._using():
            return stored(self._db, limit)

    def set_aside(self, limit: int = 1000) -> list[DeadLetter]:
        with self._using():
            return dead(self._db, limit)

    def dropped(self) -> int:
        with self._using():
            return dropped(self._db)

    def damaged(self) -> list[str]:
        return set_aside_files(self._state_dir)

    @contextlib.contextmanager
    def _using(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise unusable(self._path, error) from None

    def close(self) -> None:
        self._db.close()


def unusable(path: Path, error: sqlite3.Error | OSError | ValueError) -> OutboxError:
    said = getattr(error, "strerror", None) or error
    return OutboxError(
        f"the outbox {path} can not be used: {said}",
        hint="Check the disk and who may write there.",
    )
