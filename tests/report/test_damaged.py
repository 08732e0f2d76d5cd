"""A damaged outbox: set aside, what is whole is saved, a new stream, and the service goes on."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from modemagent.logs import NullLog
from modemagent.report.outbox.outbox import DB_NAME, Outbox, OutboxReader
from modemagent.report.outbox.set_aside import SET_ASIDE_MOST, set_aside_files
from modemagent.report.status import listing, outbox_json
from tests.report.conftest import fill

COUNT = 60
PAGE = 1024
ROOT = Path(__file__).parents[2]


class Loud(NullLog):
    """A log that counts what it was told."""

    def __init__(self) -> None:
        self.errors: list[tuple[str, dict[str, Any]]] = []

    def error(self, event: str, **fields: Any) -> None:
        self.errors.append((event, fields))


def opened(state_dir: Path, log: NullLog | None = None) -> closing[Outbox]:
    return closing(Outbox(state_dir, gateway_id="gw-1", log=log or NullLog(), retry_s=0.01))


def killed_with_a_log(state_dir: Path) -> None:
    """Leave an outbox as kill -9 does: the newest reports only in the write-ahead log."""
    code = (
        f"import os, sys; sys.path.append({str(ROOT)!r})\n"
        "from pathlib import Path; from modemagent.logs import NullLog\n"
        "from modemagent.report.outbox.outbox import Outbox\n"
        "from tests.report.conftest import fill\n"
        f"o = Outbox(Path(sys.argv[1]), gateway_id='gw-1', log=NullLog()); fill(o, {COUNT})\n"
        "os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", code, str(state_dir)], check=False)
    assert (state_dir / f"{DB_NAME}-wal").stat().st_size > 32


def rewrite(path: Path, change: Callable[[bytearray], bytes | bytearray]) -> None:
    path.write_bytes(change(bytearray(path.read_bytes())))


def scratched(content: bytearray) -> bytearray:
    """Random bytes over every ninth page behind the first few."""
    for page in range(9, len(content) // PAGE, 9):
        content[page * PAGE : (page + 1) * PAGE] = os.urandom(PAGE)
    return content


DAMAGE: dict[str, Callable[[bytearray], bytes | bytearray]] = {
    "another_kind_of_file": lambda content: b"something else " * 700,
    "random_bytes": lambda content: os.urandom(len(content)),
    "zero_filled": lambda content: bytes(len(content)),
    "first_page_zero": lambda content: bytes(PAGE) + content[PAGE:],
    "first_page_random": lambda content: os.urandom(PAGE) + content[PAGE:],
    "cut_in_half": lambda content: content[: len(content) // 2 // PAGE * PAGE],
    "torn_at_a_sector": lambda content: content[: len(content) * 2 // 3 // 512 * 512 + 512],
    "scratched": scratched,
    "one_byte": lambda content: content[:100] + b"\xff" * 8 + content[108:],
}
#: so many of the reports at least are whole after it
SAVED = {"first_page_zero": COUNT, "first_page_random": COUNT, "scratched": COUNT // 2}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_file_is_set_aside_and_what_is_whole_is_saved(
    tmp_path: Path, damage: str
) -> None:
    with opened(tmp_path) as outbox:
        fill(outbox, COUNT)
        before = outbox.stream_id
        bodies = {stored.sequence: stored.body for stored in outbox.batch(COUNT)}
    rewrite(tmp_path / DB_NAME, DAMAGE[damage])
    broken = (tmp_path / DB_NAME).read_bytes()
    log = Loud()
    with opened(tmp_path, log) as outbox:
        assert [event for event, _ in log.errors] == ["outbox_quarantined"]
        assert outbox.stream_id != before
        saved = outbox.batch(COUNT)
        assert len(saved) >= SAVED.get(damage, 0)
        assert [bodies[stored.sequence] for stored in saved] == [stored.body for stored in saved]
        assert [stored.sequence for stored in saved] == sorted(s.sequence for s in saved)
        fill(outbox, 1)
        last = outbox.batch(COUNT + 1)[-1]
        assert last.sequence == 1
        assert json.loads(last.body)["stream_id"] == outbox.stream_id
        (name,) = outbox_json(outbox)["quarantined"]  # type: ignore[misc,has-type]
        assert listing(outbox, 9)["quarantined"] == [name]
        # behind the first page, where a counter may have moved before the damage was met
        assert (tmp_path / name).read_bytes()[PAGE:] == broken[PAGE:]
    with opened(tmp_path, log) as outbox:
        assert len(log.errors) == 1
    with closing(OutboxReader(tmp_path)) as reader:
        assert listing(reader, 9)["quarantined"] == [name]


@pytest.mark.parametrize("fill_with", [bytes, os.urandom], ids=["zeros", "random"])
def test_a_log_that_is_none_means_numbers_can_not_be_trusted(
    tmp_path: Path, fill_with: Callable[[int], bytes]
) -> None:
    killed_with_a_log(tmp_path)
    rewrite(tmp_path / f"{DB_NAME}-wal", lambda content: fill_with(len(content)))
    log = Loud()
    with opened(tmp_path, log) as outbox:
        assert [event for event, _ in log.errors] == ["outbox_quarantined"]
        fill(outbox, 1)
        assert outbox.batch(COUNT)[-1].sequence == 1


def test_the_log_is_saved_with_a_file_whose_first_page_is_gone(tmp_path: Path) -> None:
    killed_with_a_log(tmp_path)
    shutil.copytree(tmp_path, tmp_path / "whole")
    with opened(tmp_path / "whole") as outbox:
        assert len(outbox.batch(COUNT)) == COUNT
    (tmp_path / f"{DB_NAME}-shm").write_bytes(os.urandom(32768))
    with opened(tmp_path) as outbox:
        assert [s.sequence for s in outbox.batch(99)] == list(range(1, COUNT + 1))
        assert outbox.damaged() == []


def test_a_database_of_another_program_is_set_aside(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / DB_NAME)) as db:
        db.execute("CREATE TABLE reports (music TEXT)")
    with opened(tmp_path) as outbox:
        fill(outbox, 1)
        assert outbox.depth() == (1, 0)
        assert len(outbox.damaged()) == 1


@pytest.mark.parametrize("suffix", ["", "-wal", "-shm"])
def test_a_directory_in_its_place_is_moved_out_of_the_way(tmp_path: Path, suffix: str) -> None:
    if suffix:
        with opened(tmp_path) as outbox:
            fill(outbox, 3)
    (tmp_path / f"{DB_NAME}{suffix}").mkdir()
    (tmp_path / f"{DB_NAME}{suffix}" / "precious").touch()
    with opened(tmp_path) as outbox:
        fill(outbox, 1)
        assert len(outbox.batch(9)) == (4 if suffix else 1)
        assert not outbox.trouble
    assert [path.name for path in tmp_path.glob(f"{DB_NAME}.damaged-*/precious")] == ["precious"]


def test_damage_found_while_running_does_not_end_the_agent(tmp_path: Path) -> None:
    log = Loud()
    with opened(tmp_path, log) as outbox:
        fill(outbox, 200)
        before = outbox.stream_id
        outbox._disk.file.shorten_log()
        with (tmp_path / DB_NAME).open("r+b") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(PAGE)
            file.write(os.urandom(size - PAGE))
        outbox._disk.file.db.execute("PRAGMA shrink_memory")
        outbox.batch(1000)
        fill(outbox, 1)
        assert outbox.stream_id != before
        assert outbox.batch(1000)[-1].sequence == 1
        assert [event for event, _ in log.errors] == ["outbox_quarantined"]


def test_refused_reports_places_and_the_boot_count_are_saved_too(tmp_path: Path) -> None:
    with opened(tmp_path) as outbox:
        fill(outbox, 3)
        outbox.acknowledge([], [(outbox.batch(1)[0], "not like this")])
        outbox._disk.file.append([], [], {"/dev/a": '{"x": 1}'})
        outbox._disk.file.note({"boot_count": "41"})
    rewrite(tmp_path / DB_NAME, DAMAGE["first_page_zero"])
    with opened(tmp_path) as outbox:
        assert outbox.depth() == (2, 1)
        assert outbox.set_aside()[0].why == "not like this"
        assert outbox.places() == {"/dev/a": {"x": 1}}
        assert outbox.boot_count == 42


def test_a_flash_that_spoils_everything_does_not_fill_itself(tmp_path: Path) -> None:
    for _ in range(SET_ASIDE_MOST + 3):
        (tmp_path / DB_NAME).write_bytes(b"spoilt" * 500)
        with opened(tmp_path):
            pass
    assert len(set_aside_files(tmp_path)) == SET_ASIDE_MOST


def test_an_outbox_of_the_first_schema_is_brought_up_to_date(tmp_path: Path) -> None:
    with opened(tmp_path / "new") as outbox:
        fill(outbox, 3)
        outbox.acknowledge([], [(outbox.batch(1)[0], "bad")])
        bodies = [stored.body for stored in outbox.batch(9)]
        (dead,) = outbox.set_aside()
        meta = outbox._disk.file.meta()
        del meta["schema"]
    (tmp_path / "old").mkdir()
    with closing(sqlite3.connect(tmp_path / "old" / DB_NAME)) as db:
        db.executescript("""
            CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
            CREATE TABLE reports (
                sequence INTEGER PRIMARY KEY, report_id TEXT NOT NULL, body BLOB NOT NULL);
            CREATE TABLE dead (
                stream_id TEXT NOT NULL, sequence INTEGER NOT NULL, report_id TEXT NOT NULL,
                body BLOB NOT NULL, why TEXT NOT NULL, set_aside_at TEXT NOT NULL);
            CREATE TABLE places (path TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;
            PRAGMA user_version=1;
        """)
        db.executemany("INSERT INTO meta VALUES (?, ?)", list(meta.items()))
        for body in bodies:
            report = json.loads(body)
            row = (report["sequence"], report["report_id"], body)
            db.execute("INSERT INTO reports VALUES (?, ?, ?)", row)
        gone = json.loads(dead.stored.body)
        db.execute(
            "INSERT INTO dead VALUES (?, ?, ?, ?, ?, ?)",
            (gone["stream_id"], 1, gone["report_id"], dead.stored.body, "bad", "2026-01-01"),
        )
        db.execute("INSERT INTO places VALUES ('/dev/a', '{}')")
        db.commit()
    for _ in range(2):
        with opened(tmp_path / "old") as outbox:
            assert [stored.body for stored in outbox.batch(9)] == bodies
            assert outbox.set_aside()[0].stored == dead.stored
            assert outbox.places() == {"/dev/a": {}}
            assert outbox.stream_id == meta["stream_id"]
    with opened(tmp_path / "old") as outbox:
        fill(outbox, 1)
        assert outbox.batch(9)[-1].sequence == 4
