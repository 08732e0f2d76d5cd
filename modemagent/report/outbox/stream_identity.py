"""Identity of the reports of an outbox, and the high-water mark of its sequence numbers.

The numbers are assigned by :meth:`modemagent.report.outbox.database.OutboxDatabase.put`.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from modemagent.report import origin


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamIdentity:
    """What all reports of one run have in common.

    :param rebooted: the machine has booted since the last report was stored
    :param restarts: number of restarts of the agent since this boot, without those of runs that
        stored no report
    """

    gateway_id: str
    stream_id: str
    boot_id: str
    boot_count: int
    rebooted: bool
    restarts: int

    def in_new_stream(self) -> StreamIdentity:
        return replace(self, stream_id=new_stream_id())


def new_stream_id() -> str:
    return secrets.token_hex(16)


def resolve_stream(
    meta: Mapping[str, str], gateway_id: str | None, restarts: int | None = None
) -> tuple[StreamIdentity, dict[str, str]]:
    """Return the identity of this run, and the values that the outbox has yet to store.

    :param meta: the values that the outbox has stored
    :param gateway_id: the setting; None derives one from the machine id
    :param restarts: their number, if this run has counted them already
    """
    boot = origin.boot_id()
    same_boot = meta.get("boot_id") == boot
    count = int(meta.get("boot_count", "0")) + (0 if same_boot else 1)
    if restarts is None:
        restarts = int(meta.get("restarts", "0")) + 1 if same_boot else 0
    values = {
        "stream_id": meta.get("stream_id") or new_stream_id(),
        "next_sequence": meta.get("next_sequence", "1"),
        "boot_id": boot,
        "boot_count": str(count),
        "restarts": str(restarts),
        "gateway_id": gateway_id
        or origin.derived_gateway_id()
        or meta.get("gateway_id")
        or f"gw-{secrets.token_hex(6)}",
    }
    identity = StreamIdentity(
        gateway_id=values["gateway_id"],
        stream_id=values["stream_id"],
        boot_id=boot,
        boot_count=count,
        rebooted="boot_id" in meta and not same_boot,
        restarts=restarts,
    )
    return identity, {key: value for key, value in values.items() if meta.get(key) != value}


class HighWaterMark:
    """Stream id and next sequence number, in a small file of their own beside the database.

    SQLite stops reading a write-ahead log at the first damaged frame and continues with the state
    before it, in which later numbers are free again; a changed digit in a table has the same
    effect. So the mark is written after each commit and compared with the database when it is
    opened. The line has a fixed length and a CRC-32: it is overwritten in place, within a sector.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> tuple[str, int] | None:
        """Return the mark, or None if none has been written.

        :raises ValueError: the file does not hold what was written
        """
        try:
            content = self._path.read_bytes()
        except FileNotFoundError:
            return None
        if not content:  # a power cut between creation and the first write
            return None
        line, _, checksum = content.rpartition(b" ")
        if checksum != b"%08x\n" % zlib.crc32(line):
            raise ValueError("its checksum is wrong")
        stream_id, number = line.decode().split(" ")
        return stream_id, int(number)

    def write(self, stream_id: str, next_sequence: int) -> None:
        """Store the mark on disk; on error the old one stays, which is still a lower bound."""
        line = f"{stream_id} {next_sequence:020d}".encode()
        with contextlib.suppress(OSError):
            flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            descriptor = os.open(self._path, flags, 0o600)
            try:
                os.pwrite(descriptor, b"%s %08x\n" % (line, zlib.crc32(line)), 0)
                os.fdatasync(descriptor)
            finally:
                os.close(descriptor)

    def remove(self) -> None:
        self._path.unlink(missing_ok=True)
