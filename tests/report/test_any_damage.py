"""Any damaged byte, sector or value: the outbox opens and every readable report is delivered once.

What can be read is determined here by plain SELECT statements on a copy. The cases are drawn with a
seed; a longer run needs only a larger number.
"""

from __future__ import annotations

import json
import random
import re
import shutil
import sqlite3
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import NamedTuple

import pytest

from modemagent.logs import NullLog
from modemagent.report.delivery.courier import Courier, UplinkState
from modemagent.report.delivery.sinks.contract import ItemStatus, Receipt
from modemagent.report.message import PortPlace, Reason
from modemagent.report.outbox.database import SCHEMA_VERSION
from modemagent.report.outbox.outbox import Outbox
from modemagent.report.outbox.records import QueuedReport, ReportDraft
from modemagent.report.outbox.state_dir import COMPANIONS, DB_NAME, quarantined_files
from tests.report.conftest import RecordingLog

PAGE, SECTOR = 1024, 512
#: The first pages lead to all others: header, page map, meta and the roots of the tables.
LEADING = 6
REMOVED = 4
Files = dict[str, bytes]
Key = tuple[str, int]


class AcceptingSink:
    """A sink that accepts everything and counts how often."""

    address = "test"
    max_retry_after_s = 0.0

    def __init__(self) -> None:
        self.received: Counter[bytes] = Counter()

    def deliver(self, batch: Sequence[QueuedReport], first_pending: int) -> Sequence[Receipt]:
        self.received.update(queued.body for queued in batch)
        return [Receipt(queued.report_id, ItemStatus.ACCEPTED) for queued in batch]

    def close(self) -> None:
        pass


class Whole(NamedTuple):
    """An outbox before the damage.

    :param files: suffix -> content of the database and of the files beside it
    :param bodies: of the waiting reports
    :param removed: bodies of those delivered or rejected, which an older log brings back
    :param used: every number that was ever assigned
    """

    files: Files
    bodies: list[bytes]
    removed: list[bytes]
    used: set[Key]

    @property
    def content(self) -> bytes:
        return self.files[""]

    def with_content(self, content: bytes) -> Files:
        return self.files | {"": content}


def put(outbox: Outbox, number: int) -> None:
    """Store a report; some fill a part of a page and some several pages."""
    noise = random.Random(number).randbytes(40 * (number % 5) ** 3).hex()
    outbox.put(
        ReportDraft(
            reason=Reason.IDENTIFIED,
            port=PortPlace(path=f"/dev/ttyUSB{number % 3}"),
            evidence=[{"field": "imei", "raw": noise}],
        ),
        baselines={f"usb:1-{number % 4}": {"n": number}},
    )


def stored(state_dir: Path) -> Files:
    files = {suffix: state_dir / f"{DB_NAME}{suffix}" for suffix in ("", *COMPANIONS)}
    return {suffix: file.read_bytes() for suffix, file in files.items() if file.exists()}


def write(state_dir: Path, files: Files) -> None:
    state_dir.mkdir()
    for suffix, content in files.items():
        (state_dir / f"{DB_NAME}{suffix}").write_bytes(content)


def make(state_dir: Path, *, stopped: bool) -> Whole:
    """Fill an outbox; ``stopped`` after a clean shutdown, otherwise as kill -9 leaves it."""
    outbox = Outbox(state_dir, gateway_id="gw-1", log=NullLog())
    with closing(outbox):
        for number in range(30):
            put(outbox, number)
        batch = outbox.batch(99)
        outbox.acknowledge(batch[: REMOVED - 1], [(batch[REMOVED - 1], "not like this")])
        used = {(outbox.identity.stream_id, queued.sequence) for queued in batch}
        files = stored(state_dir)
    bodies = [queued.body for queued in batch]
    files = stored(state_dir) if stopped else files
    return Whole(files, bodies[REMOVED:], bodies[:REMOVED], used)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    return make(tmp_path_factory.mktemp("whole"), stopped=True)


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    return make(tmp_path_factory.mktemp("killed"), stopped=False)


def readable(state_dir: Path) -> set[bytes]:
    """Return the bodies that SQLite reads from either end of the table."""
    bodies = set()
    for order in ("ASC", "DESC"):
        with (
            suppress(sqlite3.Error, UnicodeDecodeError),
            closing(sqlite3.connect(state_dir / DB_NAME)) as db,
        ):
            for (body,) in db.execute(f"SELECT body FROM reports ORDER BY rowid {order}"):
                with suppress(zlib.error, TypeError):
                    bodies.add(zlib.decompress(body))
    return bodies


def check(state_dir: Path, files: Files, whole: Whole) -> list[str]:
    """Open an outbox with these files and deliver it; return the names of quarantined files."""
    copy = state_dir.with_name(f"{state_dir.name}-copy")
    write(copy, files)
    write(state_dir, files)
    expected = readable(copy).intersection(whole.bodies)
    log, sink = RecordingLog(), AcceptingSink()
    with closing(Outbox(state_dir, gateway_id="gw-1", log=log)) as outbox:
        outbox.baselines()
        put(outbox, 0)
        new = (outbox.identity.stream_id, outbox.batch(99)[-1].sequence)
        outbox.evicted()
        outbox.dead_letters()
        courier = Courier(outbox, sink, log=log)
        assert courier._deliver_all(flush=True) is None
        assert (courier.uplink.state, outbox.depth()[0]) == (UplinkState.IDLE, 0)
        assert outbox.buffered() == 0
        quarantined = outbox.quarantined()
    received = set(sink.received)
    assert set(sink.received.values()) == {1}, "delivered twice"
    assert expected <= received, "a readable report was not delivered"
    removed = received.intersection(whole.removed)
    assert not removed or "-wal" in files, "delivered before"
    assert len(received - removed - set(whole.bodies)) == 1, "made up"
    assert new not in whole.used, "a number was used twice"
    assert quarantined or received >= set(whole.bodies), "a loss was not reported"
    assert log.events == ["outbox_quarantined"] * len(quarantined)
    shutil.rmtree(copy)
    return quarantined


def flipped(content: bytes, at: int, mask: int) -> bytes:
    return content[:at] + bytes([content[at] ^ mask]) + content[at + 1 :]


def test_zero_filled_sectors(tmp_path: Path, whole: Whole) -> None:
    """Each sector of the pages that lead to the others, and every third one of the reports."""
    leading = LEADING * PAGE
    for at in (*range(0, leading, SECTOR), *range(leading, len(whole.content), 3 * SECTOR)):
        damaged = whole.content[:at] + bytes(SECTOR) + whole.content[at + SECTOR :]
        check(tmp_path / str(at), whole.with_content(damaged), whole)


def test_truncated_files(tmp_path: Path, whole: Whole) -> None:
    for end in range(0, len(whole.content), 5 * SECTOR):
        quarantined = check(tmp_path / str(end), whole.with_content(whole.content[:end]), whole)
        assert quarantined


def test_bit_flips(tmp_path: Path, whole: Whole) -> None:
    chance = random.Random(3)
    pages = len(whole.content) // PAGE
    for number in range(160):
        page = chance.randrange(LEADING) if number % 2 else chance.randrange(pages)
        at = page * PAGE + chance.randrange(PAGE)
        damaged = flipped(whole.content, at, chance.randrange(1, 256))
        check(tmp_path / str(number), whole.with_content(damaged), whole)


def test_bit_flips_in_the_log(tmp_path: Path, killed: Whole) -> None:
    chance = random.Random(5)
    log = killed.files["-wal"]
    for number in range(80):
        at = chance.randrange(32 if number % 10 == 0 else len(log))
        files = killed.files | {"-wal": flipped(log, at, 1 << number % 8)}
        check(tmp_path / str(number), files, killed)


def test_torn_and_zero_filled_logs(tmp_path: Path, killed: Whole) -> None:
    log = killed.files["-wal"]
    for end in range(0, len(log), 37 * SECTOR):
        for name, tail in (("torn", b""), ("zeros", bytes(len(log) - end))):
            files = killed.files | {"-wal": log[:end] + tail}
            check(tmp_path / f"{name}{end}", files, killed)


def test_damaged_high_water_mark(tmp_path: Path, whole: Whole) -> None:
    mark = whole.files["-mark"]
    cases = [flipped(mark, at, 1 << at % 8) for at in range(len(mark))]
    cases += [mark[:40], bytes(len(mark)), b"\xff" * 900]
    for number, damaged in enumerate(cases):
        files = whole.files | {"-mark": damaged}
        assert check(tmp_path / str(number), files, whole)


def test_torn_last_transaction_is_not_damage(tmp_path: Path) -> None:
    """A power cut may tear a transaction that was not committed; the stream goes on."""
    with closing(Outbox(tmp_path / "a", gateway_id="gw-1", log=NullLog())) as outbox:
        for number in range(5):
            put(outbox, number)
        mark, committed = stored(tmp_path / "a")["-mark"], len(stored(tmp_path / "a")["-wal"])
        put(outbox, 5)
        files, stream_id = stored(tmp_path / "a"), outbox.identity.stream_id
    log = files["-wal"]
    for end in range(committed, len(log), 24 + PAGE):
        state_dir = tmp_path / str(end)
        # the mark is written after the commit
        write(state_dir, files | {"-wal": log[:end], "-mark": mark})
        with closing(Outbox(state_dir, gateway_id="gw-1", log=NullLog())) as outbox:
            assert [queued.sequence for queued in outbox.batch(99)] == [1, 2, 3, 4, 5]
            assert (outbox.identity.stream_id, outbox.quarantined()) == (stream_id, [])


def test_outbox_without_a_mark_goes_on(tmp_path: Path, whole: Whole) -> None:
    """Version 0.1.0 wrote no mark."""
    files = {"": whole.content}
    assert check(tmp_path / "state", files, whole) == []


# -- bytes and values with a meaning


def flipped_at(content: bytes, text: bytes, shift: int) -> bytes:
    """Put a byte that no UTF-8 text contains into a text."""
    return flipped(content, content.index(text) + shift, 0x80)


def with_position_of_neighbour(content: bytes, sequence: int) -> bytes:
    """Give a report the position of the one before it."""
    # position, size of the header, types of position, stream_id, sequence, report_id, port,
    # reason and body, stream_id and sequence
    row = re.compile(
        rb"(.).\x00\x4d\x01\x55.{3,6}[0-9a-f]{32}" + re.escape(bytes([sequence])), re.DOTALL
    )
    found = row.search(content)
    assert found
    assert found[1] == bytes([sequence])
    return with_byte(content, found.start(), sequence - 1)


BYTES: dict[str, Callable[[Whole], bytes]] = {
    "position of a report": lambda whole: with_position_of_neighbour(whole.content, 9),
    "schema of a table": lambda whole: flipped_at(whole.content, b"CREATE TABLE reports", 9),
    "id of a report": lambda whole: flipped_at(
        whole.content, json.loads(whole.bodies[3])["report_id"].encode(), 3
    ),
    "next newer schema": lambda whole: with_byte(whole.content, 63, SCHEMA_VERSION + 1),
    "much newer schema": lambda whole: with_byte(whole.content, 61, 0xEE),
    "older schema": lambda whole: with_byte(whole.content, 63, 1),
    "no schema": lambda whole: with_byte(whole.content, 63, 0),
    "read-only file format": lambda whole: with_byte(whole.content, 18, 9),
}


def with_byte(content: bytes, at: int, byte: int) -> bytes:
    return content[:at] + bytes([byte]) + content[at + 1 :]


@pytest.mark.parametrize("place", BYTES)
def test_byte_with_a_meaning(tmp_path: Path, whole: Whole, place: str) -> None:
    assert len(check(tmp_path / "state", whole.with_content(BYTES[place](whole)), whole)) == 1


STATEMENTS = [
    "UPDATE meta SET value='x' WHERE key='boot_count'",
    "UPDATE meta SET value='x' WHERE key='next_sequence'",
    "UPDATE meta SET value='6' WHERE key='next_sequence'",
    "UPDATE meta SET value='30' WHERE key='next_sequence'",
    "UPDATE meta SET value='99999999999999999999' WHERE key='next_sequence'",
    "UPDATE meta SET value=x'ff' WHERE key='stream_id'",
    "UPDATE meta SET value='another' WHERE key='stream_id'",
    "UPDATE meta SET value=CAST(x'ff31' AS TEXT) WHERE key='boot_count'",
    "DELETE FROM meta WHERE key='next_sequence'",
    "DELETE FROM meta WHERE key='schema'",
    "DELETE FROM meta WHERE key='gateway_id'",
    "DELETE FROM meta",
    "INSERT OR REPLACE INTO meta VALUES ('dropped', 'z')",
    "UPDATE reports SET report_id='nonsense' WHERE position=9",
    "UPDATE reports SET sequence='abc' WHERE position=9",
    "UPDATE reports SET sequence=7 WHERE position=9",
    "UPDATE dead SET report_id=CAST(x'ff31' AS TEXT)",
    "UPDATE places SET body=x'" + zlib.compress(b'{"a":').hex() + "'",
    "UPDATE places SET body=x'" + zlib.compress(b"[]").hex() + "'",
    "DROP TABLE places",
]


@pytest.mark.parametrize("statement", STATEMENTS)
def test_impossible_value(tmp_path: Path, whole: Whole, statement: str) -> None:
    file = tmp_path / DB_NAME
    file.write_bytes(whole.content)
    with closing(sqlite3.connect(file)) as db:
        db.execute(statement)
        db.commit()
    assert check(tmp_path / "state", whole.with_content(file.read_bytes()), whole)
    assert len(quarantined_files(tmp_path / "state")) == 1
