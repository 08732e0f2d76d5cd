"""The journal of an order: append-only lines with a hash chain, written before a verdict is shown.

A line is JSON with ``n``, ``at``, ``mono_ms``, ``prev`` (SHA-256 of the line before) and ``kind``.
Records are collected during a turn and written together. The state after a start is what the lines
state, and nothing else.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import gc
import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from modemagent.errors import ModemAgentError

JOURNAL_NAME, TORN_NAME = "journal.jsonl", "journal.torn"
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")

Record = dict[str, Any]


class JournalError(ModemAgentError):
    """A journal that cannot be written: full disk, read-only file system, I/O error."""

    code = "journal"


class JournalBroken(ModemAgentError):
    """A journal whose lines do not follow from each other.

    :ivar line: number of the first wrong line
    """

    code = "journal_broken"

    def __init__(self, file: Path, line: int, why: str) -> None:
        super().__init__(
            f"{file}: line {line} {why}",
            hint="The file was edited or damaged. Restore it from a copy, or keep it and begin "
            "the order in another state directory.",
        )
        self.line = line


class OrderOpen(ModemAgentError):
    """An order that another process has open."""

    code = "order_open"
    exit_status = 5


def order_folder(state_dir: Path, order: str) -> Path:
    """Return the directory of an order.

    >>> order_folder(Path("/var/lib/modemagent"), "A/4711").name
    'A_4711'
    """
    return state_dir / "provision" / (_UNSAFE.sub("_", order).lstrip(".") or "_")


class Journal:
    """The open journal of one order; only this process writes to it.

    :raises OrderOpen: another process has it open
    :raises JournalBroken: a line does not follow from the one before
    :raises JournalError: it cannot be opened

    :ivar records: what the file held when it was opened
    :ivar torn: length of an incomplete last line that was moved away, 0 without one
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / JOURNAL_NAME
        self.torn = 0
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
            self._descriptor = os.open(self.path, flags, 0o600)
        except OSError as error:
            raise _failed(self.path, error) from error
        try:
            self._lock()
            self.records, size, self._prev = self._read()
        except BaseException:
            os.close(self._descriptor)
            raise
        self._number = len(self.records)
        self._pending: list[bytes] = []
        #: size, number of records and hash of the last one: written, and on the disk for certain
        self._written = self._synced = (size, self._number, self._prev)
        _sync_folder(folder)

    @property
    def last_hash(self) -> str:
        """SHA-256 of the last line."""
        return self._prev

    @property
    def number(self) -> int:
        """Number of the last record."""
        return self._number

    def append(self, kind: str, fields: Mapping[str, Any], at: str, mono_ms: int) -> Record:
        """Add a record to the present turn and return it; :meth:`commit` writes it."""
        self._number += 1
        head = {"n": self._number, "at": at, "mono_ms": mono_ms, "prev": self._prev, "kind": kind}
        record = {**head, **fields}
        line = json.dumps(record, separators=(",", ":")).encode("ascii")
        self._prev = hashlib.sha256(line).hexdigest()
        self._pending.append(line + b"\n")
        return record

    def commit(self, *, is_synced: bool) -> None:
        """Write the records of the turn.

        :param is_synced: return only when all records are on the disk
        :raises JournalError: they cannot be written; the file is as before the turn
        """
        data = b"".join(self._pending)
        self._pending.clear()
        try:
            self._write(data)
        except OSError as error:
            self._undo(self._written)
            raise _failed(self.path, error) from error
        self._written = (self._written[0] + len(data), self._number, self._prev)
        if not is_synced or self._synced == self._written:
            return
        try:
            self._sync()
        except OSError as error:
            # the kernel may have dropped everything that was written since the last success
            self._undo(self._synced)
            raise _failed(self.path, error) from error
        self._synced = self._written

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    # -- the disk

    def _write(self, data: bytes) -> None:
        while data:
            data = data[os.write(self._descriptor, data) :]

    def _sync(self) -> None:
        os.fdatasync(self._descriptor)

    def _undo(self, to: tuple[int, int, str]) -> None:
        """Return to an earlier size; :meth:`reread` gives the records that are left."""
        self._written = to
        self._synced = min(self._synced, to)
        size, self._number, self._prev = to
        with contextlib.suppress(OSError):  # a line that stays is moved away at the next start
            os.ftruncate(self._descriptor, size)

    def reread(self) -> list[Record]:
        """Return the records of the file, after a failure.

        :raises JournalError: it cannot be read
        """
        try:
            records, size, self._prev = self._read()
        except OSError as error:
            raise _failed(self.path, error) from error
        self._number = len(records)
        self._written = (size, self._number, self._prev)
        return records

    def _lock(self) -> None:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.EACCES):
                raise _failed(self.path, error) from error
            raise OrderOpen(
                f"the order {self.path.parent.name} is open in another process",
                hint="End it there, or use another state directory.",
            ) from error

    def _read(self) -> tuple[list[Record], int, str]:
        data = self.path.read_bytes()
        records, size, prev = _whole_lines(self.path, data)
        rest = data[size:]
        if rest:
            self.torn = len(rest)
            torn = self.path.with_name(TORN_NAME)
            with torn.open("ab") as file:
                file.write(rest + b"\n")
                os.fsync(file.fileno())
            torn.chmod(0o600)
            os.ftruncate(self._descriptor, size)
            os.fsync(self._descriptor)
        return records, size, prev


def read_journal(file: Path) -> tuple[list[Record], str]:
    """Return the records of a journal that may be open elsewhere, and its last hash.

    :raises JournalBroken: a line does not follow from the one before
    """
    records, _, prev = _whole_lines(file, file.read_bytes())
    return records, prev


@contextlib.contextmanager
def without_collector() -> Iterator[None]:
    """Pause the garbage collector, which would search thousands of new records again and again.

    They are frozen afterwards: they have no cycles, and one search takes 0.2 s for 10,000 units.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.freeze()
            gc.enable()


@without_collector()
def _whole_lines(file: Path, data: bytes) -> tuple[list[Record], int, str]:
    """Return the records, the size of their lines, and the hash of the last one.

    What follows the last line that is complete is left out: it was never confirmed.
    """
    lines = data.split(b"\n")[:-1]
    size, prev = 0, ""
    records = _decoded_at_once(lines)
    for number, (line, record) in enumerate(zip(lines, records, strict=True), 1):
        if record is None and number == len(lines) and size + len(line) + 1 == len(data):
            records.pop()
            break
        if record is None or record.get("n") != number or "kind" not in record:
            raise JournalBroken(file, number, "is not a record of this journal")
        if record.get("prev") != prev:
            raise JournalBroken(file, number, "does not follow from the line before")
        size, prev = size + len(line) + 1, hashlib.sha256(line).hexdigest()
    return [record for record in records if record is not None], size, prev


def _decoded_at_once(lines: list[bytes]) -> list[Record | None]:
    """Return the object of each line, None for a line that is none.

    Decoding all lines as one array takes half the time, mostly because the keys that recur are
    created once. It fails if a line is damaged; then each line is decoded by itself.
    """
    try:
        records = json.loads(b"[%s]" % b",".join(lines))
    except ValueError:
        records = []
    if len(records) != len(lines) or not all(isinstance(each, dict) for each in records):
        return [_decoded(line) for line in lines]
    return list(records)


def _decoded(line: bytes) -> Record | None:
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return record if isinstance(record, dict) else None


def _failed(file: Path, error: OSError) -> JournalError:
    remedy = {
        errno.ENOSPC: "Free disk space; the bench goes on by itself.",
        errno.EDQUOT: "Free disk space; the bench goes on by itself.",
        errno.EROFS: "Mount the file system writable.",
        errno.EACCES: "Run as the user who owns the state directory, or name another one.",
    }
    return JournalError(
        f"the journal {file} cannot be written: {error.strerror}",
        hint=remedy.get(error.errno or 0, "Check the disk."),
    )


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
