"""The overview: is anything wrong, and what waits for a decision?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from modemagent.registry.pages.bench import StationLine, station_lines
from modemagent.registry.pages.event_rows import EventRow, event_row
from modemagent.registry.pages.figures import ShownTime, moment
from modemagent.registry.pages.finding_rows import FindingRow, finding_row
from modemagent.registry.pages.frame import Answer, Ask, Page
from modemagent.registry.pages.links import Links
from modemagent.registry.pages.words import Word, finding_word
from modemagent.registry.store import reader, recheck_reader, tallies, triage
from modemagent.registry.store.deadline_reader import due_before

_ROWS = 10
_EVENTS = 8
_BENCHES = 3
_SOON = timedelta(days=15)  # today, and the 14 days after it


@dataclass(frozen=True, slots=True)
class RuleCount:
    """How many undecided findings a rule has."""

    type: str
    word: Word
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OverviewPage:
    """Figures of the fleet, what waits, and what happened last.

    :param oldest: since when the first undecided error or warning waits
    :param deadlines: those that were reached or are due before a date, two weeks from now
    :param silent: gateways that do not report
    :param rechecks: those that wait to be confirmed
    :param reasons: why the registry is not ready
    """

    warnings: int
    waiting_errors: int
    oldest: ShownTime | None
    most: int
    totals: dict[str, int]
    deadlines: int
    deadlines_before: str
    silent: int
    rechecks: int
    rows: list[FindingRow]
    rules: list[RuleCount]
    events: list[EventRow]
    benches: list[StationLine]
    reasons: list[str]
    at: ShownTime

    @property
    def is_empty(self) -> bool:
        """Return True if nothing was reported yet."""
        return self.totals["gateways"] == 0

    @property
    def covered(self) -> int:
        """The number of modems that a policy covers."""
        return sum(self.totals.get(one, 0) for one in ("linked", "armed", "differed"))

    @property
    def largest(self) -> int:
        """The largest number of findings of a rule."""
        return max((one.count for one in self.rules), default=1)


def show(ask: Ask) -> Answer:
    """Return the overview."""
    reasons = [one for one in ask.state.readiness.check().values() if one is not None]
    with ask.reading() as connection:
        links = Links(connection, ask.who)
        at_work = station_lines(connection, links, ask, most=_BENCHES)
        model = _model(connection, links, ask.now, reasons, at_work)
    return Page("overview.html", model)


def _model(
    connection: Connection,
    links: Links,
    now: datetime,
    reasons: list[str],
    at_work: list[StationLine],
) -> OverviewPage:
    grouped = triage.clusters(connection)
    errors, warnings = (triage.waiting_among(grouped, one) for one in ("error", "warning"))
    found: list[tuple[int, dict[str, Any]]] = []
    for severity in ("error", "warning"):
        if len(found) < _ROWS:
            found += triage.newest(connection, limit=_ROWS - len(found), severities=[severity])[0]
    oldest = min(filter(None, (errors.oldest, warnings.oldest)), default=None)
    events = reader.events(connection, limit=_EVENTS, order="desc")["events"]
    links.load(found, events)
    before = now.date() + _SOON
    at = now.isoformat(timespec="milliseconds")
    return OverviewPage(
        waiting_errors=errors.count,
        warnings=warnings.count,
        oldest=moment(oldest, now),
        most=triage.MOST_COUNTED,
        totals=_totals(connection),
        deadlines=due_before(connection, before, triage.MOST_COUNTED),
        deadlines_before=before.isoformat(),
        silent=sum(one.count for one in grouped if one.type == "gateway.silent"),
        rechecks=recheck_reader.count_stopped(connection, triage.MOST_COUNTED),
        rows=[finding_row(document, links, now) for _, document in found],
        rules=[
            RuleCount(one.type, finding_word(one.type, one.severity), one.count) for one in grouped
        ],
        events=[event_row(one, links, now) for one in events],
        benches=at_work,
        reasons=reasons,
        at=moment(at, now),  # type: ignore[arg-type]
    )


def _totals(connection: Connection) -> dict[str, int]:
    """Return the numbers of the last count, which a new registry makes at its first minute."""
    found = tallies.stored(connection)
    return found if found.get("gateways") else tallies.counted(connection)
