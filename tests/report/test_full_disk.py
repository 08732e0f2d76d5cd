"""Reports that the disk does not take are buffered in memory and written later, in order."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from modemagent.logs import NullLog
from modemagent.report.message import PortPlace, Reason
from modemagent.report.outbox.eviction import EvictionCandidate, select_evictions
from modemagent.report.outbox.outbox import Outbox
from modemagent.report.outbox.records import ReportDraft
from modemagent.report.outbox.state_dir import DB_NAME
from modemagent.report.status import outbox_json
from tests.report.conftest import RecordingLog, fill

mounting = pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")


def opened(state_dir: Path, log: NullLog | None = None, max_buffered: int = 256) -> closing[Outbox]:
    return closing(
        Outbox(
            state_dir,
            gateway_id="gw-1",
            log=log or NullLog(),
            max_buffered=max_buffered,
            retry_s=0.01,
        )
    )


def until(claim: Callable[[], object], deadline_s: float = 120) -> None:
    deadline = time.monotonic() + deadline_s
    while not claim():
        assert time.monotonic() < deadline, "did not come true in time"
        time.sleep(0.005)


def say(outbox: Outbox, port: str, reason: Reason) -> None:
    outbox.put(ReportDraft(reason=reason, port=PortPlace(path=port)), baselines={})


def sequences(outbox: Outbox) -> list[int]:
    return [stored.sequence for stored in outbox.batch(100_000)]


def limit_pages(outbox: Outbox, pages: int) -> None:
    """Let SQLite itself report a full disk."""
    outbox._storage.database.db.execute(f"PRAGMA max_page_count={pages}")


def use_up(outbox: Outbox) -> None:
    """Fill the file; what is reserved on the disk does not help against a limit in pages."""
    limit_pages(outbox, 20)
    while not outbox.buffered():
        fill(outbox, 1)


# -- without a disk of its own


def test_refused_reports_are_buffered_and_written_in_order(tmp_path: Path) -> None:
    log = RecordingLog()
    with opened(tmp_path, log) as outbox:
        use_up(outbox)
        fill(outbox, 20)
        stored = len(outbox.batch(9999))
        assert outbox_json(outbox) == {
            "waiting": stored + 21, "dead_letters": 0, "buffered": 21, "evicted": 0,
            "quarantined": [], "error": outbox.error,
        }  # fmt: skip
        assert "full" in outbox.error
        assert log.events.count("outbox_error") == 1
        limit_pages(outbox, 1_000_000)
        until(lambda: not outbox.error)
        assert outbox.buffered() == 0
        assert sequences(outbox) == list(range(1, stored + 22))


def test_courier_is_woken_when_buffered_reports_are_written(tmp_path: Path) -> None:
    told: list[Reason] = []
    with opened(tmp_path) as outbox:
        use_up(outbox)
        outbox.on_stored = told.append
        limit_pages(outbox, 1_000_000)
        until(lambda: told)


def test_space_freed_by_a_delivery_is_used_at_once(tmp_path: Path) -> None:
    with closing(Outbox(tmp_path, gateway_id="gw-1", log=NullLog(), retry_s=3600)) as outbox:
        use_up(outbox)
        last = sequences(outbox)[-1]
        outbox.acknowledge(outbox.batch(5))
        assert outbox.buffered() == 0
        assert sequences(outbox)[-1] == last + 1


def test_full_buffer_keeps_the_newest_report_of_each_port(
    tmp_path: Path,
) -> None:
    log = RecordingLog()
    with opened(tmp_path, log, max_buffered=4) as outbox:
        use_up(outbox)
        stored = len(outbox.batch(9999))
        held = [
            ("/dev/a", Reason.SIM_CHANGED), ("/dev/b", Reason.REFRESH),
            ("/dev/a", Reason.HEARTBEAT), ("/dev/a", Reason.REMOVED),
            ("/dev/a", Reason.IDENTIFIED), ("/dev/b", Reason.HEARTBEAT),
        ]  # fmt: skip
        for port, reason in held:
            say(outbox, port, reason)
        assert outbox.evicted() == 3
        limit_pages(outbox, 1_000_000)
        until(lambda: not outbox.error)
        late = [json.loads(each.body) for each in outbox.batch(9999)[stored:]]
        assert [(each["port"]["path"], each["reason"]) for each in late[1:]] == [
            ("/dev/b", "refresh"), ("/dev/a", "removed"), ("/dev/a", "identified"),
        ]  # fmt: skip
        assert late[0]["sequence"] == stored + 4
        assert outbox.evicted() == 3
    with opened(tmp_path) as outbox:
        assert outbox.evicted() == 3


def test_reports_not_stored_at_the_end_are_logged(tmp_path: Path) -> None:
    log = RecordingLog()
    with opened(tmp_path, log) as outbox:
        use_up(outbox)
        before = outbox.baselines()
        place = PortPlace(path="/dev/new")
        outbox.put(
            ReportDraft(reason=Reason.IDENTIFIED, port=place), baselines={"/dev/new": {"x": 1}}
        )
    assert ("reports_not_stored", 2) in [(event, said.get("count")) for event, said in log.errors]
    with opened(tmp_path) as outbox:
        # without a baseline the next reading of this port is a difference again
        assert outbox.baselines() == before


def test_file_at_its_limit_evicts_repetitions_first(tmp_path: Path) -> None:
    limit = 30_000
    log = RecordingLog()
    outbox = Outbox(tmp_path, gateway_id="gw-1", log=log, limit_bytes=limit)
    with closing(outbox):
        say(outbox, "/dev/gone", Reason.REMOVED)
        for _ in range(60):
            say(outbox, "/dev/a", Reason.SIM_CHANGED)
            say(outbox, "/dev/a", Reason.HEARTBEAT)
            say(outbox, "/dev/a", Reason.REFRESH)
        reports = [json.loads(each.body) for each in outbox.batch(9999)]
        assert outbox._storage.database.size <= limit
        reasons = [each["reason"] for each in reports]
        assert reasons.count("removed") == 1
        assert reasons.count("sim_changed") == 60
        assert reasons.count("refresh") < 60 and reasons[-1] == "refresh"
        missing = set(range(1, 182)) - {each["sequence"] for each in reports}
        assert outbox.evicted() == len(missing) > 0
        assert outbox._storage.database.rows == len(reports)
        assert {event for event, _ in log.errors} == {"reports_evicted"}


def test_newest_report_of_a_port_is_never_evicted() -> None:
    queue = [EvictionCandidate(n, f"/dev/{n % 5}", Reason.SIM_CHANGED, 100) for n in range(50)]
    evicted = select_evictions(queue, rows=10_000, size=10_000_000)
    assert [each.position for each in evicted] == list(range(45))


# -- with one


@pytest.fixture
def small_disk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    size = getattr(request, "param", "300k")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(disk)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("no small file system can be mounted here")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def remount(disk: Path, how: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{how}", str(disk)], check=True)


@mounting
@pytest.mark.parametrize("small_disk", ["300k", "1500k"], indirect=True)
def test_full_disk_keeps_the_order_and_recovers(small_disk: Path) -> None:
    state_dir = small_disk / "state"
    with opened(state_dir) as outbox:
        reserves = [state_dir / "reserve-put", state_dir / "reserve-settle"]
        assert all(path.stat().st_size >= 16 * 1024 for path in reserves)
        while not outbox.buffered():
            fill(outbox, 1)
        fill(outbox, 50)
        assert not reserves[0].exists()
        total, _ = outbox.depth()
        taken: list[int] = []
        # a write-ahead log needs room even to delete
        while batch := outbox.batch(100):
            taken += [stored.sequence for stored in batch]
            outbox.acknowledge(batch)
        assert taken == list(range(1, total + 1))
        assert (outbox.buffered(), outbox.error) == (0, "")
        assert [path.name for path in reserves if not path.exists()] == []
        fill(outbox, 1)
        assert outbox.batch(1)[0].sequence == total + 1


@mounting
def test_disk_filled_by_another_program_for_a_while(small_disk: Path) -> None:
    with opened(small_disk / "state") as outbox:
        fill(outbox, 3)
        other = small_disk / "other"
        with pytest.raises(OSError, match="No space"), other.open("wb", 0) as file:
            while True:
                file.write(bytes(4096))
        while not outbox.buffered():
            fill(outbox, 1)
        fill(outbox, 30)
        total, _ = outbox.depth()
        other.unlink()
        until(lambda: not outbox.error)
        assert sequences(outbox) == list(range(1, total + 1))


@mounting
def test_start_on_a_full_disk(small_disk: Path) -> None:
    state_dir = small_disk / "state"
    state_dir.mkdir(mode=0o700)
    other = small_disk / "other"
    with pytest.raises(OSError, match="No space"), other.open("wb", 0) as file:
        while True:
            file.write(bytes(4096))
    log = RecordingLog()
    with opened(state_dir, log) as outbox:
        assert "in memory only" in outbox.error
        fill(outbox, 5)
        assert sequences(outbox) == [1, 2, 3, 4, 5]
        assert outbox.buffered() == 5
        in_memory = outbox.identity.stream_id
        other.unlink()
        until(lambda: not outbox.error)
        assert outbox.identity.stream_id != in_memory
        fill(outbox, 1)
        assert sequences(outbox) == [1, 2, 3, 4, 5, 1]
        assert outbox.buffered() == 0
    assert log.events == ["outbox_error"]
    with opened(state_dir) as outbox:
        assert len(outbox.batch(99)) == 6


@mounting
@pytest.mark.parametrize("clean", [True, False], ids=["stopped", "log_left"])
def test_start_on_a_read_only_disk(small_disk: Path, clean: bool) -> None:
    state_dir = small_disk / "state"
    with opened(state_dir) as outbox:
        fill(outbox, 1)
        draft = ReportDraft(reason=Reason.IDENTIFIED, port=PortPlace(path="/dev/a"))
        outbox.put(draft, baselines={"/dev/a": {"x": 1}})
        on_disk = outbox.identity.stream_id
        log_left = (state_dir / f"{DB_NAME}-wal").read_bytes()
    if not clean:
        (state_dir / f"{DB_NAME}-wal").write_bytes(log_left)
    remount(small_disk, "ro")
    with opened(state_dir) as outbox:
        assert outbox.identity.stream_id != on_disk
        assert outbox.baselines() == {"/dev/a": {"x": 1}}
        fill(outbox, 1)
        assert sequences(outbox) == [1, 2, 1]
        outbox.acknowledge(outbox.batch(2))
        with pytest.raises(Exception, match="in use"):
            opened(state_dir)
        remount(small_disk, "rw")
        until(lambda: not outbox.error)
        # reports sent meanwhile are sent again; the registry recognizes their numbers
        assert outbox.identity.stream_id == on_disk
        assert sequences(outbox) == [1, 2, 1]
        fill(outbox, 1)
        assert sequences(outbox)[-1] == 3


@mounting
def test_disk_that_becomes_read_only_while_running(small_disk: Path) -> None:
    with opened(small_disk / "state") as outbox:
        fill(outbox, 2)
        outbox._storage.database.db.execute(
            "PRAGMA query_only=1"
        )  # a mounted tmpfs in use stays writable
        fill(outbox, 3)
        assert (outbox.depth(), outbox.buffered()) == ((5, 0), 3)
        outbox._storage.database.db.execute("PRAGMA query_only=0")
        until(lambda: not outbox.error)
        assert sequences(outbox) == [1, 2, 3, 4, 5]


@mounting
@pytest.mark.parametrize("trouble", ["full", "read_only"])
def test_damaged_file_on_a_disk_that_takes_no_new_one(small_disk: Path, trouble: str) -> None:
    state_dir, other = small_disk / "state", small_disk / "other"
    with opened(state_dir) as outbox:
        fill(outbox, 12)
        outbox.acknowledge(outbox.batch(1), [(outbox.batch(2)[1], "not like this")])
        bodies = [stored.body for stored in outbox.batch(99)]
    file = state_dir / DB_NAME
    file.write_bytes(file.read_bytes().replace(b"boot_count", b"boot_c\xeeunt", 1))
    if trouble == "full":
        for reserve in state_dir.glob("reserve-*"):
            reserve.unlink()
        with pytest.raises(OSError, match="No space"), other.open("wb", 0) as filled:
            while True:
                filled.write(bytes(4096))
    else:
        remount(small_disk, "ro")
    before = file.read_bytes()
    for _ in range(2):  # the second start, as after kill -9, finds the same again
        with opened(state_dir) as outbox:
            assert "in memory only" in outbox.error
            assert [stored.body for stored in outbox.batch(99)] == bodies
            assert len(outbox.dead_letters()) == 1
            assert outbox.quarantined() == []
        assert file.read_bytes() == before
    with opened(state_dir) as outbox:
        outbox.acknowledge(outbox.batch(3))
        fill(outbox, 1)
        if trouble == "full":
            other.unlink()
        else:
            remount(small_disk, "rw")
        until(lambda: not outbox.error)
        assert [stored.body for stored in outbox.batch(99)[:-1]] == bodies[3:]
        assert len(outbox.quarantined()) == len(outbox.dead_letters()) == 1
        assert outbox.buffered() == 0
        fill(outbox, 1)
    with opened(state_dir) as outbox:
        assert len(outbox.batch(99)) == len(bodies) - 3 + 2
        assert not list(state_dir.glob("*.saved-*"))
