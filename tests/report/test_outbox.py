"""The outbox keeps each report once, on disk, also after kill -9."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from modemagent.errors import OutboxError
from modemagent.logs import NullLog
from modemagent.report import origin
from modemagent.report.message import PortPlace, Reason, Report
from modemagent.report.outbox.outbox import Outbox
from modemagent.report.outbox.records import ReportDraft
from modemagent.report.outbox.state_dir import DB_NAME
from modemagent.report.outbox.tables import read_outbox
from tests.report.conftest import fill


def opened(state_dir: Path) -> closing[Outbox]:
    return closing(Outbox(state_dir, gateway_id="gw-1", log=NullLog()))


def test_sequence_continues_after_a_restart(tmp_path: Path) -> None:
    with opened(tmp_path) as outbox:
        fill(outbox, 3)
        stream = outbox.identity.stream_id
        outbox.acknowledge(outbox.batch(10))
    with opened(tmp_path) as outbox:
        fill(outbox, 1)
        assert [stored.sequence for stored in outbox.batch(10)] == [4]
        assert outbox.identity.stream_id == stream
        assert outbox.identity.boot_count == 1


def test_stored_body_is_the_report_as_sent(outbox: Outbox) -> None:
    report = outbox.put(
        ReportDraft(reason=Reason.IDENTIFIED, port=PortPlace(path="/dev/ttyUSB2")), baselines={}
    )
    (stored,) = outbox.batch(10)
    assert report and Report.from_json(json.loads(stored.body)) == report
    assert report.gateway_id == "gw-1"
    assert report.boot_id == origin.boot_id()
    assert report.report_id[14] == "7" and report.report_id[19] in "89ab"


def test_state_directory_is_private_to_its_owner(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    with opened(tmp_path):
        assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700
        assert stat.S_IMODE((tmp_path / DB_NAME).stat().st_mode) == 0o600


@pytest.mark.parametrize("mode", [0o770, 0o702, 0o1777])
def test_state_directory_that_others_may_write_is_refused(tmp_path: Path, mode: int) -> None:
    tmp_path.chmod(mode)
    with pytest.raises(OutboxError, match="other users may write to") as refused:
        opened(tmp_path)
    assert f"chmod 700 {tmp_path}" in refused.value.hint
    assert list(tmp_path.iterdir()) == []
    tmp_path.chmod(0o700)
    opened(tmp_path).thing.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_state_directory_of_another_user_is_refused(tmp_path: Path) -> None:
    os.chown(tmp_path, 65534, 65534)
    with pytest.raises(OutboxError, match="belongs to another user") as refused:
        opened(tmp_path)
    assert refused.value.hint and list(tmp_path.iterdir()) == []


def test_linked_state_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    for name, target in (("link", "there"), ("dangling", "nowhere")):
        (tmp_path / name).symlink_to(target)
        with pytest.raises(OutboxError, match="is a symbolic link") as refused:
            opened(tmp_path / name)
        assert "--state-dir" in refused.value.hint
    assert list((tmp_path / "there").iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="the link belongs to root")
def test_systemds_link_to_a_private_directory_is_followed(tmp_path: Path) -> None:
    (tmp_path / "private/modemagent").mkdir(parents=True)
    (tmp_path / "modemagent").symlink_to("private/modemagent")
    with opened(tmp_path / "modemagent") as outbox:
        fill(outbox, 1)
    assert (tmp_path / "private/modemagent" / DB_NAME).is_file()


@pytest.mark.parametrize("name", [DB_NAME, f"{DB_NAME}-mark", f"{DB_NAME}-wal", "agent.lock"])
def test_linked_file_in_the_state_directory_is_refused(tmp_path: Path, name: str) -> None:
    (victim := tmp_path / "victim").write_text("theirs")
    (state := tmp_path / "state").mkdir()
    (state / name).symlink_to(victim)
    with pytest.raises(OutboxError, match=f"{name} is a symbolic link") as refused:
        opened(state)
    assert "Remove the link" in refused.value.hint
    assert victim.read_text() == "theirs"


def test_pragmas_are_those_of_the_durability_tests(outbox: Outbox) -> None:
    pragmas = {
        name: outbox._storage.database.db.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("journal_mode", "synchronous", "page_size", "wal_autocheckpoint")
    }
    assert pragmas == {
        "journal_mode": "wal", "synchronous": 2, "page_size": 1024, "wal_autocheckpoint": 256,
    }  # fmt: skip


def test_second_agent_is_refused_with_the_pid_of_the_first(tmp_path: Path) -> None:
    with opened(tmp_path), pytest.raises(OutboxError, match=f"process {os.getpid()}"):
        Outbox(tmp_path, gateway_id=None, log=NullLog())
    with opened(tmp_path):
        pass


def test_a_new_boot_is_counted_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counts = []
    for boot in ("a", "a", "b", "b", "c"):
        monkeypatch.setattr(origin, "boot_id", lambda boot=boot: boot)
        with opened(tmp_path) as outbox:
            fill(outbox, 1)
            counts.append((outbox.identity.boot_count, outbox.identity.rebooted))
    assert counts == [(1, False), (1, False), (2, True), (2, False), (3, True)]


def test_baselines_are_stored_together_with_their_report(outbox: Outbox) -> None:
    place = PortPlace(path="/dev/a")
    observation = ReportDraft(reason=Reason.IDENTIFIED, port=place)
    outbox.put(observation, baselines={"/dev/a": {"x": 1}})
    with pytest.raises(TypeError):
        outbox.put(observation, baselines={"/dev/a": {"x": object()}})
    assert outbox.baselines() == {"/dev/a": {"x": 1}}
    assert (outbox.depth(), outbox.buffered()) == ((1, 0), 0)
    outbox.put(observation, baselines={"/dev/a": None})
    assert outbox.baselines() == {}
    assert [stored.sequence for stored in outbox.batch(10)] == [1, 2]


def test_rejected_report_is_kept_as_a_dead_letter(outbox: Outbox) -> None:
    fill(outbox, 3)
    one, two, three = outbox.batch(10)
    outbox.acknowledge([one], [(two, "bad")])
    assert outbox.batch(10) == [three]
    (dead,) = outbox.dead_letters()
    assert (dead.report, dead.reason) == (two, "bad")


@pytest.mark.parametrize("running", [True, False])
def test_outbox_is_readable_with_and_without_an_agent(tmp_path: Path, running: bool) -> None:
    outbox = Outbox(tmp_path, gateway_id="gw-1", log=NullLog())
    fill(outbox, 2)
    if not running:
        outbox.close()
    with read_outbox(tmp_path) as reader:
        assert reader.depth() == (2, 0)
        assert [stored.sequence for stored in reader.batch(10)] == [1, 2]
    outbox.close()


def test_missing_outbox_is_an_error_with_its_directory(tmp_path: Path) -> None:
    with pytest.raises(OutboxError, match=str(tmp_path)), read_outbox(tmp_path):
        pass


WRITER = """
import sys
from pathlib import Path
from modemagent.logs import NullLog
from modemagent.report.message import PortPlace, Reason
from modemagent.report.outbox.outbox import Outbox
from modemagent.report.outbox.tables import read_outbox
from modemagent.report.outbox.records import ReportDraft
outbox = Outbox(Path(sys.argv[1]), gateway_id="gw-1", log=NullLog())
for stored in outbox.batch(1000):
    print("found", stored.sequence, stored.report_id, flush=True)
while True:
    report = outbox.put(ReportDraft(reason=Reason.HEARTBEAT, port=PortPlace(path="/x")),
                        baselines={"/x": {"n": 1}})
    print("stored", report.sequence, report.report_id, flush=True)
    if report.sequence % 3 == 0:
        (first, *_) = outbox.batch(1)
        outbox.acknowledge([first])
        print("settled", first.sequence, first.report_id, flush=True)
"""


def test_kill_9_loses_nothing_and_uses_no_number_twice(tmp_path: Path) -> None:
    ids: dict[int, str] = {}
    settled: set[int] = set()
    for lines_until_the_kill in (1, 2, 3, 5, 8, 13, 21, 34, 7, 4):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True
        ) as writer:
            assert writer.stdout
            said = []
            while sum(not line.startswith("found") for line in said) < lines_until_the_kill:
                said.append(writer.stdout.readline())
            writer.send_signal(signal.SIGKILL)
            said += writer.stdout.readlines()
        for line in said:
            if not line.endswith("\n"):
                continue
            what, number, report_id = line.split()
            sequence = int(number)
            assert ids.setdefault(sequence, report_id) == report_id
            if what == "settled":
                settled.add(sequence)
    with opened(tmp_path) as outbox:
        left = [stored.sequence for stored in outbox.batch(100_000)]
        fill(outbox, 1)
        last = outbox.batch(100_000)[-1].sequence
    # one settling and one storing may have happened unseen, after the last line of each run
    assert left == sorted(left)
    assert set(left) >= {sequence for sequence in ids if sequence > max(left[0], max(settled) + 1)}
    assert last == max(left) + 1 and last > max(ids)
    assert left == list(range(left[0], left[-1] + 1))


def test_row_and_byte_counters_match_the_table(outbox: Outbox) -> None:
    file = outbox._storage.database

    def there() -> tuple[int, int]:
        asked = "SELECT count(*), coalesce(sum(length(body)), 0) FROM reports"
        rows, size = file.db.execute(asked).fetchone()
        return rows, size

    for step in range(6):
        fill(outbox, 20)
        batch = outbox.batch(15)
        outbox.acknowledge(batch[:10], [(batch[12], "no")] if step % 2 else [])
        outbox.acknowledge(batch[:12])  # most of them a second time
        assert (file.rows, file.size) == there()
    outbox.move_to_new_stream(outbox.batch(5)[3])
    assert (file.rows, file.size) == there()
    assert outbox.depth() == (file.rows, 3)
