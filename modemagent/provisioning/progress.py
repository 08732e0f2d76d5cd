"""Progress of a unit: judge it, claim its row, register, print, compare the label, give a verdict.

All checks run even after one has failed, so that one visit shows everything; then what costs is
left out.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from modemagent.provisioning.attempt import BayState, Blame, RunVerdict, StepState
from modemagent.provisioning.bay_run import SKIPPED, Bay, BayRun, StepResult, failed
from modemagent.provisioning.events import PrintLabel, SendReport, StartHook, WantLabel
from modemagent.provisioning.ledger import PASSING
from modemagent.provisioning.state import LineState
from modemagent.provisioning.steps import label as label_steps
from modemagent.provisioning.steps.catalogue import BY_NAME, CHECKS, STEPS
from modemagent.provisioning.steps.context import StepContext, label_rule
from modemagent.provisioning.tray import same_individual, select_row

_VERDICT_STATES = {
    RunVerdict.PASS: BayState.PASS,
    RunVerdict.WAIVED: BayState.WAIVED,
    RunVerdict.FAIL: BayState.FAIL,
    RunVerdict.ABORTED: BayState.ABORTED,
}
#: Units in a row that did not answer in one bay, after which the bay is suspected.
_MUTE_UNITS = 3
#: Steps that depend on the row to which the IMEI leads.
_OF_ROW = ("pairing", "ordered", "label")
#: Errors of a port that are not the fault of the unit.
_STATION_CODES = ("busy", "permission", "no_resources")
#: What to do about a label that does not fit its template.
_REFUSED = (
    "Correct the template and press F5, or correct the order and start the bench again; a lead "
    "may waive the step."
)
_PRINTED = ("printed", "unconfirmed", "by hand")


def advance(line: LineState, bay: Bay) -> None:
    """Bring the unit in a bay as far as it can get now."""
    run = bay.run
    if run is None or run.verdict is not None or run.is_held_by_person:
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
    judge(line, run, context)
    if _waits_for_module(line, bay, run):
        return
    wrong = [name for name, one in run.results.items() if one.state is StepState.FAILED]
    if "answers" in wrong and _suspects_bay(line, bay):
        text = f"{_MUTE_UNITS} units in a row did not answer in this bay: check fixture"
        hold(line, bay, "answers", _at_station(text, "answers", "Put a golden unit into this bay."))
    elif any(run.results[name].blame is not Blame.OPERATOR for name in wrong):
        end(line, bay, RunVerdict.FAIL)
    elif wrong:
        _request_again(line, bay, run, wrong)
    elif run.results["label"].state is StepState.PENDING:
        line.enter(bay, BayState.SCANNING, run.results["label"].reason)
    elif (due := station_due(line)) and not run.is_golden:
        hold(line, bay, "", _at_station(due, "register", "Run: modemagent provision station"))
    elif not line.person and line.settings.require_operator:
        line.enter(bay, BayState.HOLD, "who works here? Scan a badge.")
    else:
        _complete(line, bay, run, context)


def station_due(line: LineState) -> str:
    """Return why the station may not pass units, "" if it may."""
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
        results |= dict.fromkeys(_OF_ROW, SKIPPED)
    if run.is_golden:  # it belongs to the station, not to the order
        results |= dict.fromkeys((*_OF_ROW, "unique"), SKIPPED)
    for name, result in results.items():
        _note(line, run, name, result)


def _note(line: LineState, run: BayRun, name: str, result: StepResult) -> None:
    """Keep the result of a step; complete a failure by the catalogue."""
    step = BY_NAME[name]
    if result.state is StepState.FAILED:
        result = result._replace(
            blame=result.blame or step.blame, remedy=result.remedy or step.remedy
        )
        if name in run.waivers:
            result = result._replace(state=StepState.WAIVED)
    before = run.results.get(name)
    run.results[name] = result
    if before == result or result.state in (StepState.PENDING, StepState.SKIPPED):
        return
    line.revision += 1
    is_wrong = result.state is not StepState.PASSED
    if is_wrong:
        is_double = name == "unique" and run.unit not in line.elsewhere
        line.record(
            "step",
            run=run.number,
            step=name,
            state=str(result.state),
            reason=result.reason,
            blame=str(result.blame),
            others=list(result.others),
            duplicated=is_double,
            private=dict(result.private),
        )
    line.announce(
        "step.ended",
        bay=run.bay,
        run=run.number,
        step=name,
        state=str(result.state),
        reason=result.reason or None,
        blame=str(result.blame) if is_wrong else None,
        remedy=result.remedy or None,
        others=list(result.others),
    )


def _holds_for_past(line: LineState, bay: Bay, run: BayRun) -> bool:
    """Return True if the unit has had its verdict and nothing is repeated now."""
    entry = line.ledger.units.get(run.unit)
    if entry is None or entry.verdict is None or run.twins or entry.run == run.number:
        return False
    if entry.verdict in PASSING and run.unit not in line.ledger.duplicated:
        is_same = same_individual(run, entry, line.ledger)
        if is_same is None and not run.is_complete:
            return False
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


def _recall(line: LineState, run: BayRun, earlier: int) -> None:
    """Recall a unit that passed before, because another module has its IMEI."""
    before = line.ledger.runs[earlier]
    reason = f"another module with this IMEI came into bay {run.bay}"
    line.record("revoked", is_synced=True, run=earlier, unit=run.unit, step="unique",
                reason=reason)  # fmt: skip
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


def _request_again(line: LineState, bay: Bay, run: BayRun, wrong: list[str]) -> None:
    """Request a step with blame ``operator`` once more; with new evidence it is a failure."""
    for name in wrong:
        if run.requested_again.setdefault(name, run.evidence) < run.evidence:
            end(line, bay, RunVerdict.FAIL)
            return
    state = BayState.VERIFYING if wrong[0] == "label_back" else BayState.SCANNING
    line.enter(bay, state, run.results[wrong[0]].reason, step=wrong[0])


def _complete(line: LineState, bay: Bay, run: BayRun, context: StepContext) -> None:
    """Do what costs: claim, hooks, register, print; then give the verdict."""
    if not run.is_golden:
        _claim(line, run)
        if _waits_for_hook(line, bay, run) or _waits_for_registry(line, bay, run):
            return
        if _waits_for_printer(line, bay, run):
            return
        _note(line, run, "label_back", label_steps.label_back(run, context))
        back = run.results["label_back"]
        if back.state is StepState.PENDING:
            line.enter(bay, BayState.VERIFYING, back.reason)
            return
        if back.state is StepState.FAILED:
            _request_again(line, bay, run, ["label_back"])
            return
    end(line, bay, RunVerdict.WAIVED if _waived(run) else RunVerdict.PASS)


def _waived(run: BayRun) -> list[str]:
    """Return the steps that were waived and would have failed."""
    done = {"register": run.is_registered, "print": run.label_status in _PRINTED}
    return [
        name
        for name in run.waivers
        if (name in run.results and run.results[name].state is StepState.WAIVED)
        or (name in done and not done[name])
        or (name in run.hooks and run.hooks[name].state is StepState.FAILED)
    ]


def _claim(line: LineState, run: BayRun) -> None:
    # a unit that goes on in another turn has its row already, and the new turn needs it as well
    if run.row is None or line.ledger.runs[run.number].row == run.row.key:
        return
    run.is_claimed = True
    _record_reading(line, run)
    line.record("claim", is_synced=True, run=run.number, unit=run.unit, row=run.row.key,
                iccid=run.sim_key)  # fmt: skip


def _waits_for_hook(line: LineState, bay: Bay, run: BayRun) -> bool:
    for hook in line.settings.hooks:
        result = run.hooks.get(hook.name)
        if result is None:
            if run.stage != f"hook {hook.name}":
                run.stage = f"hook {hook.name}"
                line.request(StartHook(run.number, hook.name))
            line.enter(bay, BayState.CHECKING, hook.name)
            return True
        if result.state is StepState.FAILED:
            if result.blame is Blame.STATION:
                hold(line, bay, hook.name, result)
            elif hook.name in run.waivers:
                continue
            else:
                run.results[hook.name] = result
                end(line, bay, RunVerdict.FAIL)
            return True
        run.results[hook.name] = result
    return False


def _waits_for_registry(line: LineState, bay: Bay, run: BayRun) -> bool:
    if line.settings.registry == "none" or run.is_registered or "register" in run.waivers:
        return False
    if run.registry_problem:
        hold(line, bay, "register", _at_station(run.registry_problem, "register"))
    else:
        if run.stage != "registering":
            run.stage = "registering"
            line.request(SendReport(run.number, "checked"))
        line.enter(bay, BayState.REGISTERING)
    return True


def _waits_for_printer(line: LineState, bay: Bay, run: BayRun) -> bool:
    if not label_rule(run.row).startswith("print") or run.label_status in _PRINTED:
        return False
    if "print" in run.waivers:
        return False
    if run.label_status == "doubt":
        text = f"was label {run.label} printed? Scan it, or print it again"
        remedy = "F3 prints it again with the mark of a copy."
        hold(line, bay, "print", _at_station(text, "print", remedy))
    elif run.label_problem:
        text = f"{run.label_problem[:1].upper()}{run.label_problem[1:]}. {_REFUSED}"
        hold(line, bay, "print", _at_station("the label cannot be printed", "print", text))
    elif run.printer_problem:
        hold(line, bay, "print", _at_station(run.printer_problem, "print"))
    else:
        if run.stage != "printing":
            want_label(line, run)
        line.enter(bay, BayState.PRINTING, f"label {run.label}" if run.label else "")
    return True


def _at_station(reason: str, step: str, remedy: str = "") -> StepResult:
    """Return the cause of a hold that is not the fault of the unit."""
    return failed(reason, remedy or BY_NAME[step].remedy)._replace(blame=Blame.STATION)


def want_label(line: LineState, run: BayRun) -> None:
    """Put the label of a unit, or a copy of it, into the queue of the printer."""
    run.stage = "printing"
    run.label_status = run.label_problem = ""
    line.request(WantLabel(run.number))


def print_label(line: LineState, run: BayRun) -> None:
    """Print a label that has reached the printer; only one is in doubt after a crash."""
    if run.stage != "printing" or run.verdict is RunVerdict.ABORTED:
        return
    run.label = run.label or line.next_label()
    run.copies += 1
    line.record("label_intent", is_synced=True, run=run.number, unit=run.unit, number=run.label,
                copy=run.copies)  # fmt: skip
    line.request(PrintLabel(run.number, run.label, run.copies))


def hold(line: LineState, bay: Bay, step: str, result: StepResult) -> None:
    """Stop at a cause that is not the unit's fault; the bay goes on when the cause is gone."""
    run = bay.run
    if run is not None:
        run.hold, run.hold_step = result, step
    if bay.state is not BayState.HOLD or bay.reason != result.reason:
        line.announce("station.hold", bay=bay.number, step=step or None, reason=result.reason,
                      remedy=result.remedy or None)  # fmt: skip
    line.enter(bay, BayState.HOLD, result.reason)


def end(
    line: LineState,
    bay: Bay,
    verdict: RunVerdict,
    *,
    state: BayState | None = None,
    reason: str = "",
) -> None:
    """Give the verdict. It is on the disk before it is shown."""
    run = bay.run
    if run is None or run.verdict is not None:
        return
    in_order = [*(step.name for step in STEPS), *run.hooks]
    wrong = [
        name for name in in_order
        if name in run.results and run.results[name].state is StepState.FAILED
    ] if verdict is RunVerdict.FAIL else []  # fmt: skip
    used = _waived(run)
    waived = [name for name in in_order if name in used]
    first = run.results[wrong[0]] if wrong else None
    _count_mute(bay, wrong)
    if run.reading is not None:
        _record_reading(line, run)
    if bay.state in (BayState.SCANNING, BayState.VERIFYING):
        run.person_s += line.now - bay.since
    run.verdict, run.failure, run.failed_step = verdict, first, wrong[0] if wrong else ""
    run.hold = None
    line.record(
        "verdict",
        is_synced=True,
        run=run.number,
        unit=run.unit,
        verdict=str(verdict),
        failed=wrong,
        waived=waived,
        blame=str(first.blame) if first is not None else None,
        reason=reason or (first.reason if first is not None else ""),
        steps={name: str(one.state) for name, one in run.results.items()},
        identity=_identity(run),
        person_ms=round(run.person_s * 1000),
        module_ms=round(run.module_s * 1000),
        golden=run.is_golden,
    )
    if verdict is not RunVerdict.ABORTED and line.settings.registry != "none" and run.unit:
        line.request(SendReport(run.number, "ended"))
    line.enter(bay, state or _VERDICT_STATES[verdict], reason or (first.reason if first else ""))
    line.announce(
        "attempt.ended",
        bay=bay.number,
        run=run.number,
        verdict=str(verdict),
        failed=wrong,
        waived=waived,
        blame=str(first.blame) if first is not None else None,
        reason=reason or (first.reason if first is not None else None),
        remedy=first.remedy if first is not None else None,
        row=run.row.line if run.row is not None else None,
    )


def _count_mute(bay: Bay, wrong: list[str]) -> None:
    if "answers" in wrong:
        bay.mute += 1
    elif bay.run is not None and bay.run.reading is not None:
        bay.mute = 0


def _identity(run: BayRun) -> dict[str, str | None]:
    reading = run.reading
    if reading is None:
        return {}
    sim = reading.active_sim
    return {
        "serial_number": reading.modem.serial_number,
        "eid": sim and sim.eid,
        "label_serial": run.scanned("serial_number"),
    }


def _record_reading(line: LineState, run: BayRun) -> None:
    """Write the reading to the journal, with the evidence, unless it is there."""
    entry = line.ledger.runs[run.number]
    assert run.reading is not None  # noqa: S101 - the callers have checked it
    document = run.reading.to_json(evidence=True)
    if entry.reading != document or entry.unit != run.unit:
        line.record("reading", run=run.number, unit=run.unit, reading=document)
