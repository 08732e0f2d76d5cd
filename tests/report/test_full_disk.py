"""A disk that takes nothing: reports are held in memory, in order, and written when it does."""

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
from modemagent.report.outbox.eviction import Waiting, select_evictions
from modemagent.report.outbox.outbox import DB_NAME, Outbox, ReportDraft
from modemagent.report.status import outbox_json
from tests.report.conftest import fill
from tests.report.test_damaged import Loud

mounting = pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")


def opened(state_dir: Path, log: NullLog | None = None, held_most: int = 256) -> closing[Outbox]:
    return closing(
        Outbox(
            state_dir, gateway_id="gw-1", log=log or NullLog(), held_most=held_most, retry_s=0.01
        )
    )


def until(claim: Callable[[], object], deadline_s: float = 10) -> None:
    deadline = time.monotonic() + deadline_s
    while not claim():
        assert time.monotonic() < deadline, "did not come true in time"
        time.sleep(0.005)


def say(outbox: Outbox, port: str, reason: Reason) -> None:
    outbox.put(ReportDraft(reason=reason, port=PortPlace(path=port)), places={})


def sequences(outbox: Outbox) -> list[int]:
    return [stored.sequence for stored in outbox.batch(100_000)]


def limit_pages(outbox: Outbox, pages: int) -> None:
    """Make SQLite itself say that the disk is full."""
    outbox._disk.file.db.execute(f"PRAGMA max_page_count={pages}")


def use_up(outbox: Outbox) -> None:
    """Fill the file; what is reserved on the disk does not help against a limit in pages."""
    limit_pages(outbox, 20)
    while not outbox.buffered():
        fill(outbox, 1)


# -- without a disk of its own


def test_what_the_disk_refuses_is_held_said_once_and_written_in_order(tmp_path: Path) -> None:
    log = Loud()
    with opened(tmp_path, log) as outbox:
        use_up(outbox)
        fill(outbox, 20)
        stored = len(outbox.batch(9999))
        assert outbox_json(outbox) == {
            "waiting": stored + 21, "dead_letters": 0, "buffered": 21, "evicted": 0,
            "quarantined": [], "error": outbox.trouble,
        }  # fmt: skip
        assert "full" in outbox.trouble
        assert [event for event, _ in log.errors].count("outbox_error") == 1
        limit_pages(outbox, 1_000_000)
        until(lambda: not outbox.trouble)
        assert outbox.buffered() == 0
        assert sequences(outbox) == list(range(1, stored + 22))


def test_the_courier_is_told_when_held_reports_come_to_the_disk(tmp_path: Path) -> None:
    told: list[Reason] = []
    with opened(tmp_path) as outbox:
        use_up(outbox)
        outbox.on_stored = told.append
        limit_pages(outbox, 1_000_000)
        until(lambda: told)


def test_room_made_by_a_delivery_is_used_at_once(tmp_path: Path) -> None:
    with closing(Outbox(tmp_path, gateway_id="gw-1", log=NullLog(), retry_s=3600)) as outbox:
        use_up(outbox)
        last = sequences(outbox)[-1]
        outbox.acknowledge(outbox.batch(5))
        assert outbox.buffered() == 0
        assert sequences(outbox)[-1] == last + 1


def test_beyond_the_bound_each_port_keeps_its_newest_and_the_loss_is_a_hole(
    tmp_path: Path,
) -> None:
    log = Loud()
    with opened(tmp_path, log, held_most=4) as outbox:
        use_up(outbox)
        stored = len(outbox.batch(9999))
        held = [
            ("/dev/a", Reason.SIM_CHANGED), ("/dev/b", Reason.REFRESH),
            ("/dev/a", Reason.HEARTBEAT), ("/dev/a", Reason.REMOVED),
            ("/dev/a", Reason.IDENTIFIED), ("/dev/b", Reason.HEARTBEAT),
        ]  # fmt: skip
        for port, reason in held:
            say(outbox, port, reason)
        assert outbox.dropped() == 3
        limit_pages(outbox, 1_000_000)
        until(lambda: not outbox.trouble)
        late = [json.loads(each.body) for each in outbox.batch(9999)[stored:]]
        assert [(each["port"]["path"], each["reason"]) for each in late[1:]] == [
            ("/dev/b", "refresh"), ("/dev/a", "removed"), ("/dev/a", "identified"),
        ]  # fmt: skip
        assert late[0]["sequence"] == stored + 4
        assert outbox.dropped() == 3
    with opened(tmp_path) as outbox:
        assert outbox.dropped() == 3


def test_what_could_not_be_stored_at_the_end_is_said_and_not_remembered(tmp_path: Path) -> None:
    log = Loud()
    with opened(tmp_path, log) as outbox:
        use_up(outbox)
        before = outbox.places()
        place = PortPlace(path="/dev/new")
        outbox.put(ReportDraft(reason=Reason.IDENTIFIED, port=place), places={"/dev/new": {"x": 1}})
    assert ("reports_not_stored", 2) in [(event, said.get("count")) for event, said in log.errors]
    with opened(tmp_path) as outbox:
        # not remembered: so the next reading of this port is news again
        assert outbox.places() == before


def test_a_file_at_its_limit_sheds_what_repeats_and_counts_it(tmp_path: Path) -> None:
    limit = 30_000
    log = Loud()
    outbox = Outbox(tmp_path, gateway_id="gw-1", log=log, limit_bytes=limit)
    with closing(outbox):
        say(outbox, "/dev/gone", Reason.REMOVED)
        for _ in range(60):
            say(outbox, "/dev/a", Reason.SIM_CHANGED)
            say(outbox, "/dev/a", Reason.HEARTBEAT)
            say(outbox, "/dev/a", Reason.REFRESH)
        reports = [json.loads(each.body) for each in outbox.batch(9999)]
        assert outbox._disk.file.size <= limit
        reasons = [each["reason"] for each in reports]
        assert reasons.count("removed") == 1
        assert reasons.count("sim_changed") == 60
        assert reasons.count("refresh") < 60 and reasons[-1] == "refresh"
        missing = set(range(1, 182)) - {each["sequence"] for each in reports}
        assert outbox.dropped() == len(missing) > 0
        assert outbox._disk.file.rows == len(reports)
        assert {event for event, _ in log.errors} == {"reports_evicted"}


def test_the_newest_of_every_port_is_kept_whatever_the_bound() -> None:
    queue = [Waiting(n, f"/dev/{n % 5}", Reason.SIM_CHANGED, 100) for n in range(50)]
    assert select_evictions(queue, rows=10_000, size=10_000_000) == list(range(45))


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
def test_a_full_disk_holds_keeps_its_order_and_recovers(small_disk: Path) -> None:
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
        assert (outbox.buffered(), outbox.trouble) == (0, "")
        assert [path.name for path in reserves if not path.exists()] == []
        fill(outbox, 1)
        assert outbox.batch(1)[0].sequence == total + 1


@mounting
def test_when_somebody_else_fills_the_disk_and_leaves_again(small_disk: Path) -> None:
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
        until(lambda: not outbox.trouble)
        assert sequences(outbox) == list(range(1, total + 1))


@mounting
def test_a_disk_that_is_full_at_the_start_does_not_stop_the_start(small_disk: Path) -> None:
    state_dir = small_disk / "state"
    state_dir.mkdir(mode=0o700)
    other = small_disk / "other"
    with pytest.raises(OSError, match="No space"), other.open("wb", 0) as file:
        while True:
            file.write(bytes(4096))
    log = Loud()
    with opened(state_dir, log) as outbox:
        assert "in memory only" in outbox.trouble
        fill(outbox, 5)
        assert sequences(outbox) == [1, 2, 3, 4, 5]
        assert outbox.buffered() == 5
        in_memory = outbox.stream_id
        other.unlink()
        until(lambda: not outbox.trouble)
        assert outbox.stream_id != in_memory
        fill(outbox, 1)
        assert sequences(outbox) == [1, 2, 3, 4, 5, 1]
        assert outbox.buffered() == 0
    assert [event for event, _ in log.errors] == ["outbox_error"]
    with opened(state_dir) as outbox:
        assert len(outbox.batch(99)) == 6


@mounting
@pytest.mark.parametrize("clean", [True, False], ids=["stopped", "log_left"])
def test_a_disk_that_can_only_be_read_is_lived_with_and_returned_to(
    small_disk: Path, clean: bool
) -> None:
    state_dir = small_disk / "state"
    with opened(state_dir) as outbox:
        fill(outbox, 2)
        outbox._disk.file.append([], [], {"/dev/a": '{"x": 1}'})
        on_disk = outbox.stream_id
        log_left = (state_dir / f"{DB_NAME}-wal").read_bytes()
    if not clean:
        (state_dir / f"{DB_NAME}-wal").write_bytes(log_left)
    remount(small_disk, "ro")
    with opened(state_dir) as outbox:
        assert outbox.stream_id != on_disk
        assert outbox.places() == {"/dev/a": {"x": 1}}
        fill(outbox, 1)
        assert sequences(outbox) == [1, 2, 1]
        outbox.acknowledge(outbox.batch(2))
        with pytest.raises(Exception, match="in use"):
            opened(state_dir)
        remount(small_disk, "rw")
        until(lambda: not outbox.trouble)
        # what was sent meanwhile is sent again: the registry knows it by its number
        assert outbox.stream_id == on_disk
        assert sequences(outbox) == [1, 2, 1]
        fill(outbox, 1)
        assert sequences(outbox)[-1] == 3


@mounting
def test_a_disk_that_turns_read_only_under_a_running_agent(small_disk: Path) -> None:
    with opened(small_disk / "state") as outbox:
        fill(outbox, 2)
        outbox._disk.file.db.execute("PRAGMA query_only=1")  # a mounted tmpfs in use stays writable
        fill(outbox, 3)
        assert (outbox.depth(), outbox.buffered()) == ((5, 0), 3)
        outbox._disk.file.db.execute("PRAGMA query_only=0")
        until(lambda: not outbox.trouble)
        assert sequences(outbox) == [1, 2, 3, 4, 5]


@mounting
@pytest.mark.parametrize("trouble", ["full", "read_only"])
def test_a_damaged_file_where_no_new_one_can_be_had_is_lived_with_and_then_replaced(
    small_disk: Path, trouble: str
) -> None:
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
            assert "in memory only" in outbox.trouble
            assert [stored.body for stored in outbox.batch(99)] == bodies
            assert len(outbox.set_aside()) == 1
            assert outbox.damaged() == []
        assert file.read_bytes() == before
    with opened(state_dir) as outbox:
        outbox.acknowledge(outbox.batch(3))
        fill(outbox, 1)
        if trouble == "full":
            other.unlink()
        else:
            remount(small_disk, "rw")
        until(lambda: not outbox.trouble)
        assert [stored.body for stored in outbox.batch(99)[:-1]] == bodies[3:]
        assert len(outbox.damaged()) == len(outbox.set_aside()) == 1
        assert outbox.buffered() == 0
        fill(outbox, 1)
    with opened(state_dir) as outbox:
        assert len(outbox.batch(99)) == len(bodies) - 3 + 2
        assert not list(state_dir.glob("*.saved-*"))
