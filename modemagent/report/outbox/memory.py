"""Reports in memory, in order, until the disk takes them.

They have no sequence number yet: a number is assigned together with the row on disk. If the process
ends before, no number was used, and the next start detects the same differences again. An evicted
report leaves its number unused as well, so that the registry sees the gap.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from modemagent import __version__
from modemagent.report.message import SCHEMA, JsonObject, Report
from modemagent.report.origin import Moment, uuid7
from modemagent.report.outbox.eviction import EvictionCandidate, select_evictions
from modemagent.report.outbox.records import ReportDraft
from modemagent.report.outbox.stream_identity import StreamIdentity

# Reports in memory: about 4 MiB, and hours of a busy gateway.
MAX_BUFFERED = 256


@dataclass(frozen=True, slots=True)
class PendingReport:
    """A draft with the moment of its observation.

    :param baselines: port -> the reading to compare the next one with; None removes it
    """

    draft: ReportDraft
    moment: Moment
    baselines: Mapping[str, JsonObject | None]

    def report(self, identity: StreamIdentity, sequence: int) -> Report:
        """Return the report with a sequence number."""
        draft, moment = self.draft, self.moment
        return Report(
            schema=SCHEMA,
            report_id=uuid7(),
            gateway_id=identity.gateway_id,
            stream_id=identity.stream_id,
            sequence=sequence,
            boot_id=identity.boot_id,
            boot_count=identity.boot_count,
            uptime_ms=moment.uptime_ms,
            observed_at=moment.observed_at,
            clock_synchronized=moment.clock_synchronized,
            agent_version=__version__,
            reason=draft.reason,
            port=draft.port,
            modem=draft.modem,
            sims=tuple(draft.sims),
            problems=tuple(draft.problems),
            network=draft.network,
            reader=draft.reader,
            evidence=tuple(draft.evidence),
            heartbeat_s=draft.heartbeat_s,
            health=draft.health,
            provision=draft.provision,
        )


class MemoryBuffer:
    """Bounded queue; beyond the bound :mod:`modemagent.report.outbox.eviction` applies."""

    def __init__(self, limit: int = MAX_BUFFERED) -> None:
        self._limit = limit
        self._reports: deque[PendingReport] = deque()
        #: reports evicted since this was last set to 0
        self.evicted = 0

    def __len__(self) -> int:
        return len(self._reports)

    def add(self, report: PendingReport) -> int:
        """Append a report; return the number of others evicted for it."""
        self._reports.append(report)
        over = len(self._reports) - self._limit
        if over <= 0:
            return 0
        queue = [
            EvictionCandidate(position, pending.draft.path, pending.draft.reason, 0)
            for position, pending in enumerate(self._reports)
        ]
        evicted = {each.position for each in select_evictions(queue, rows=over, size=0)}
        # the baselines of an evicted report go to the next one that is kept
        baselines: dict[str, JsonObject | None] = {}
        kept: deque[PendingReport] = deque()
        for position, pending in enumerate(self._reports):
            baselines |= pending.baselines
            if position not in evicted:
                kept.append(PendingReport(pending.draft, pending.moment, baselines))
                baselines = {}
        self._reports = kept
        self.evicted += len(evicted)
        return len(evicted)

    def first(self) -> PendingReport | None:
        return self._reports[0] if self._reports else None

    def remove_first(self) -> None:
        self._reports.popleft()
