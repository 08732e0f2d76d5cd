"""Progress of a unit: judge it by all checks, and complete it if they have passed.

All checks run even after one has failed, so that one visit shows everything; then what costs is
left out.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from modemagent.provisioning import lot_stop
from modemagent.provisioning.attempt import OF_ROW, BayState, Blame, RunVerdict, StepState
from modemagent.provisioning.authority import needs_second
from modemagent.provisioning.bay_run import SKIPPED, Bay, BayRun, StepResult, failed
from modemagent.provisioning.completion import complete
from modemagent.provisioning.events import HubsJudged
from modemagent.provisioning.ledger_entries import UnitEntry
from modemagent.provisioning.outcome import at_station, end, hold, note, request_again, revoke
from modemagent.provisioning.state import LineState
from modemagent.provisioning.steps.catalogue import CHECKS
from modemagent.provisioning.steps.context import StepContext
from modemagent.provisioning.tray import same_individual, select_row
from modemagent.provisioning.unit_counts import PASSING

#: Units in a row that did not answer in one bay, after which the bay is suspected.
_MUTE_UNITS = 3
#: Errors of a port that are not the fault of the unit.
_STATION_CODES = ("busy", "permission", "no_resources")


def advance(line: LineState, bay: Bay) -> None:
    """Bring the unit in a bay as far as it can get now."""
    run = bay.run
    if run is None or run.verdict is not None or run.is_held_by_person:
        return
    if problem := line.hub_problems.get(bay.number):
        hold(line, bay, "", moved_hub(problem))
        return
    context = line.context()
    if run.reading is not None and not run.is_complete:
        run.is_complete = line.now - run.read_at >= line.settings.sim_s
    if run.unit and (run.row is None or not run.is_claimed):
        run.row = select_row(run, line.index, context)
    if run.silence_code in _STATION_CODES and run.reading is None:
        hold(line, bay, "answers", StepResult(StepState.FAILED, run.silence, blame=Blame.STATION))
        return
    if run.unit and _holds_for_past(line, bay, run):
        return
    if (result := lot_stop.stopped(line, run)) is not None:
        hold(line, bay, "", result)
        return
    judge(line, run, context)
    if _waits_for_module(line, bay, run):
        return
    wrong = [name for name, one in run.results.items() if one.state is StepState.FAILED]
    if "answers" in wrong and _suspects_bay(line, bay):
        text = f"{_MUTE_UNITS} units in a row did not answer in this bay: check fixture"
        hold(line, bay, "answers", at_station(text, "answers", "Put a golden unit into this bay."))
    elif any(run.results[name].blame is not Blame.OPERATOR for name in wrong):
        end(line, bay, RunVerdict.FAIL)
    elif wrong:
        request_again(line, bay, run, wrong)
    elif run.results["label"].state is StepState.PENDING:
        line.enter(bay, BayState.SCANNING, run.results["label"].reason)
    elif run.results["unique"].state is StepState.PENDING:
        if run.check_problem:
            hold(line, bay, "register", at_station(run.check_problem, "register"))
        else:
            line.enter(bay, BayState.REGISTERING, run.results["unique"].reason)
    elif (due := station_due(line)) and not run.is_golden:
        hold(line, bay, "", at_station(due, "register", "Run: modemagent provision station"))
    elif not line.person and line.settings.require_operator:
        line.enter(bay, BayState.HOLD, "who works here? Scan a badge.")
    else:
        complete(line, bay, run, context)


def moved_hub(problem: str) -> StepResult:
    """Return the cause of a hold of a bay whose hub is not as it was."""
    remedy = "Put the hub back, or learn the bays again: modemagent provision bays learn"
    return at_station(problem, "answers", remedy)


def wait(line: LineState, bay: Bay) -> None:
    """Let an empty bay wait for a module, unless its hub is not as it was."""
    if problem := line.hub_problems.get(bay.number):
        hold(line, bay, "", moved_hub(problem))
    else:
        line.enter(bay, BayState.WAITING)


def on_hubs_judged(line: LineState, event: HubsJudged) -> None:
    """Hold the bays whose hub is not as it was, and let the others go on."""
    line.hub_problems = event.problems
    line.record("note", text="hubs", bays=dict(event.problems))
    for bay in line.bays.values():
        if bay.run is None:
            wait(line, bay)
        else:
            advance(line, bay)


def station_due(line: LineState) -> str:
    """Return why the station may not pass units, "" if it may."""
    for problem in line.ledger.unit_problems.values():
        return f"the station is stopped: {problem}"
    hours = line.settings.station_check_h
    if not hours:
        return ""
    if line.ledger.check_problem:
        return f"the station check failed: {line.ledger.check_problem}"
    checked = line.ledger.checked_at
    if not checked:
        return "the station check is due"
    age = datetime.fromisoformat(line.at) - datetime.fromisoformat(checked)
    return "the station check is due" if age > timedelta(hours=hours) else ""


def judge(line: LineState, run: BayRun, context: StepContext) -> None:
    """Compare the unit by all steps that compare; announce and record what is decided."""
    results = {step.name: step.check(run, context) for step in CHECKS if step.check is not None}
    if results["unique"].state is StepState.FAILED:
        # the row is that of the other module
        results |= dict.fromkeys(OF_ROW, SKIPPED)
    if run.is_golden:  # it belongs to the station, not to the order
        results |= dict.fromkeys((*OF_ROW, "unique"), SKIPPED)
    for name, result in results.items():
        note(line, run, name, result)


def _holds_for_past(line: LineState, bay: Bay, run: BayRun) -> bool:
    """Return True if the unit has had its verdict and nothing is repeated now."""
    entry = line.ledger.units.get(run.unit)
    if entry is None or entry.verdict is None or run.twins or entry.run == run.number:
        return False
    if entry.verdict in PASSING and run.unit not in line.ledger.duplicated:
        is_same = same_individual(run, entry, line.ledger)
        if is_same is None and not run.is_complete:
            return False
        if run.is_recheck or (is_same and begins_recheck(line, run, entry)):
            return False
        if is_same and _may_recheck(line) and needs_second(line, bay.number):
            text = "this unit has passed: another check needs a second person"
            remedy = "A lead and a second person decide that it is the same module."
            hold(line, bay, "unique", failed(text, remedy))
            return True
        if is_same:
            end(line, bay, RunVerdict.ABORTED, state=BayState.DONE,
                reason=f"passed at {entry.at[11:16]}")  # fmt: skip
            return True
        if is_same is None:
            text = "this IMEI has passed before; the same module?"
            remedy = "A lead decides: the same module, or another one with its IMEI."
            hold(line, bay, "unique", failed(text, remedy))
            return True
        earlier = line.ledger.runs[entry.run]
        if run.is_complete and not earlier.revoked:
            _recall(line, run, earlier.number)
        return False
    is_worn_out = entry.failures > line.settings.retests and not run.waivers
    if entry.verdict is RunVerdict.FAIL and is_worn_out:
        text = f"failed {entry.failures} times: a lead gives a reason for another test"
        hold(line, bay, "", failed(text, "Rework: F5."))
        return True
    return False


def begins_recheck(line: LineState, run: BayRun, entry: UnitEntry, *, second: str = "") -> bool:
    """Return True if a unit that has passed is checked again: a lead has to be there for it.

    It is registered and labelled as before.

    :param second: who agrees, if the order requires a second person
    """
    if not _may_recheck(line) or (not second and needs_second(line, run.bay)):
        return False
    person = line.lead[0] or line.person
    before = line.ledger.runs[entry.run]
    run.is_recheck, run.is_registered = True, before.is_registered
    run.label, run.copies = before.label, before.copies
    run.label_status = "" if not before.copies else "printed" if before.is_label_sent else "doubt"
    line.record("note", run=run.number, text="recheck", person=person, second=second)
    return True


def _may_recheck(line: LineState) -> bool:
    return line.settings.rechecks and line.may(line.lead[0] or line.person, "lead")


def _recall(line: LineState, run: BayRun, earlier: int) -> None:
    """Recall a unit that passed before, because another module has its IMEI."""
    before = line.ledger.runs[earlier]
    reason = f"another module with this IMEI came into bay {run.bay}"
    revoke(line, earlier, run.unit, reason)
    line.record("recall", is_synced=True, unit=run.unit, run=earlier, row=before.row,
                label=before.label, reason=reason)  # fmt: skip


def _waits_for_module(line: LineState, bay: Bay, run: BayRun) -> bool:
    waiting = [one for one in run.results.values() if one.state is StepState.PENDING]
    waiting = [one for one in waiting if one.waits_for in ("module", "sim")]
    if not waiting or run.results["answers"].state is StepState.FAILED:
        return False
    if run.reading is None:
        line.enter(bay, BayState.READING if run.silence == "" else BayState.BOOTING, run.silence)
    else:
        line.enter(bay, BayState.READING, waiting[-1].reason)
    return True


def _suspects_bay(line: LineState, bay: Bay) -> bool:
    others_answer = any(one.mute == 0 and one.run for one in line.bays.values() if one is not bay)
    return bay.mute >= _MUTE_UNITS - 1 and others_answer
