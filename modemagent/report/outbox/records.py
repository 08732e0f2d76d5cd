"""Records of the outbox: drafts of reports, queued reports and dead letters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from modemagent.report.message import JsonObject, PortPlace, Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportDraft:
    """The content of a report that has no sequence number yet."""

    reason: Reason
    port: PortPlace | None = None
    modem: JsonObject | None = None
    sims: Sequence[JsonObject] = ()
    problems: Sequence[JsonObject] = ()
    network: JsonObject | None = None
    evidence: Sequence[JsonObject] = ()

    @property
    def path(self) -> str:
        """The path of the port, "" for a report of the gateway itself."""
        return self.port.path if self.port else ""


@dataclass(frozen=True, slots=True)
class QueuedReport:
    """A report in the outbox.

    :param body: canonical JSON, as it is sent
    :param position: place in the queue. It differs from the sequence number: reports recovered
        from a damaged file keep the numbers of their own stream
    :param size: bytes of the compressed body
    """

    sequence: int
    report_id: str
    body: bytes
    position: int = field(default=0, compare=False)
    size: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A report that the registry rejected, kept for inspection."""

    report: QueuedReport
    reason: str
    rejected_at: str


@dataclass(slots=True)
class OutboxContents:
    """Everything that one outbox database passes on to another.

    :param reports: compressed bodies, oldest first
    :param baselines: port -> the reading to compare the next one with, as JSON; None removes it
    :param meta: gateway and boot of the reports
    """

    reports: list[bytes] = field(default_factory=list)
    dead_letters: list[DeadLetter] = field(default_factory=list)
    baselines: dict[str, str | None] = field(default_factory=dict)
    meta: dict[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.reports or self.dead_letters or self.baselines)
