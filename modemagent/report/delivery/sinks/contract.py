"""What a sink promises the courier.

``deliver`` gets a batch in the order of its sequence and returns receipts, at most one a report.
A report without a receipt was not acknowledged and will be offered again; a receipt is only
given for what the other side keeps for good. When nothing at all was taken it raises:
``RegistryUnreachable`` (later may help) or ``RegistryRefused`` (somebody must act).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from modemagent.report.outbox.outbox import QueuedReport


class ItemStatus(StrEnum):
    """What became of one report; interface names of ``results[].status``."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Receipt:
    """The other side's word on one report; ``problem`` says why it was not taken."""

    report_id: str
    status: ItemStatus
    problem: str = ""


class Sink(Protocol):
    """A place reports go to. Used by one thread."""

    @property
    def address(self) -> str:
        """Where reports go, to be shown to people; never holds a secret."""
        ...

    def deliver(self, batch: Sequence[QueuedReport]) -> Sequence[Receipt]: ...

    def close(self) -> None: ...
