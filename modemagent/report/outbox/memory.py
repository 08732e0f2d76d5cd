"""Reports in memory, in their order, until the disk takes them.

They have no sequence number yet: a number is only given together with the row on disk, so a
process that ends here ends without having used one, and its successor sees the same differences
again. What is shed here leaves its numbers unused as well, so that the registry sees the hole.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from modemagent import __version__
from modemagent.report.message import Report
from modemagent.report.origin import Moment, uuid7
from modemagent.report.outbox.eviction import Waiting, select_evictions
from modemagent.report.outbox.records import ReportDraft
from modemagent.report.outbox.stream import Identity

# about 4 MiB of a daemon that has 35, and hours of a busy gateway
HELD_MOST = 256


@dataclass(frozen=True, slots=True)
class PendingReport:
    """One observation with the moment it was made.

    :param places: port path -> what to remember of it as JSON text, None to forget it
    """

    observation: ReportDraft
    moment: Moment
    places: Mapping[str, str | None]

    def report(self, identity: Identity, number: int) -> Report:
        """Return the report that says this under a number."""
        seen, moment = self.observation, self.moment
        return Report(
            report_id=uuid7(),
            gateway_id=identity.gateway_id,
            stream_id=identity.stream_id,
            sequence=number,
            boot_id=identity.boot_id,
            boot_count=identity.boot_count,
            uptime_ms=moment.uptime_ms,
            observed_at=moment.observed_at,
            clock_synchronized=moment.clock_synchronized,
            agent_version=__version__,
            reason=seen.reason,
            port=seen.port,
            modem=seen.modem,
            sims=tuple(seen.sims),
            problems=tuple(seen.problems),
            network=seen.network,
            evidence=tuple(seen.evidence),
        )


class MemoryBuffer:
    """A bounded queue; :mod:`modemagent.report.outbox.eviction` says what goes beyond the bound."""

    def __init__(self, most: int = HELD_MOST) -> None:
        self._most = most
        self._entries: deque[PendingReport] = deque()
        #: shed since the last time this was set to 0
        self.shed = 0

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, entry: PendingReport) -> int:
        """Take one in; return how many others were shed for it."""
        self._entries.append(entry)
        over = len(self._entries) - self._most
        if over <= 0:
            return 0
        waiting = [
            Waiting(place, held.observation.path, held.observation.reason, 0)
            for place, held in enumerate(self._entries)
        ]
        gone = set(select_evictions(waiting, rows=over, size=0))
        # what the next start compares with must still come to be what was seen last
        places: dict[str, str | None] = {}
        kept: deque[PendingReport] = deque()
        for place, held in enumerate(self._entries):
            places |= held.places
            if place not in gone:
                kept.append(PendingReport(held.observation, held.moment, places))
                places = {}
        self._entries = kept
        self.shed += len(gone)
        return len(gone)

    def first(self) -> PendingReport | None:
        return self._entries[0] if self._entries else None

    def drop_first(self) -> None:
        self._entries.popleft()
