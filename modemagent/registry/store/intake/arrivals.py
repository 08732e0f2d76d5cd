"""Reports that have arrived, with their senders, and what becomes of each."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from modemagent.errors import ReportError
from modemagent.registry.envelope import Envelope


class ReceiptStatus(StrEnum):
    """Result of a report."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    REJECTED = "rejected"


class ReportResult(NamedTuple):
    """Result of a report, with the error of a rejected one."""

    status: ReceiptStatus
    error: ReportError | None = None


class Sender(NamedTuple):
    """What the headers of a batch state about its sender.

    :param boot_id: boot of the sender
    :param uptime_ms: its uptime when it sent the batch
    :param pending: stream, and the number below which nothing more will come in it
    """

    boot_id: str | None = None
    uptime_ms: int = -1
    pending: tuple[str, int] | None = None


class Arrival(NamedTuple):
    """A report, when it was received, and what came with it."""

    envelope: Envelope
    received_ms: int
    sender: Sender = Sender()


ACCEPTED = ReportResult(ReceiptStatus.ACCEPTED)
