"""Interface of a sink, the destination of reports.

``deliver`` receives a batch in queue order, of one gateway and one stream, and the number for
:data:`~modemagent.report.message.FIRST_PENDING_HEADER`. It returns at most one receipt per report.
A report without a receipt is not acknowledged and is sent again; a receipt is only given for what
the destination keeps for good. If nothing was taken it raises ``RegistryUnreachable`` (a retry may
help) or ``RegistryRefused`` (an operator has to act).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from modemagent.report.outbox.records import QueuedReport

#: Status of a refusal that is about the batch as sent: a smaller batch may be accepted.
ABOUT_THE_BATCH = (400, 413, 422)


class ItemStatus(StrEnum):
    """Result for one report, as in ``results[].status`` of the registry's API."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Receipt:
    """Answer for one report; ``problem`` is the reason if it was not taken."""

    report_id: str
    status: ItemStatus
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkOptions:
    """Options of all sinks.

    :param token_file: read for every delivery, so that a token can be changed at any time
    :param ca_file: certificates to trust instead of the system's
    :param client_cert_file: certificate of this gateway, with its key unless that is separate
    :param proxy: URL of an HTTP proxy
    """

    url: str
    token_file: Path | None = None
    ca_file: Path | None = None
    client_cert_file: Path | None = None
    client_key_file: Path | None = None
    proxy: str | None = None
    compress: bool = True


class Sink(Protocol):
    """A destination of reports. Used by one thread."""

    @property
    def address(self) -> str:
        """The address to display, without secrets."""
        ...

    @property
    def max_retry_after_s(self) -> float:
        """The longest wait that the destination can demand."""
        ...

    def deliver(self, batch: Sequence[QueuedReport], first_pending: int) -> Sequence[Receipt]: ...

    def close(self) -> None: ...
