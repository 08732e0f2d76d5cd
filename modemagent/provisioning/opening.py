"""What a start of the bench records, and how it goes on after a crash."""

from __future__ import annotations

from modemagent import __version__
from modemagent.provisioning.attempt import RunVerdict
from modemagent.provisioning.events import SendReport
from modemagent.provisioning.ledger import COUNTED
from modemagent.provisioning.state import LineState


def record_start(line: LineState, station_check: tuple[str, str] | None, torn: int) -> None:
    """Record the start, the revision of the order, the last station check and the bays.

    :param station_check: when the last one was made, and its problem
    :param torn: length of an incomplete last record that was moved away
    """
    order, settings = line.order, line.settings
    line.record("opened", order=order.name, version=__version__, station=settings.station)
    if line.ledger.digest != order.digest:
        line.record("order", order=order.name, digest=order.digest,
                    rows=len(order.rows), size=order.size)  # fmt: skip
    if station_check is not None and station_check[0] > line.ledger.judged_at:
        checked_at, problem = station_check
        line.record("station_check", checked_at=checked_at, problem=problem)
    line.record("bay_map", bays=dict(settings.bays))
    line.announce("order.opened", order=order.name, rows=len(order.rows), size=order.size,
                  bays=sorted(line.bays), torn=torn)  # fmt: skip


def close_open_runs(line: LineState, *, has_reports: bool) -> None:
    """Mark turns without a verdict as interrupted; make up for reports about verdicts."""
    for run in list(line.ledger.runs.values()):
        if run.verdict is None:
            line.record("verdict", run=run.number, unit=run.unit, failed=[], waived=[],
                        verdict=str(RunVerdict.INTERRUPTED))  # fmt: skip
        elif not run.is_reported and run.verdict in COUNTED and has_reports:
            line.request(SendReport(run.number, "ended"))
