"""A modem or SIM of an open case that reports."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from modemagent.registry.rules.inputs import ReportMoment, RuleFinding


class MissingSince(NamedTuple):
    """An open case of a lost or stolen device.

    :param case: its id
    :param since_ms: when it was lost, or else when the case was opened
    :param opened_ms: when the case was opened
    """

    case: int
    since_ms: int
    opened_ms: int


class SightedReport(NamedTuple):
    """The first or last report of a device from a place while its case is open."""

    case: int
    at: ReportMoment


def is_sighting(case: MissingSince, at: ReportMoment, received_ms: int) -> bool:
    """Return True if a report is news about a missing device: not from before it was missing."""
    return received_ms >= case.opened_ms and at.hi_ms >= case.since_ms


def sighted(reports: Iterable[SightedReport]) -> Iterator[RuleFinding]:
    """Yield ``case.sighted`` for each case, with the first report; all reports are its evidence."""
    by_case: dict[int, list[ReportMoment]] = {}
    for one in reports:
        by_case.setdefault(one.case, []).append(one.at)
    for case, moments in sorted(by_case.items()):
        ordered = sorted(moments, key=lambda at: (at.hi_ms, at.lo_ms, at.stream, at.sequence))
        evidence = tuple(dict.fromkeys((0, *at.report) for at in ordered))
        yield RuleFinding("case.sighted", ordered[0], f"case:{case}", evidence=evidence)
