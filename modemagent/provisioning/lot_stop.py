"""Stop and go of a lot, and what leads there: equal failures in a row on different units."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from modemagent.provisioning.attempt import BayView, Blame, RunVerdict
from modemagent.provisioning.authority import has_second, may
from modemagent.provisioning.bay_run import BayRun, StepResult, failed
from modemagent.provisioning.events import PersonActed
from modemagent.provisioning.ledger import COUNTED
from modemagent.provisioning.ledger_entries import RunEntry
from modemagent.provisioning.line import NeedView
from modemagent.provisioning.state import LineState

#: What to do about units of a stopped lot.
STOPPED: Final = "A lead decides whether it goes on: F6."
#: Equal failures in a row after which lot or station is suspected.
_IN_A_ROW = 3


class Suspicion(NamedTuple):
    """Equal failures of different units, that no decision covers yet.

    :param bay: of the last one
    :param is_lot: the golden unit has passed since
    """

    step: str
    lot: str
    bay: str
    is_lot: bool


def suspicion(line: LineState) -> Suspicion | None:
    """Return what three failures in a row suggest; None if a lead or the golden unit has decided.

    A golden unit that fails stops the station, which explains them.
    """
    golden = line.settings.golden[:14]
    results: list[RunVerdict | None] = []
    last: list[RunEntry] = []
    for run in reversed(line.ledger.runs.values()):
        if run.number <= line.ledger.decided_run or len(last) == _IN_A_ROW:
            break
        if run.is_golden:
            results += [run.verdict] if run.unit == golden and not last else []
        elif run.verdict in COUNTED:
            last.append(run)
    steps = {run.failed[0] if run.failed else "" for run in last}
    is_row = len({run.unit for run in last}) == _IN_A_ROW and len(steps) == 1 and "" not in steps
    if not is_row or RunVerdict.FAIL in results:
        return None
    rows = [line.index.rows[run.row] for run in last if run.row in line.index.rows]
    lot = rows[0].values.get("lot", "") if rows else line.lots[0]
    return Suspicion(steps.pop(), lot, last[0].bay, RunVerdict.PASS in results)


def stopped(line: LineState, run: BayRun) -> StepResult | None:
    """Return why a unit waits: its lot is stopped; None if it is not."""
    if not line.ledger.stopped_lots or run.is_golden:
        return None
    lot = run.row.values.get("lot", "") if run.row is not None else None
    if lot is None and len(line.lots) == 1:
        lot = line.lots[0]
    record = line.ledger.stopped_lots.get(lot) if lot is not None else None
    if record is None:
        return None
    text = f"{lot_name(lot or '')} is stopped by {record['person']}"
    return failed(text, STOPPED)._replace(blame=Blame.STATION)


def lot_name(lot: str) -> str:
    """Return a lot as sentences name it.

    >>> lot_name("L-2231"), lot_name("")
    ('lot L-2231', 'the order')
    """
    return f"lot {lot}" if lot else "the order"


def decide(line: LineState, event: PersonActed) -> bool:
    """Stop a lot, or let it go on; return False if that is refused, with a message."""
    is_stop, found = event.do == "stop_lot", suspicion(line)
    lot = event.lot or _meant(line, found, is_stop=is_stop)
    if lot is None or lot not in line.lots:
        names = ", ".join(filter(None, line.lots))
        line.message = f"name the lot: {names}" if names else "the order has no lots: leave it out"
    elif is_stop == (lot in line.ledger.stopped_lots) and (is_stop or found is None):
        line.message = f"{lot_name(lot)} is {'stopped already' if is_stop else 'not stopped'}"
    elif not event.reason:
        line.message = "stop and go of a lot need a reason"
    elif may(line, event, "lead", "a lead decides about a lot") and has_second(line, event, lot):
        person = event.person or line.person
        line.record("lot", is_synced=True, do=event.do.removesuffix("_lot"), lot=lot,
                    person=person, reason=event.reason, second=event.second,
                    run=line.ledger.next_run - 1)  # fmt: skip
        line.announce("lot.stopped" if is_stop else "lot.released", lot=lot, person=person,
                      reason=event.reason)  # fmt: skip
        return True
    return False


def _meant(line: LineState, found: Suspicion | None, *, is_stop: bool) -> str | None:
    """Return the lot that a decision without a name is about, None if several may be meant."""
    if len(line.lots) == 1:
        return line.lots[0]
    stopped_lots = list(line.ledger.stopped_lots)
    if not is_stop and len(stopped_lots) == 1:
        return stopped_lots[0]
    return found.lot if found is not None and not stopped_lots else None


def lot_needs(line: LineState, bays: Sequence[BayView]) -> list[NeedView]:
    """Return what a lead has to know or decide about lots and station.

    :param bays: those on hold for a stopped lot are named with it
    """
    needs: list[tuple[tuple[str, ...], str]] = []
    for lot, record in line.ledger.stopped_lots.items():
        text = f"{lot_name(lot)} is stopped by {record['person']}"
        held = tuple(
            bay.number for bay in bays if bay.remedy == STOPPED and text.startswith(bay.reason)
        )
        needs.append((held, f"{text} at {record['at'][11:16]}: {record['reason']}. {STOPPED}"))
    for problem in line.ledger.unit_problems.values():
        needs.append(((), f"{problem}: the station is stopped until it has the right result."))
    found = suspicion(line)
    if found is not None and found.lot not in line.ledger.stopped_lots:
        text = f"{_IN_A_ROW} units in a row failed at {found.step}: "
        decides = f"A lead stops {lot_name(found.lot)}, or lets it go on: F6."
        if found.is_lot:
            text = f"The golden unit has passed, and {text[:-2]}. {decides}"
        elif line.settings.golden:
            text += f"lot or station? Put the golden unit into bay {found.bay}."
        else:
            text += f"lot or station? Test a good module in bay {found.bay}. {decides}"
        needs.append(((), text))
    return [NeedView(held, f"{text[:1].upper()}{text[1:]}", Blame.STATION) for held, text in needs]
