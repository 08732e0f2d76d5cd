"""The overview: is anything wrong, and what waits for a decision?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from modemagent.registry.pages import findings
from modemagent.registry.pages.bench import StationLine, station_lines
from modemagent.registry.pages.event_rows import EventRow, event_row
from modemagent.registry.pages.figures import ShownTime, day, days_from, moment
from modemagent.registry.pages.frame import Answer, Ask, Page
from modemagent.registry.pages.links import Link, Links
from modemagent.registry.pages.list_cells import ListColumn, ListRow
from modemagent.registry.pages.overview_figures import HourBar, clusters_of, hour_bars
from modemagent.registry.pages.words import Word, finding_word
from modemagent.registry.store.assets import case_reader
from modemagent.registry.store.database import tallies
from modemagent.registry.store.evaluation import recheck_reader
from modemagent.registry.store.findings import triage
from modemagent.registry.store.fleet import reader
from modemagent.registry.store.fleet.documents import to_rfc3339
from modemagent.registry.store.fleet.fleet_figures import FleetFigures
from modemagent.registry.store.privacy import audit
from modemagent.registry.store.regulations.deadline_reader import due_before, first_due

_ROWS = 10
_EVENTS = 8
_BENCHES = 3
_OLD_MS = 5 * 60_000  # of figures that are counted each minute
_SOON = timedelta(days=15)  # today, and the 14 days after it


@dataclass(frozen=True, slots=True)
class RuleCount:
    """How many undecided findings a rule has."""

    type: str
    word: Word
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedFigures:
    """Figures that a timer counts.

    :param age: of the count, if the timer has stopped; empty: it is recent
    :param share: gateways that reported within the last hour, as text
    :param bars: gateways that reported in each of the last 24 hours
    :param clusters: where many findings are: what they have in common, and their number
    :param checked: newest entries of the audit that were verified
    """

    at: ShownTime | None
    age: str
    share: str
    bars: list[HourBar]
    clusters: list[tuple[str, Link, int]]
    checked: int
    is_intact: bool


@dataclass(frozen=True, slots=True)
class OpenCases:
    """Cases that are open, and how many of them were sighted, last at a time."""

    number: int
    sighted: int
    last: ShownTime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OverviewPage:
    """Figures of the fleet, what waits, and what happened last.

    :param oldest: since when the first undecided error or warning waits
    :param deadlines: those that were reached or are due before a date, two weeks from now
    :param silent: gateways that do not report
    :param rechecks: those that wait to be confirmed
    :param first_deadline: the country, and how far its day is; None: nothing is due
    :param decided: the last decision, by whom and when, if nothing waits
    :param reasons: why the registry is not ready
    """

    warnings: int
    waiting_errors: int
    oldest: ShownTime | None
    most: int
    totals: dict[str, int]
    deadlines: int
    deadlines_before: str
    first_deadline: str
    figures: CountedFigures | None
    cases: OpenCases
    decided: tuple[str, ShownTime | None] | None
    silent: int
    rechecks: int
    rows: list[ListRow]
    columns: tuple[ListColumn, ...]
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
        model = _model(connection, links, ask, reasons, at_work)
    return Page("overview.html", model)


def _model(
    connection: Connection,
    links: Links,
    ask: Ask,
    reasons: list[str],
    at_work: list[StationLine],
) -> OverviewPage:
    now = ask.now
    grouped = triage.clusters(connection)
    errors, warnings = (triage.waiting_among(grouped, one) for one in ("error", "warning"))
    columns, rows = findings.newest(connection, ask, _ROWS)
    oldest = min(filter(None, (errors.oldest, warnings.oldest)), default=None)
    events = reader.events(connection, limit=_EVENTS, order="desc")["events"]
    links.load(events)
    before = now.date() + _SOON
    at = now.isoformat(timespec="milliseconds")
    numbers, counted = tallies.figures(connection)
    deadline = first_due(connection)
    number, sighted, last = case_reader.open_cases(connection, triage.MOST_COUNTED)
    return OverviewPage(
        waiting_errors=errors.count,
        warnings=warnings.count,
        oldest=moment(oldest, now),
        most=triage.MOST_COUNTED,
        totals=numbers,
        figures=_figures(connection, counted, numbers, links, now),
        cases=OpenCases(number, sighted, moment(to_rfc3339(last) if last else None, now)),
        decided=None if rows else _last_decision(connection, links, now),
        deadlines=due_before(connection, before, triage.MOST_COUNTED),
        deadlines_before=before.isoformat(),
        first_deadline=f"{deadline[0]} {days_from(deadline[1], now.date())}, "
        f"{day(deadline[1].isoformat())}"
        if deadline
        else "",
        silent=sum(one.count for one in grouped if one.type == "gateway.silent"),
        rechecks=recheck_reader.count_stopped(connection, triage.MOST_COUNTED),
        rows=rows,
        columns=columns,
        rules=[
            RuleCount(one.type, finding_word(one.type, one.severity), one.count) for one in grouped
        ],
        events=[event_row(one, links, now) for one in events],
        benches=at_work,
        reasons=reasons,
        at=moment(at, now),  # type: ignore[arg-type]
    )


def _figures(
    connection: Connection,
    counted: FleetFigures | None,
    numbers: dict[str, int],
    links: Links,
    now: datetime,
) -> CountedFigures | None:
    if counted is None:
        return None
    at = moment(to_rfc3339(counted.at_ms), now)
    is_old = now.timestamp() * 1000 - counted.at_ms > _OLD_MS
    gateways = max(numbers["gateways"], 1)
    share = 100 * counted.reported / gateways
    return CountedFigures(
        at=at,
        age=at.age if at and is_old else "",
        share="100 %" if counted.reported == gateways else f"{min(share, 99.9):.1f} %",
        bars=hour_bars(counted, now),
        clusters=clusters_of(connection, counted.clusters, links),
        checked=counted.checked,
        is_intact=counted.is_intact,
    )


def _last_decision(
    connection: Connection, links: Links, now: datetime
) -> tuple[str, ShownTime | None] | None:
    """Return who resolved a finding last, and when."""
    found = audit.audit_page(connection, limit=1, newest_first=True, kind="finding.resolve")
    for entry in found["entries"]:
        return links.text(entry["actor"].partition(":")[2]), moment(entry["time"], now)
    return None
