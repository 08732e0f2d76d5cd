"""The journal: what is on the disk after a crash, a full disk, a power cut or an edit."""

from __future__ import annotations

import errno
import json
import os
import stat

import pytest

from modemagent.provisioning import journal as journal_module
from modemagent.provisioning.journal import (
    Journal,
    JournalBroken,
    JournalError,
    OrderOpen,
    order_folder,
    read_journal,
)


def written(folder, count: int = 3) -> Journal:
    journal = Journal(folder)
    for number in range(count):
        journal.append("note", {"text": f"number {number}"}, "2026-11-20T09:00:00.000Z", number)
        journal.commit(is_synced=True)
    return journal


def test_records_are_read_again_in_order(tmp_path) -> None:
    written(tmp_path).close()
    records, last = read_journal(tmp_path / "journal.jsonl")
    assert [(each["n"], each["text"]) for each in records] == [
        (1, "number 0"), (2, "number 1"), (3, "number 2"),
    ]  # fmt: skip
    assert Journal(tmp_path).last_hash == last


def test_files_are_private(tmp_path) -> None:
    folder = order_folder(tmp_path, "47/11")
    Journal(folder).close()
    modes = [stat.S_IMODE(each.stat().st_mode) for each in (folder, folder / "journal.jsonl")]
    assert modes == [0o700, 0o600]


def test_second_process_is_refused(tmp_path) -> None:
    journal = Journal(tmp_path)
    with pytest.raises(OrderOpen) as refused:
        Journal(tmp_path)
    assert refused.value.exit_status == 5
    journal.close()
    Journal(tmp_path).close()


def test_journal_cut_at_any_byte_keeps_whole_lines(tmp_path) -> None:
    written(tmp_path, 2).close()
    file = tmp_path / "journal.jsonl"
    whole = file.read_bytes()
    ends = [at + 1 for at, byte in enumerate(whole) if byte == ord("\n")]
    for size in (*range(0, len(whole), 5), ends[0] - 1, ends[0], ends[0] + 1, ends[1] - 1):
        file.write_bytes(whole[:size])
        journal = Journal(tmp_path)
        complete = sum(end <= size for end in ends)
        assert len(journal.records) == complete
        assert bool(journal.torn) == (size not in (0, *ends))
        journal.append("note", {}, "", 0)
        journal.commit(is_synced=False)
        journal.close()
        assert len(read_journal(file)[0]) == complete + 1


def test_incomplete_line_is_moved_away(tmp_path) -> None:
    written(tmp_path).close()
    file = tmp_path / "journal.jsonl"
    file.write_bytes(file.read_bytes() + b'{"n":4,"text":"not')
    assert Journal(tmp_path).torn == 18
    assert (tmp_path / "journal.torn").read_bytes() == b'{"n":4,"text":"not\n'


@pytest.mark.parametrize(
    ("edit", "line"),
    [
        (lambda lines: lines[:1] + lines[2:], 2),
        (lambda lines: [lines[0], lines[1].replace(b"number 1", b"number X"), lines[2]], 3),
        (lambda lines: [lines[1], lines[0], lines[2]], 1),
        (lambda lines: [lines[0], b"garbage", lines[2]], 2),
    ],
)
def test_edited_journal_is_refused_with_the_line(tmp_path, edit, line) -> None:
    written(tmp_path).close()
    file = tmp_path / "journal.jsonl"
    file.write_bytes(b"".join(each + b"\n" for each in edit(file.read_bytes().splitlines())))
    with pytest.raises(JournalBroken) as broken:
        Journal(tmp_path)
    assert broken.value.line == line
    assert broken.value.exit_status == 1


class _FailingDisk:
    """Calls of the operating system, of which one fails for a time."""

    def __init__(self, monkeypatch, name: str, code: int) -> None:
        self.is_broken = False
        real = getattr(os, name)

        def call(*values):
            if self.is_broken:
                raise OSError(code, os.strerror(code))
            return real(*values)

        monkeypatch.setattr(journal_module.os, name, call)


@pytest.mark.parametrize(
    ("call", "code"),
    [("write", errno.ENOSPC), ("write", errno.EROFS), ("fdatasync", errno.EIO)],
)
def test_failed_turn_leaves_no_record(tmp_path, monkeypatch, call, code) -> None:
    disk = _FailingDisk(monkeypatch, call, code)
    journal = written(tmp_path)
    disk.is_broken = True
    journal.append("verdict", {"verdict": "pass"}, "", 0)
    with pytest.raises(JournalError) as failed:
        journal.commit(is_synced=True)
    assert failed.value.hint
    disk.is_broken = False
    assert len(journal.reread()) == 3
    journal.append("note", {"text": "after"}, "", 0)
    journal.commit(is_synced=True)
    kinds = [each["kind"] for each in read_journal(journal.path)[0]]
    assert kinds == ["note"] * 4


def test_number_of_a_later_record_continues(tmp_path) -> None:
    written(tmp_path).close()
    journal = Journal(tmp_path)
    record = journal.append("note", {}, "", 0)
    assert record["n"] == 4
    journal.commit(is_synced=False)
    line = (tmp_path / "journal.jsonl").read_bytes().splitlines()[-1]
    assert json.loads(line)["prev"] == read_journal(journal.path)[0][-1]["prev"]
