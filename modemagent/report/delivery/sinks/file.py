"""A file of JSON lines, ``file:///path``: for boxes whose reports leave by other means.

A report is taken when its line is on disk. What a crash left half written is cut off at the next
start, and reports that stand in the file are known again by it, so each stands there once. A file
that was moved away, as logrotate does it, is finished: the next report begins a new one.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from modemagent.errors import RegistryRefused, RegistryUnreachable, SettingsError
from modemagent.report.delivery.sinks.catalogue import SinkOptions
from modemagent.report.delivery.sinks.contract import ItemStatus, Receipt
from modemagent.report.outbox.outbox import QueuedReport

_FORBIDDEN = 403


class FileSink:
    """One file, appended to."""

    def __init__(self, options: SinkOptions) -> None:
        parts = urlsplit(options.url)
        if parts.netloc not in ("", "localhost") or not parts.path.startswith("/"):
            raise SettingsError(
                f"{options.url!r} is no file address", hint="It looks like file:///srv/out.jsonl"
            )
        self.address = options.url
        self._path = Path(unquote(parts.path))
        self._last: dict[str, int] = {}
        self._fd = -1

    def deliver(self, batch: Sequence[QueuedReport]) -> Sequence[Receipt]:
        try:
            if self._fd < 0 or not self._is_in_place():
                self._open()
            return self._append(batch)
        except PermissionError as refused:
            raise RegistryRefused(
                f"{self._path} can not be written: {refused.strerror}",
                status=_FORBIDDEN,
                hint="Check who may write there.",
            ) from None
        except OSError as failed:
            self.close()
            raise RegistryUnreachable(
                f"{self._path} can not be written: {failed.strerror}",
                hint="Make its directory."
                if isinstance(failed, FileNotFoundError)
                else "Check the disk.",
            ) from None

    def _append(self, batch: Sequence[QueuedReport]) -> Sequence[Receipt]:
        receipts = []
        lines = bytearray()
        taken = dict(self._last)
        for stored in batch:
            stream_id = str(json.loads(stored.body)["stream_id"])
            known = stored.sequence <= taken.get(stream_id, 0)
            if not known:
                taken[stream_id] = stored.sequence
                lines += stored.body + b"\n"
            receipts.append(
                Receipt(stored.report_id, ItemStatus.DUPLICATE if known else ItemStatus.ACCEPTED)
            )
        end = os.lseek(self._fd, 0, os.SEEK_END)
        try:
            rest = memoryview(bytes(lines))
            while rest:
                rest = rest[os.write(self._fd, rest) :]
            os.fdatasync(self._fd)
        except OSError:
            os.ftruncate(self._fd, end)
            raise
        self._last = taken
        return receipts

    def _is_in_place(self) -> bool:
        """Tell whether the open file is the one under its name: neither removed nor moved away."""
        try:
            return os.path.samestat(os.fstat(self._fd), self._path.stat())
        except FileNotFoundError:
            return False

    def _open(self) -> None:
        self.close()
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self._fd = os.open(self._path, flags, 0o600)
        # a report is only taken when its file will be found again by its name
        _sync(self._path.parent)
        self._last = {}
        whole = 0
        with self._path.open("rb") as lines:
            for line in lines:
                if not line.endswith(b"\n"):
                    break
                whole += len(line)
                self._learn(line)
        os.ftruncate(self._fd, whole)

    def _learn(self, line: bytes) -> None:
        try:
            body = json.loads(line)
            stream_id, sequence = str(body["stream_id"]), int(body["sequence"])
        except (ValueError, KeyError, TypeError):
            return
        self._last[stream_id] = max(sequence, self._last.get(stream_id, 0))

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def _sync(directory: Path) -> None:
    try:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except PermissionError:
        return  # a directory one may write in and not read
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # not every file system can
            raise
    finally:
        os.close(descriptor)


def open_sink(options: SinkOptions) -> FileSink:
    return FileSink(options)
