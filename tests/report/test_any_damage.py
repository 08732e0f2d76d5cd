"""Whatever byte of an outbox is wrong: it opens, and all that is whole is delivered, once.

The cases are drawn with a seed; a longer run is a matter of a larger number here.
"""

from __future__ import annotations

import json
import random
import sqlite3
import subprocess
import sys
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest

from modemagent.errors import OutboxError
from modemagent.logs import NullLog
from modemagent.report.delivery.courier import Courier, UplinkState
from modemagent.report.delivery.sinks.contract import ItemStatus, Receipt
from modemagent.report.message import PortPlace, Reason
from modemagent.report.outbox.outbox import DB_NAME, Outbox, ReportDraft
from modemagent.report.outbox.records import QueuedReport
from modemagent.report.outbox.schema import SCHEMA_VERSION
from modemagent.report.outbox.set_aside import set_aside_files
from tests.report.test_damaged import Loud

PAGE, SECTOR = 1024, 512
#: The first pages lead to all others: header, map, notes and the roots of the tables.
LEADING = 6
ROOT = Path(__file__).parents[2]
SETTLED = 4
Key = tuple[str, int]


class Registry:
    """Takes everything, and remembers how often."""

    address = "test"

    def __init__(self) -> None:
        self.got: Counter[bytes] = Counter()

    def deliver(self, batch: Sequence[QueuedReport]) -> Sequence[Receipt]:
        self.got.update(stored.body for stored in batch)
        return [Receipt(stored.report_id, ItemStatus.ACCEPTED) for stored in batch]

    def close(self) -> None:
        pass


class Whole(NamedTuple):
    """An outbox before the damage.

    :param bodies: of the reports that wait
    :param used: every number that was ever given
    """

    content: bytes
    bodies: list[bytes]
    used: set[Key]

    def untouched(self, pages: set[int]) -> list[bytes]:
        """Return the bodies of the rows none of which stands on these pages."""
        return [body for body in self.bodies if not any(self._stands(body, p) for p in pages)]

    def _stands(self, body: bytes, number: int) -> bool:
        page = self.content[number * PAGE : (number + 1) * PAGE]
        # a row begins where its id is; its later pages hold a piece of its body behind 4 bytes
        packed = zlib.compress(body, 6)
        return json.loads(body)["report_id"].encode() in page or page[4:36] in packed


def say(outbox: Outbox, number: int) -> None:
    """Store reports of which some fill a part of a page and some several pages."""
    noise = random.Random(number).randbytes(40 * (number % 5) ** 3).hex()
    outbox.put(
        ReportDraft(
            reason=Reason.IDENTIFIED,
            port=PortPlace(path=f"/dev/ttyUSB{number % 3}"),
            evidence=[{"field": "imei", "raw": noise}],
        ),
        places={f"usb:1-{number % 4}": {"n": number}},
    )


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    state_dir = tmp_path_factory.mktemp("whole")
    with closing(Outbox(state_dir, gateway_id="gw-1", log=NullLog())) as outbox:
        for number in range(30):
            say(outbox, number)
        batch = outbox.batch(99)
        outbox.acknowledge(batch[: SETTLED - 1], [(batch[SETTLED - 1], "not like this")])
        used = {(outbox.stream_id, stored.sequence) for stored in batch}
        bodies = [stored.body for stored in batch[SETTLED:]]
    return Whole((state_dir / DB_NAME).read_bytes(), bodies, used)


def lives_on(state_dir: Path, damaged: bytes, whole: Whole) -> None:
    """Open an outbox with this file, deliver what is in it, and go on."""
    changed = {at // PAGE for at in range(0, len(whole.content), SECTOR)
               if damaged[at : at + SECTOR] != whole.content[at : at + SECTOR]}  # fmt: skip
    state_dir.mkdir()
    (state_dir / DB_NAME).write_bytes(damaged)
    log, registry = Loud(), Registry()
    with closing(Outbox(state_dir, gateway_id="gw-1", log=log)) as outbox:
        outbox.places()
        say(outbox, 0)
        new = (outbox.stream_id, outbox.batch(99)[-1].sequence)
        outbox.dropped()
        outbox.set_aside()
        courier = Courier(outbox, registry, log=log)
        assert courier._round(in_haste=True) is None
        assert (courier.uplink.state, outbox.depth()[0]) == (UplinkState.IDLE, 0)
        assert outbox.buffered() == 0
        broken = outbox.damaged()
    assert set(registry.got.values()) == {1}
    missing = set(whole.bodies) - registry.got.keys()
    assert not missing.intersection(whole.untouched(changed))
    assert new not in whole.used
    # nothing that was delivered before, or made up: what was there, and the new report
    assert len(registry.got.keys() - set(whole.bodies)) == 1
    assert broken or not missing
    assert [event for event, _ in log.errors] == ["outbox_quarantined"] * len(broken)


def test_a_sector_of_zeros(tmp_path: Path, whole: Whole) -> None:
    """Each one of the pages that lead to the others, and every third of the reports' pages."""
    leading = LEADING * PAGE
    for at in (*range(0, leading, SECTOR), *range(leading, len(whole.content), 3 * SECTOR)):
        damaged = whole.content[:at] + bytes(SECTOR) + whole.content[at + SECTOR :]
        lives_on(tmp_path / str(at), damaged, whole)


def test_a_flipped_byte(tmp_path: Path, whole: Whole) -> None:
    chance = random.Random(3)
    pages = len(whole.content) // PAGE
    for number in range(80):
        page = chance.randrange(LEADING) if number % 2 else chance.randrange(pages)
        damaged = bytearray(whole.content)
        damaged[page * PAGE + chance.randrange(PAGE)] ^= chance.randrange(1, 256)
        lives_on(tmp_path / str(number), bytes(damaged), whole)


def no_letter_at(content: bytes, text: bytes, shift: int) -> bytearray:
    """Put a byte that begins no letter where a text stands."""
    damaged = bytearray(content)
    damaged[content.index(text) + shift] = 0xEE
    return damaged


PLACES: dict[str, Callable[[Whole], bytearray]] = {
    "the layout, as text": lambda whole: no_letter_at(whole.content, b"CREATE TABLE reports", 9),
    "a report's id": lambda whole: no_letter_at(
        whole.content, json.loads(whole.bodies[3])["report_id"].encode(), 3
    ),
    "the schema's number, low": lambda whole: with_byte(whole.content, 63, SCHEMA_VERSION + 1),
    "the schema's number, high": lambda whole: with_byte(whole.content, 61, 0xEE),
    "the schema's number, older": lambda whole: with_byte(whole.content, 63, 1),
    "a format to be read only": lambda whole: with_byte(whole.content, 18, 9),
}


def with_byte(content: bytes, at: int, byte: int) -> bytearray:
    damaged = bytearray(content)
    damaged[at] = byte
    return damaged


@pytest.mark.parametrize("place", PLACES)
def test_a_byte_in_a_place_that_matters(tmp_path: Path, whole: Whole, place: str) -> None:
    damaged = bytes(PLACES[place](whole))
    lives_on(tmp_path / "state", damaged, whole)
    assert len(set_aside_files(tmp_path / "state")) == 1


class WithALog(NamedTuple):
    """An outbox as kill -9 leaves it, all of it still in the log.

    :param sync: where the log ended when the last but one report was begun
    """

    file: bytes
    log: bytes
    sync: int
    bodies: list[bytes]
    used: set[Key]


@pytest.fixture(scope="module")
def with_a_log(tmp_path_factory: pytest.TempPathFactory) -> WithALog:
    state_dir = tmp_path_factory.mktemp("log")
    log = state_dir / f"{DB_NAME}-wal"
    with closing(Outbox(state_dir, gateway_id="gw-1", log=NullLog())) as outbox:
        for number in range(10):
            say(outbox, number)
        sync = log.stat().st_size
        for number in range(10, 12):
            say(outbox, number)
        batch = outbox.batch(99)
        used = {(outbox.stream_id, stored.sequence) for stored in batch}
        bodies = [stored.body for stored in batch]
        return WithALog((state_dir / DB_NAME).read_bytes(), log.read_bytes(), sync, bodies, used)


def log_lives_on(state_dir: Path, whole: WithALog, log: bytes) -> tuple[set[bytes], list[str]]:
    """Open an outbox with this log and go on; return what is missing and what was set aside."""
    state_dir.mkdir()
    (state_dir / DB_NAME).write_bytes(whole.file)
    (state_dir / f"{DB_NAME}-wal").write_bytes(log)
    registry = Registry()
    with closing(Outbox(state_dir, gateway_id="gw-1", log=NullLog())) as outbox:
        say(outbox, 0)
        assert (outbox.stream_id, outbox.batch(99)[-1].sequence) not in whole.used
        assert Courier(outbox, registry, log=NullLog())._round(in_haste=True) is None
        assert set(registry.got.values()) == {1}
        return set(whole.bodies) - registry.got.keys(), outbox.damaged()


def test_a_byte_in_the_log(tmp_path: Path, with_a_log: WithALog) -> None:
    chance = random.Random(5)
    for number in range(40):
        log = bytearray(with_a_log.log)
        log[chance.randrange(32 if number % 10 == 0 else with_a_log.sync)] ^= 1 << number % 8
        missing, broken = log_lives_on(tmp_path / str(number), with_a_log, bytes(log))
        # a page is in the log again and again: only what came to it last can be gone with it
        assert len(missing) <= 1
        assert broken or not missing


def test_a_log_whose_end_a_power_cut_has_torn_is_no_damage(
    tmp_path: Path, with_a_log: WithALog
) -> None:
    """The last report had not been acknowledged; what is before it stays in its stream."""
    frame = 24 + PAGE
    last = [with_a_log.log[at : at + frame] for at in range(32, len(with_a_log.log), frame)]
    torn = max(n for n, each in enumerate(last[:-1]) if each[4:8] != bytes(4)) + 1
    for lost in range(torn, len(last)):
        left = [bytes(frame) if n == lost else each for n, each in enumerate(last)]
        state_dir = tmp_path / str(lost)
        state_dir.mkdir()
        (state_dir / DB_NAME).write_bytes(with_a_log.file)
        (state_dir / f"{DB_NAME}-wal").write_bytes(with_a_log.log[:32] + b"".join(left))
        with closing(Outbox(state_dir, gateway_id="gw-1", log=NullLog())) as outbox:
            assert [stored.body for stored in outbox.batch(99)] == with_a_log.bodies[:-1]
            assert (outbox.stream_id, 1) in with_a_log.used
            assert not outbox.damaged()


STATEMENTS = [
    "UPDATE meta SET value='x' WHERE key='boot_count'",
    "UPDATE meta SET value='x' WHERE key='next_sequence'",
    "UPDATE meta SET value='6' WHERE key='next_sequence'",
    "UPDATE meta SET value='29' WHERE key='next_sequence'",
    "UPDATE meta SET value=x'ff' WHERE key='stream_id'",
    "UPDATE meta SET value=CAST(x'ff31' AS TEXT) WHERE key='boot_count'",
    "DELETE FROM meta WHERE key='next_sequence'",
    "DELETE FROM meta",
    "INSERT OR REPLACE INTO meta VALUES ('dropped', 'z')",
    "UPDATE reports SET report_id='nonsense' WHERE position=9",
    "UPDATE reports SET sequence='abc' WHERE position=9",
    "UPDATE reports SET sequence=7 WHERE position=9",
    "UPDATE dead SET report_id=CAST(x'ff31' AS TEXT)",
    "UPDATE places SET body=x'" + zlib.compress(b'{"a":').hex() + "'",
    "UPDATE places SET body=x'" + zlib.compress(b"[]").hex() + "'",
]


@pytest.mark.parametrize("checked", [True, False], ids=["", "before_there_was_a_checksum"])
@pytest.mark.parametrize("statement", STATEMENTS)
def test_a_value_that_can_not_be(
    tmp_path: Path, whole: Whole, statement: str, checked: bool
) -> None:
    file = tmp_path / DB_NAME
    file.write_bytes(whole.content)
    with closing(sqlite3.connect(file)) as db:
        db.execute(statement)
        if not checked:
            db.execute("DELETE FROM meta WHERE key IN ('checksum', 'schema')")
        db.commit()
    lives_on(tmp_path / "state", file.read_bytes(), whole)


def test_a_page_that_holds_less_than_it_did_is_not_believed(tmp_path: Path, whole: Whole) -> None:
    """The root of the reports keeps its form and loses half of what it leads to."""
    damaged = bytearray(whole.content)
    root = next(page for page in range(2, 6) if damaged[page * PAGE] == 0x05)
    damaged[root * PAGE + 4] //= 2
    lives_on(tmp_path / "state", bytes(damaged), whole)


@pytest.mark.parametrize("noted", [True, False])
def test_a_file_of_a_newer_version_is_left_alone(tmp_path: Path, whole: Whole, noted: bool) -> None:
    file = tmp_path / DB_NAME
    file.write_bytes(whole.content)
    with closing(sqlite3.connect(file)) as db:
        db.execute(f"PRAGMA user_version={SCHEMA_VERSION + 1}")
        if noted:
            db.execute("UPDATE meta SET value=? WHERE key='schema'", (str(SCHEMA_VERSION + 1),))
        else:
            db.execute("DROP TABLE meta")
        db.commit()
    before = file.read_bytes()
    for _ in range(2):
        with pytest.raises(OutboxError, match="newer"):
            Outbox(tmp_path, gateway_id="gw-1", log=NullLog())
    assert file.read_bytes() == before
    assert not list(tmp_path.glob("*.damaged-*"))


KILLED = """
import os, sys
sys.path.append(sys.argv[3])
from pathlib import Path
from modemagent.logs import NullLog
from modemagent.report.outbox.outbox import Outbox

steps = int(sys.argv[2])

def count(event, _):
    global steps
    if event in ("os.rename", "os.remove", "sqlite3.connect", "os.listdir", "os.scandir"):
        steps -= 1
        if not steps:
            os._exit(9)

sys.addaudithook(count)
Outbox(Path(sys.argv[1]), gateway_id="gw-1", log=NullLog()).close()
"""


@pytest.fixture(scope="module")
def killed_at_each_step(
    tmp_path_factory: pytest.TempPathFactory, whole: Whole
) -> Iterator[list[Path]]:
    """Kill the process at each step from the finding of the damage to the new outbox in use."""
    left = []
    for step in range(1, 100):
        state_dir = tmp_path_factory.mktemp("killed")
        (state_dir / DB_NAME).write_bytes(no_letter_at(whole.content, b"boot_count", 3))
        # a log beside it, as kill -9 leaves one: it must go with its file
        (state_dir / f"{DB_NAME}-wal").write_bytes(b"")
        command = [sys.executable, "-c", KILLED, str(state_dir), str(step), str(ROOT)]
        ended = subprocess.run(command, check=False).returncode
        left.append(state_dir)
        if not ended:
            break
        assert ended == 9
    assert len(left) > 6
    yield left


def test_kill_9_between_the_damage_and_the_new_outbox_loses_and_doubles_nothing(
    killed_at_each_step: list[Path], whole: Whole
) -> None:
    for state_dir in killed_at_each_step:
        for _ in range(2):
            with closing(Outbox(state_dir, gateway_id="gw-1", log=NullLog())) as outbox:
                assert [stored.body for stored in outbox.batch(99)] == whole.bodies
                assert len(outbox.set_aside()) == 1
                assert len(outbox.damaged()) == 1
        assert not list(state_dir.glob("*.saved-*"))
