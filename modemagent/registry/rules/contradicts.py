"""An operator that has seen a SIM in another modem than the one that reports it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from modemagent.registry.rules.inputs import ReportMoment, RuleFinding

#: How long a pair must last, and how long ago the modem may have reported last, so that the
#: operator is likely to have seen the same.
SETTLED_MS = 24 * 3_600_000


class SeenByOperator(NamedTuple):
    """A SIM in a modem, by an operator's API.

    :param imei: 14 digits
    """

    connector: str
    imei: str
    fetched_ms: int


class ReportedPair(NamedTuple):
    """The modem that reports a SIM.

    :param imei: 14 digits
    :param opened: the report that first shows the SIM in it
    :param last: its newest report
    :param last_ms: when that was received
    """

    imei: str
    opened: ReportMoment
    last: tuple[int, int]
    last_ms: int


def contradicts(
    seen: Iterable[SeenByOperator], pairs: Sequence[ReportedPair]
) -> Iterator[RuleFinding]:
    """Yield ``operator.contradicts`` for each connector that states another modem.

    Grade probable: the pair has lasted for a day, and was reported within a day. Otherwise
    possible, because one of the two may not have seen a change yet.

    :param pairs: where the SIM is now by reports; several if its number has clones
    """
    if not pairs:
        return
    newest = max(pairs, key=lambda one: one.last_ms)
    for one in seen:
        if any(one.imei == pair.imei for pair in pairs):
            continue
        lasts = newest.opened.hi_ms <= one.fetched_ms - SETTLED_MS
        grade = (
            "probable" if lasts and newest.last_ms >= one.fetched_ms - SETTLED_MS else "possible"
        )
        evidence = tuple(dict.fromkeys([(0, *newest.opened.report), (0, *newest.last)]))
        part = f"connector:{one.connector}"
        yield RuleFinding("operator.contradicts", newest.opened, part, grade, evidence=evidence)
