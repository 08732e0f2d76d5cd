"""Records of the outbox: drafts of reports, queued reports and dead letters."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Self

from modemagent.report.message import Health, JsonObject, PortPlace, Reason, Report


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportDraft:
    """The content of a report that has no sequence number yet."""

    reason: Reason
    port: PortPlace | None = None
    modem: JsonObject | None = None
    sims: Sequence[JsonObject] = ()
    problems: Sequence[JsonObject] = ()
    network: JsonObject | None = None
    reader: str | None = None
    evidence: Sequence[JsonObject] = ()
    heartbeat_s: float | None = None
    health: Health | None = None
    provision: JsonObject | None = None

    @property
    def path(self) -> str:
        """The path of the port, "" for a report of the gateway itself."""
        return self.port.path if self.port else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedReport:
    """A report in the outbox, with those of its fields that delivery needs.

    :param body: canonical JSON, as it is sent
    :param position: place in the queue. It differs from the sequence number: reports recovered
        from a damaged file keep the numbers of their own stream
    :param size: bytes of the compressed body
    """

    stream_id: str
    sequence: int
    report_id: str
    gateway_id: str
    observed_at: str
    body: bytes
    position: int = field(default=0, compare=False)
    size: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A report that the registry rejected, kept for inspection."""

    report: QueuedReport
    reason: str
    rejected_at: str


class ReportRow(NamedTuple):
    """A row of the reports; ``body`` is compressed."""

    stream_id: str
    sequence: int
    report_id: str
    port: str
    reason: str
    body: bytes

    @classmethod
    def of(cls, report: Report, body: bytes) -> Self:
        port = report.port.path if report.port else ""
        return cls(report.stream_id, report.sequence, report.report_id, port, report.reason, body)


@dataclass(slots=True)
class OutboxContents:
    """Everything that one outbox database passes on to another.

    :param reports: oldest first
    :param dead_letters: each with the reason and the time of its rejection
    :param baselines: port -> the reading to compare the next one with; None removes it
    :param meta: gateway and boot of the reports
    """

    reports: list[ReportRow] = field(default_factory=list)
    dead_letters: list[tuple[ReportRow, str, str]] = field(default_factory=list)
    baselines: dict[str, JsonObject | None] = field(default_factory=dict)
    meta: dict[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.reports or self.dead_letters or self.baselines)
