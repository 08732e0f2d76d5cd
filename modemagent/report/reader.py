"""Looking into an outbox: the statements that only read, and a reader for when no agent runs."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from modemagent.errors import OutboxError
from modemagent.report.damaged import set_aside_files
from modemagent.report.schema import DB_NAME, SCHEMA_VERSION, unpacked
from modemagent.report.stored import SetAside, Stored


def stored(db: sqlite3.Connection, limit: int) -> list[Stored]:
    rows = db.execute(
        "SELECT sequence, report_id, body, position FROM reports ORDER BY position LIMIT ?",
        (limit,),
    )
    return [Stored(row[0], row[1], unpacked(row[2]), row[3]) for row in rows]


def dead(db: sqlite3.Connection, limit: int) -> list[SetAside]:
    rows = db.execute(
        "SELECT sequence, report_id, body, why, set_aside_at FROM dead ORDER BY rowid DESC LIMIT ?",
        (limit,),
    )
    return [SetAside(Stored(row[0], row[1], unpacked(row[2])), row[3], row[4]) for row in rows]


def depth(db: sqlite3.Connection) -> tuple[int, int]:
    (waiting,) = db.execute("SELECT count(*) FROM reports").fetchone()
    return waiting, set_aside_count(db)


def set_aside_count(db: sqlite3.Connection) -> int:
    (count,) = db.execute("SELECT count(*) FROM dead").fetchone()
    return int(count)


def places(db: sqlite3.Connection) -> dict[str, str]:
    rows = db.execute("SELECT path, body FROM places ORDER BY path").fetchall()
    return {path: unpacked(body).decode() for path, body in rows}


def dropped(db: sqlite3.Connection) -> int:
    row = db.execute("SELECT value FROM meta WHERE key='dropped'").fetchone()
    return int(row[0]) if row else 0


class OutboxReader:
    """The outbox of an agent that does not run, opened to be read only.

    :raises OutboxError: there is none, or it can not be read
    """

    def __init__(self, state_dir: Path) -> None:
        self._state_dir = state_dir
        path = state_dir / DB_NAME
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
                self.depth()
        except sqlite3.Error as error:
            raise unusable(path, error) from None
        if version != SCHEMA_VERSION:
            raise OutboxError(
                f"{path} has schema {version}, this version reads {SCHEMA_VERSION}",
                hint="Start the agent of this version once: modemagent run.",
            )

    def depth(self) -> tuple[int, int]:
        return depth(self._db)

    def batch(self, limit: int) -> list[Stored]:
        return stored(self._db, limit)

    def set_aside(self, limit: int = 1000) -> list[SetAside]:
        return dead(self._db, limit)

    def dropped(self) -> int:
        return dropped(self._db)

    def damaged(self) -> list[str]:
        return set_aside_files(self._state_dir)

    def close(self) -> None:
        self._db.close()


def unusable(path: Path, error: sqlite3.Error | OSError) -> OutboxError:
    said = getattr(error, "strerror", None) or error
    return OutboxError(
        f"the outbox {path} can not be used: {said}",
        hint="Check the disk and who may write there.",
    )
