"""What goes into the outbox and what comes out of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from modemagent.report.message import JsonObject, PortPlace, Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportDraft:
    """What a report will say, before it has a sequence number."""

    reason: Reason
    port: PortPlace | None = None
    modem: JsonObject | None = None
    sims: Sequence[JsonObject] = ()
    problems: Sequence[JsonObject] = ()
    network: JsonObject | None = None
    evidence: Sequence[JsonObject] = ()

    @property
    def path(self) -> str:
        """The port's path, "" for a report of the gateway itself."""
        return self.port.path if self.port else ""


@dataclass(frozen=True, slots=True)
class QueuedReport:
    """A report as it stands in the outbox; ``body`` is its canonical JSON.

    :param position: its place in the queue. Not its sequence: reports saved out of a damaged
        file keep the numbers of their own stream
    """

    sequence: int
    report_id: str
    body: bytes
    position: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A report the registry would not take, kept for a person to look at."""

    stored: QueuedReport
    why: str
    set_aside_at: str
