"""Findings that are derived with the history itself: individuals of a number, boots of a gateway.

They are written in the transaction of the report, those of all other rules shortly after it
(:mod:`.evaluation`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from modemagent.registry.history.events import HistoryFinding, gateway_findings
from modemagent.registry.history.individuals import Related
from modemagent.registry.rules.catalogue import OF_BOOTS
from modemagent.registry.rules.inputs import ReportMoment, RuleFinding
from modemagent.registry.store.database import dialect
from modemagent.registry.store.findings.finding_log import FindingLog, Subject
from modemagent.registry.store.intake.batch import Batch

_FORKED = "SELECT id, gateway_id, forked FROM gateway WHERE id IN {keys}"
# the first report of each boot that a copy of the disk made, or whose clock is refuted
_BOOTS = (
    "SELECT b.gateway, b.alien, b.suspect, x.stream, x.first_sequence, b.boot_id, b.start_lo,"
    " b.start_hi, x.first_uptime_ms FROM boot b JOIN boot_stream x ON x.boot = b.id"
    " WHERE b.gateway IN {keys} AND (b.alien OR b.suspect)"
)
_CONFLICTS = (
    "SELECT s.gateway, min(c.stream), min(c.sequence) FROM conflict c JOIN stream s"
    " ON s.id = c.stream WHERE s.gateway IN {keys} GROUP BY s.gateway"
)
_UNKNOWN = ReportMoment(0, 0, 0, 0)


def of_unit(verdicts: Sequence[HistoryFinding], related: Related | None) -> list[RuleFinding]:
    """Return the findings about a number; the first report of each individual is evidence."""
    evidence = () if related is None else tuple(
        (one.number, *one.stays[0].opened_by.report) for one in related.individuals
    )  # fmt: skip
    found = []
    for one in verdicts:
        if one.at is not None:
            stream, sequence = one.at.report
            at = ReportMoment(stream, sequence, one.at.lo_ms, one.at.hi_ms)
            found.append(RuleFinding(one.kind, at, grade=one.grade, evidence=evidence))
    return found


def write_gateways(batch: Batch, gateways: Iterable[int]) -> None:
    """Derive the findings about the identity and the clock of gateways again."""
    keys = sorted(gateways)
    if not keys:
        return
    connection = batch.connection
    log = FindingLog(batch, OF_BOOTS)
    log.load("gateway", keys)
    first: dict[tuple[int, str], ReportMoment] = {}
    rows: list[Any] = dialect.query_keys(connection, _BOOTS, keys)
    for row in sorted(rows, key=lambda row: (row[4], row[5])):
        gateway, alien, suspect, stream, sequence, _, start_lo, start_hi, uptime = row
        shown = ReportMoment(stream, sequence, start_lo + uptime, start_hi + uptime)
        if alien:
            first.setdefault((gateway, "gateway.identity_forked"), shown)
        elif suspect:
            first.setdefault((gateway, "gateway.clock_suspect"), shown)
    for gateway, stream, sequence in dialect.query_keys(connection, _CONFLICTS, keys):
        shown = ReportMoment(stream, sequence, batch.now_ms, batch.now_ms)
        first.setdefault((gateway, "gateway.identity_forked"), shown)
    for gateway, _, forked in dialect.query_keys(connection, _FORKED, keys):
        is_suspect = (gateway, "gateway.clock_suspect") in first
        found = []
        for one in gateway_findings(gateway, forked=bool(forked), suspect=is_suspect):
            at = first.get((gateway, one.kind), _UNKNOWN)
            found.append(RuleFinding(one.kind, at, evidence=((0, *at.report),)))
        log.set(Subject("gateway", gateway=gateway), found)
    log.write()
