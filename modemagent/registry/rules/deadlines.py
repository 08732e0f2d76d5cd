"""A regulatory limit or duty that comes near."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from modemagent.registry.regulations.counting import NOTED_RATIO, DayCount
from modemagent.registry.regulations.regulation import Regulation
from modemagent.registry.rules.inputs import ReportMoment, RuleFinding

#: Severity from a part of the limit on, in per cent.
LEVELS = ((90, "error"), (75, "warning"), (NOTED_RATIO, "note"))


def deadline(
    rule: Regulation, count: DayCount, reports: Sequence[ReportMoment]
) -> Iterator[RuleFinding]:
    """Yield ``roaming.deadline`` or ``registration.due`` when half of the limit is used up.

    :param reports: first reports of the stays in the country, by date
    """
    for least, severity in LEVELS:
        if count.ratio >= least:
            evidence = tuple(dict.fromkeys((0, *at.report) for at in reports))
            part = f"rule:{rule.id}"
            yield RuleFinding(rule.finding, reports[0], part, severity=severity, evidence=evidence)
            return
