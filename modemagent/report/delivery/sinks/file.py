"""File of JSON lines, ``file:///path``, for gateways whose reports leave by other means.

A report is accepted when its line is on disk. An incomplete last line, left by a crash, is removed
at the next start, and the reports in the file are recognized, so each appears once. If the file is
moved, for example by logrotate, the next report begins a new one.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path
from urllib.parse import unquote, urlsplit

from modemagent.errors import RegistryRefused, RegistryUnreachable, SettingsError
from modemagent.report.delivery.sinks.contract import ItemStatus, Receipt, SinkOptions
from modemagent.report.outbox.records import QueuedReport
from modemagent.report.outbox.state_dir import sync_directory


class FileSink:
    """A file to which reports are appended."""

    max_retry_after_s = 0.0

    def __init__(self, options: SinkOptions) -> None:
        parts = urlsplit(options.url)
        if parts.netloc not in ("", "localhost") or not parts.path.startswith("/"):
            raise SettingsError(
                f"{options.url!r} is not a file address",
                hint="Write it as in file:///srv/out.jsonl.",
            )
        self.address = options.url
        self._path = Path(unquote(parts.path))
        #: stream id -> the highest sequence number in the file
        self._last: dict[str, int] = {}
        self._fd = -1

    def deliver(self, batch: Sequence[QueuedReport], first_pending: int) -> Sequence[Receipt]:
        try:
            if self._fd < 0 or not self._is_in_place():
                self._open()
            return self._append(batch)
        except PermissionError as error:
            raise RegistryRefused(
                f"cannot write {self._path}: {error.strerror}",
                status=HTTPStatus.FORBIDDEN,
                hint="Check the permissions of the file and its directory.",
            ) from None
        except OSError as error:
            self.close()
            missing = isinstance(error, FileNotFoundError)
            raise RegistryUnreachable(
                f"cannot write {self._path}: {error.strerror}",
                hint="Create its directory." if missing else "Check the disk.",
            ) from None

    def _append(self, batch: Sequence[QueuedReport]) -> Sequence[Receipt]:
        receipts = []
        lines = bytearray()
        last = dict(self._last)
        for queued in batch:
            status = ItemStatus.DUPLICATE
            if queued.sequence > last.get(queued.stream_id, 0):
                status = ItemStatus.ACCEPTED
                last[queued.stream_id] = queued.sequence
                lines += queued.body + b"\n"
            receipts.append(Receipt(queued.report_id, status))
        end = os.lseek(self._fd, 0, os.SEEK_END)
        try:
            rest = memoryview(bytes(lines))
            while rest:
                rest = rest[os.write(self._fd, rest) :]
            os.fdatasync(self._fd)
        except OSError:
            os.ftruncate(self._fd, end)
            raise
        self._last = last
        return receipts

    def _is_in_place(self) -> bool:
        """Return True if the open file still has its name, False if it was removed or moved."""
        try:
            return os.path.samestat(os.fstat(self._fd), self._path.stat())
        except FileNotFoundError:
            return False

    def _open(self) -> None:
        self.close()
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self._fd = os.open(self._path, flags, 0o600)
        # a report is only accepted if a power cut leaves its file under this name
        sync_directory(self._path.parent)
        self._last = {}
        complete = 0
        with self._path.open("rb") as lines:
            for line in lines:
                if not line.endswith(b"\n"):
                    break
                complete += len(line)
                self._recognize(line)
        os.ftruncate(self._fd, complete)

    def _recognize(self, line: bytes) -> None:
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
