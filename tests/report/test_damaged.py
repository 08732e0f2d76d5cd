"""A damaged outbox is quarantined, readable rows are recovered, and a new stream begins."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from modemagent.errors import OutboxError
from modemagent.logs import NullLog
from modemagent.report.message import PortPlace, Reason
from modemagent.report.outbox.database import SCHEMA_VERSION
from modemagent.report.outbox.outbox import Outbox
from modemagent.report.outbox.records import ReportDraft
from modemagent.report.outbox.state_dir import DB_NAME, quarantined_files
from modemagent.report.outbox.storage import MAX_QUARANTINED
from modemagent.report.outbox.tables import read_outbox
from modemagent.report.status import listing, outbox_json
from tests.report.conftest import RecordingLog, fill

COUNT = 60
PAGE = 1024
ROOT = Path(__file__).parents[2]
MARK = f"{DB_NAME}-mark"


def opened(state_dir: Path, log: NullLog | None = None) -> closing[Outbox]:
    return closing(Outbox(state_dir, gateway_id="gw-1", log=log or NullLog(), retry_s=0.01))


def leave_log(state_dir: Path) -> None:
    """Leave an outbox as kill -9 does, with all reports in the write-ahead log only."""
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


def rewrite(path: Path, change: Callable[[bytes], bytes]) -> None:
    path.write_bytes(change(path.read_bytes()))


def scratch(content: bytes) -> bytes:
    """Write random bytes over one page in the last third of the file."""
    page = len(content) * 2 // 3 // PAGE * PAGE
    return content[:page] + os.urandom(PAGE) + content[page + PAGE :]


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "another_kind_of_file": lambda content: b"something else " * 700,
    "random_bytes": lambda content: os.urandom(len(content)),
    "zero_filled": lambda content: bytes(len(content)),
    "empty": lambda content: b"",
    "first_page_zero": lambda content: bytes(PAGE) + content[PAGE:],
    "cut_in_half": lambda content: content[: len(content) // 2 // PAGE * PAGE],
    "torn_at_a_sector": lambda content: content[: len(content) * 2 // 3 // 512 * 512 + 512],
    "scratched": scratch,
    "one_byte": lambda content: content[:100] + b"\xff" * 8 + content[108:],
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_file_is_quarantined(tmp_path: Path, damage: str) -> None:
    with opened(tmp_path) as outbox:
        fill(outbox, COUNT)
        before = outbox.identity.stream_id
        bodies = [queued.body for queued in outbox.batch(COUNT)]
    rewrite(tmp_path / DB_NAME, DAMAGE[damage])
    broken = (tmp_path / DB_NAME).read_bytes()
    log = RecordingLog()
    with opened(tmp_path, log) as outbox:
        assert log.events == ["outbox_quarantined"]
        assert outbox.identity.stream_id != before
        recovered = [queued.body for queued in outbox.batch(COUNT)]
        assert recovered == [body for body in bodies if body in recovered]
        fill(outbox, 1)
        last = outbox.batch(COUNT + 1)[-1]
        assert last.sequence == 1
        assert json.loads(last.body)["stream_id"] == outbox.identity.stream_id
        (name,) = outbox.quarantined()
        assert outbox_json(outbox)["quarantined"] == listing(outbox, 9)["quarantined"] == [name]
        ((event, fields),) = log.warnings
        assert (event, fields["quarantined"]) == ("outbox_rebuilt", str(tmp_path / name))
        # behind the first page, whose counters may have changed before the damage was found
        assert (tmp_path / name).read_bytes()[PAGE:] == broken[PAGE:]
    with opened(tmp_path, log) as outbox:
        assert len(log.errors) == 1
    with read_outbox(tmp_path) as reader:
        assert listing(reader, 9)["quarantined"] == [name]


def test_rows_on_both_sides_of_damage_are_recovered(tmp_path: Path) -> None:
    with opened(tmp_path) as outbox:
        fill(outbox, COUNT)
        bodies = [queued.body for queued in outbox.batch(COUNT)]
    rewrite(tmp_path / DB_NAME, scratch)
    with opened(tmp_path) as outbox:
        recovered = [queued.body for queued in outbox.batch(COUNT)]
    assert len(recovered) >= COUNT - 5
    assert (recovered[0], recovered[-1]) == (bodies[0], bodies[-1])


@pytest.mark.parametrize("change", [bytes, os.urandom], ids=["zeros", "random"])
def test_overwritten_log_begins_a_new_stream(
    tmp_path: Path, change: Callable[[int], bytes]
) -> None:
    leave_log(tmp_path)
    before = (tmp_path / MARK).read_text().split()[0]
    rewrite(tmp_path / f"{DB_NAME}-wal", lambda content: change(len(content)))
    log = RecordingLog()
    with opened(tmp_path, log) as outbox:
        assert log.events == ["outbox_quarantined"]
        fill(outbox, 1)
        assert outbox.identity.stream_id != before
        assert outbox.batch(COUNT)[-1].sequence == 1


def test_log_of_a_killed_process_is_read_completely(tmp_path: Path) -> None:
    leave_log(tmp_path)
    (tmp_path / f"{DB_NAME}-shm").write_bytes(os.urandom(32768))
    with opened(tmp_path) as outbox:
        assert [queued.sequence for queued in outbox.batch(99)] == list(range(1, COUNT + 1))
        assert outbox.quarantined() == []


def test_reports_in_the_log_are_recovered(tmp_path: Path) -> None:
    leave_log(tmp_path)
    (tmp_path / MARK).write_text("not what was written\n")
    with opened(tmp_path) as outbox:
        assert [queued.sequence for queued in outbox.batch(99)] == list(range(1, COUNT + 1))
        assert len(outbox.quarantined()) == 1


def test_database_of_another_program_is_quarantined(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / DB_NAME)) as db:
        db.execute("CREATE TABLE reports (music TEXT)")
    with opened(tmp_path) as outbox:
        fill(outbox, 1)
        assert outbox.depth() == (1, 0)
        assert len(outbox.quarantined()) == 1


@pytest.mark.parametrize("suffix", ["", "-wal", "-shm", "-mark"])
def test_directory_in_place_of_a_file_is_moved(tmp_path: Path, suffix: str) -> None:
    if suffix:
        with opened(tmp_path) as outbox:
            fill(outbox, 3)
    (tmp_path / MARK).unlink(missing_ok=True)
    (tmp_path / f"{DB_NAME}{suffix}").mkdir()
    (tmp_path / f"{DB_NAME}{suffix}" / "precious").touch()
    with opened(tmp_path) as outbox:
        fill(outbox, 1)
        assert len(outbox.batch(9)) == (4 if suffix else 1)
        assert not outbox.error
    assert [path.name for path in tmp_path.glob(f"{DB_NAME}.damaged-*/precious")] == ["precious"]


def test_damage_found_while_running_is_survived(tmp_path: Path) -> None:
    log = RecordingLog()
    with opened(tmp_path, log) as outbox:
        fill(outbox, 200)
        before = outbox.identity.stream_id
        outbox._storage.database.truncate_log()
        with (tmp_path / DB_NAME).open("r+b") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(PAGE)
            file.write(os.urandom(size - PAGE))
        outbox._storage.database.db.execute("PRAGMA shrink_memory")
        outbox.batch(1000)
        fill(outbox, 1)
        assert outbox.identity.stream_id != before
        assert outbox.batch(1000)[-1].sequence == 1
        assert log.events == ["outbox_quarantined"]


def test_dead_letters_baselines_and_boot_are_recovered(tmp_path: Path) -> None:
    draft = ReportDraft(reason=Reason.IDENTIFIED, port=PortPlace(path="/dev/a"))
    with opened(tmp_path) as outbox:
        fill(outbox, 2)
        outbox.put(draft, baselines={"/dev/a": {"x": 1}})
        outbox.acknowledge([], [(outbox.batch(1)[0], "not like this")])
        outbox._storage.database._write_meta({"boot_id": "another", "boot_count": "41"})
    (tmp_path / MARK).write_text("not what was written\n")
    with opened(tmp_path) as outbox:
        assert outbox.depth() == (2, 1)
        assert outbox.dead_letters()[0].reason == "not like this"
        assert outbox.baselines() == {"/dev/a": {"x": 1}}
        assert (outbox.identity.boot_count, outbox.identity.rebooted) == (42, True)


def test_report_rejected_before_a_recovery_is_not_stored_twice(tmp_path: Path) -> None:
    with opened(tmp_path) as outbox:
        fill(outbox, 3)
        delivered, rejected, _ = outbox.batch(3)
        outbox.acknowledge([delivered])
        outbox._storage.database.close()
        outbox._storage._open("damaged")
        outbox.acknowledge([], [(rejected, "not like this")])
        assert outbox.depth() == (2, 0)  # it has another position now, and is sent again
        outbox.acknowledge([], [(outbox.batch(1)[0], "not like this")])
        assert outbox.depth() == (1, 1)
        assert outbox.dead_letters()[0].report.body == rejected.body


def test_number_of_quarantined_files_is_limited(tmp_path: Path) -> None:
    for _ in range(MAX_QUARANTINED + 3):
        (tmp_path / DB_NAME).write_bytes(b"damaged" * 500)
        with opened(tmp_path):
            pass
    assert len(quarantined_files(tmp_path)) == MAX_QUARANTINED


def test_evicted_counts_since_the_stream_began(tmp_path: Path) -> None:
    with opened(tmp_path) as outbox:
        fill(outbox, 2)
        outbox._storage.database._write_meta({"dropped": "7"})
        assert outbox.evicted() == 7
        outbox.move_to_new_stream(outbox.batch(1)[0])
        assert outbox.evicted() == 0
        outbox._storage.database._write_meta({"dropped": "7"})
    (tmp_path / MARK).write_text("not what was written\n")
    with opened(tmp_path) as outbox:
        assert outbox.evicted() == 0


def test_file_of_a_newer_version_is_not_touched(tmp_path: Path) -> None:
    with opened(tmp_path) as outbox:
        fill(outbox, 2)
    file, newer = tmp_path / DB_NAME, SCHEMA_VERSION + 1
    with closing(sqlite3.connect(file)) as db:
        db.execute(f"PRAGMA user_version={newer}")
        db.execute("UPDATE meta SET value=? WHERE key='schema'", (str(newer),))
        db.commit()
    before = file.read_bytes()
    for _ in range(2):
        with pytest.raises(OutboxError, match="newer"):
            Outbox(tmp_path, gateway_id="gw-1", log=NullLog())
    assert file.read_bytes() == before
    assert not quarantined_files(tmp_path)


# -- kill -9 during the recovery

KILLED = """
import os, sys
sys.path.append(sys.argv[3])
from pathlib import Path
from modemagent.logs import NullLog
from modemagent.report.outbox.outbox import Outbox
from modemagent.report.outbox.tables import read_outbox

steps = int(sys.argv[2])

def count(event, _):
    global steps
    if event in ("open", "os.rename", "os.remove", "sqlite3.connect", "os.listdir", "os.scandir"):
        steps -= 1
        if not steps:
            os._exit(9)

sys.addaudithook(count)
Outbox(Path(sys.argv[1]), gateway_id="gw-1", log=NullLog()).close()
"""


@pytest.fixture(scope="module")
def killed_while_writing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    state_dir = tmp_path_factory.mktemp("killed-while-writing")
    leave_log(state_dir)
    return state_dir


@pytest.fixture(scope="module")
def killed_at_each_step(
    killed_while_writing: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[Path]]:
    """Kill the process at each step of a recovery: files opened, renamed and removed."""
    left = []
    for step in range(1, 200):
        state_dir = tmp_path_factory.mktemp("killed")
        shutil.copytree(killed_while_writing, state_dir, dirs_exist_ok=True)
        with closing(sqlite3.connect(state_dir / DB_NAME)) as db:
            db.execute("DELETE FROM meta WHERE key='boot_count'")
            db.commit()
            log = (state_dir / f"{DB_NAME}-wal").read_bytes()
        # closing it has moved the log into the file; a kill leaves both
        (state_dir / f"{DB_NAME}-wal").write_bytes(log)
        command = [sys.executable, "-c", KILLED, str(state_dir), str(step), str(ROOT)]
        status = subprocess.run(command, check=False).returncode
        left.append(state_dir)
        if not status:
            break
        assert status == 9
    assert len(left) > 15
    yield left


def test_kill_during_recovery_loses_and_doubles_nothing(killed_at_each_step: list[Path]) -> None:
    for state_dir in killed_at_each_step:
        for _ in range(2):
            with opened(state_dir) as outbox:
                sequences = [queued.sequence for queued in outbox.batch(99)]
                assert sequences == list(range(1, COUNT + 1)), state_dir
                assert len(outbox.quarantined()) == 1
        assert not list(state_dir.glob("*.recovering*"))
