"""A damaged outbox file: set aside under a dated name, and read row by row for what is whole.

Nothing is written to the file set aside: it is for a person to look at. What can be read of it
goes into the new outbox under the numbers it has, for the registry knows by them what it already
holds; the numbers after it can not be trusted, so the new outbox is a new stream.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from modemagent.errors import ReportError
from modemagent.report.message import JsonObject, Report
from modemagent.report.schema import DB_NAME, connect, unpacked
from modemagent.report.stored import Stored

#: A flash that fails again and again must not fill itself with what it spoiled.
SET_ASIDE_MOST = 4
_FILES = ("", "-wal", "-shm")
_PAGE = 1024
# between the rows that can be reached from both ends, so many numbers are tried one by one
_MOST_TRIED = 200_000


@dataclass(slots=True)
class Salvage:
    """What was whole in a damaged file."""

    reports: list[JsonObject] = field(default_factory=list)
    dead: list[tuple[Stored, str, str]] = field(default_factory=list)
    places: dict[str, str | None] = field(default_factory=dict)
    gateway_id: str = ""
    boot_count: int = 0


def set_aside(path: Path) -> Path:
    """Rename the outbox and the files beside it; return the new name.

    :raises OSError: the directory can not be written
    """
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    aside = path.with_name(f"{path.name}.damaged-{stamp}-{secrets.token_hex(2)}")
    for suffix in _FILES:
        with contextlib.suppress(FileNotFoundError):
            Path(f"{path}{suffix}").rename(f"{aside}{suffix}")
    return aside


def set_aside_files(state_dir: Path) -> list[str]:
    """Return the names of the damaged outbox files in a state directory, oldest first."""
    found = state_dir.glob(f"{DB_NAME}.damaged-*")
    return sorted(file.name for file in found if not file.name.endswith(_FILES[1:]))


def forget_oldest(state_dir: Path) -> list[str]:
    """Remove the oldest files set aside beyond :data:`SET_ASIDE_MOST`; return their names."""
    gone = set_aside_files(state_dir)[:-SET_ASIDE_MOST]
    for name in gone:
        for suffix in _FILES:
            # something that is no file is left where it is
            with contextlib.suppress(OSError):
                (state_dir / f"{name}{suffix}").unlink()
    return gone


def obstructed(path: Path) -> bool:
    """Tell whether something that is no readable file stands in an outbox file's place.

    Where nothing can be moved out of the way it is the disk that is in the way, not the file.
    """
    if not os.access(path.parent, os.W_OK):
        return False
    for suffix in _FILES:
        file = Path(f"{path}{suffix}")
        if file.exists() and not (file.is_file() and os.access(file, os.R_OK | os.W_OK)):
            return True
    return False


def salvage(aside: Path) -> Salvage:
    """Return what is whole in a file set aside; never fails."""
    found = Salvage()
    seen: set[str] = set()
    for db in _ways_in(aside):
        with contextlib.closing(db):
            _read(db, found, seen)
    found.reports.sort(key=lambda report: (str(report["stream_id"]), int(str(report["sequence"]))))
    return found


def _ways_in(aside: Path) -> Iterator[sqlite3.Connection]:
    """Open the file with its log, without it, and with the first page of a new outbox."""
    for mode in ("mode=ro", "mode=ro&immutable=1"):
        with contextlib.suppress(sqlite3.Error):
            yield sqlite3.connect(f"{aside.absolute().as_uri()}?{mode}", uri=True)
    with contextlib.suppress(sqlite3.Error, OSError, AttributeError):
        content = aside.read_bytes()
        with contextlib.closing(connect(None)) as new:
            # every outbox is laid out in the same order: the tables begin at the same pages
            first = bytearray(new.serialize()[:_PAGE])
        first[18:20] = b"\1\1"  # no log (fileformat2.html, 1.3.3)
        # two unlike counters: the size in the header is not believed, the file's is (1.3.7)
        first[24:28], first[92:96] = b"\0\0\0\1", b"\0\0\0\2"
        db = sqlite3.connect(":memory:")
        db.deserialize(bytes(first) + content[_PAGE:])
        yield db


def _read(db: sqlite3.Connection, found: Salvage, seen: set[str]) -> None:
    db.text_factory = lambda raw: raw.decode("utf-8", "replace")
    for row in _rows(db, "reports", "report_id, body"):
        with contextlib.suppress(sqlite3.Error, ValueError, ReportError, RecursionError):
            body = json.loads(unpacked(row[1]))
            report = Report.from_json(body)
            if report.report_id == row[0] and report.report_id not in seen:
                seen.add(report.report_id)
                found.reports.append(body)
                found.gateway_id = report.gateway_id
                found.boot_count = max(found.boot_count, report.boot_count)
    for report_id, why, moment, sequence, packed in _rows(
        db, "dead", "report_id, why, set_aside_at, sequence, body"
    ):
        with contextlib.suppress(sqlite3.Error, ValueError):
            body = unpacked(packed)
            if json.loads(body)["report_id"] == report_id and report_id not in seen:
                seen.add(report_id)
                found.dead.append((Stored(sequence, report_id, body), why, moment))
    with contextlib.suppress(sqlite3.Error, ValueError):
        for path, packed in db.execute("SELECT path, body FROM places"):
            text = unpacked(packed).decode()
            if isinstance(json.loads(text), dict):
                found.places.setdefault(path, text)
    with contextlib.suppress(sqlite3.Error, ValueError):
        meta = dict(db.execute("SELECT key, value FROM meta").fetchall())
        found.gateway_id = meta["gateway_id"]
        found.boot_count = max(found.boot_count, int(meta["boot_count"]))


def _rows(db: sqlite3.Connection, table: str, columns: str) -> Iterator[tuple[Any, ...]]:
    """Yield the rows that can be reached: from the front, from the back, then one by one."""
    # table and columns are this module's own words
    every = f"SELECT rowid, {columns} FROM {table} ORDER BY rowid "  # noqa: S608
    one = f"SELECT {columns} FROM {table} WHERE rowid=?"  # noqa: S608
    ends: list[int | None] = [None, None]
    for at, order in enumerate(("ASC", "DESC")):
        try:
            for number, *row in db.execute(every + order):
                ends[at] = number
                yield tuple(row)
        except sqlite3.Error:
            continue
        return  # came through to the other end
    low, high = ends[0] or 0, ends[1] or (ends[0] or 0) + 1000
    for number in range(low + 1, min(high, low + _MOST_TRIED)):
        with contextlib.suppress(sqlite3.Error):
            yield from db.execute(one, (number,))
