"""Stored bodies of reports: zlib level 1 with a preset dictionary of synthetic reports."""

from __future__ import annotations

import zlib
from collections.abc import Collection

from modemagent.registry.envelope import Envelope, digest_of
from modemagent.registry.redaction import Redaction
from modemagent.registry.store.database import dialect
from modemagent.registry.store.intake.batch import Batch
from modemagent.registry.store.tables import schema
from modemagent.report.message import canonical_body

# The dictionary belongs to the format: a stored body can be read only with the one it was written
# with, so another one gets another first byte.
_FORMAT = b"\x01"
_WINDOW_BITS = 13
_COLUMNS = ("stream", "sequence", "received_ms", "body", "old_digest")


def _example(state: str, reason: str, numbers: dict[str, str | None]) -> bytes:
    read = {"eid": "unsupported", "iccid": "ok", "imsi": "ok"}
    words = ("firmware", "imei", "imeisv", "manufacturer", "meid", "model", "serial_number")
    return canonical_body(
        {
            "agent_version": "0.2.0",
            "boot_count": 1,
            "boot_id": "00000000-0000-4000-8000-000000000000",
            "clock_synchronized": True,
            "evidence": [
                {"at_ms": 10, "command": "AT+CGSN", "field": "imei", "parser": "imei",
                 "response": "OK"}
            ],
            "gateway_id": "gw-0000",
            "health": {"evicted": 0, "modems": [], "outbox": 0, "restarts": 0},
            "heartbeat_s": 3600.0,
            "modem": {
                **dict.fromkeys(words),
                "firmware": "EG25GGBR07A08M2G",
                "manufacturer": "Quectel",
                "model": "EG25-G",
                "read": dict.fromkeys(words, "ok") | {"imeisv": "unsupported"},
                "tac": "86769804",
            },
            "network": {
                "mcc": "262", "mnc": "01", "rat": "lte", "registered": True, "registration": "home",
            },
            "observed_at": "2026-01-01T00:00:00.000Z",
            "port": {"id": "usb:1-2:1.2", "path": "/dev/ttyUSB2", "usb_pid": "0125",
                     "usb_vid": "2c7c"},
            "problems": [
                {"code": "imsi.shared_mcc", "field": "imsi", "message": "", "severity": "note"}
            ],
            "reader": "at",
            "reason": reason,
            "report_id": "01900000-0000-7000-8000-000000000000",
            "schema": 1,
            "sequence": 1,
            "sims": [
                {
                    "active": True, "eid": None, "iccid": None, "imsi": None, "mcc": None,
                    "mnc": None, "read": read, "slot": 1, "state": state, **numbers,
                }
            ],
            "stream_id": "00000000000000000000000000000000",
            "uptime_ms": 10000,
        }
    )  # fmt: skip


_DICTIONARY = b"".join(
    (
        _example("absent", "sim_changed", {}),
        _example("ready", "refresh", {"iccid": "8988303000000000010", "imsi": "901288000000001"}),
        _example("ready", "identified", {"iccid": "89882390000000000010"}),
    )
)
# Copied for each body: creating a compressor and its dictionary takes longer than compressing.
_packer = zlib.compressobj(1, zlib.DEFLATED, -_WINDOW_BITS, 6, zdict=_DICTIONARY)


def compress(body: bytes) -> bytes:
    """Return a body as it is stored."""
    packer = _packer.copy()
    return _FORMAT + packer.compress(body) + packer.flush()


def compress_redacted(body: bytes, erased: Collection[str]) -> tuple[bytes, int | None]:
    """Return a body as it is stored without numbers that were erased.

    :returns: also the digest of the body as it was, if something was cut out
    """
    redacted = Redaction(erased).of_body(body) if erased else body
    return compress(redacted), None if redacted is body else digest_of(body)


class BodyLog:
    """The bodies of one batch that are kept."""

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self._rows: list[tuple[int, int, int, bytes, int | None]] = []

    def keep(self, stream: int, envelope: Envelope, received_ms: int) -> None:
        """Keep the body of a report, without numbers that were erased."""
        body = compress_redacted(envelope.raw, self._batch.erased)
        self._rows.append((stream, envelope.sequence, received_ms, *body))

    def write(self) -> None:
        """Write the bodies."""
        dialect.insert_rows(self._batch.connection, schema.report, _COLUMNS, self._rows)


def decompress(stored: bytes) -> bytes:
    """Return a stored body as it was received."""
    unpacker = zlib.decompressobj(-_WINDOW_BITS, zdict=_DICTIONARY)
    return unpacker.decompress(bytes(stored)[1:]) + unpacker.flush()
