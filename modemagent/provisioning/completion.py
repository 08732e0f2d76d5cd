"""What costs, once a unit has passed its checks: claim, steps of the user, registry, label."""

from __future__ import annotations

from modemagent.provisioning.attempt import BayState, Blame, RunVerdict, StepState
from modemagent.provisioning.bay_run import Bay, BayRun
from modemagent.provisioning.events import PrintLabel, SendReport, StartHook, WantLabel
from modemagent.provisioning.outcome import (
    PRINTED,
    at_station,
    end,
    hold,
    note,
    record_reading,
    request_again,
    waived_steps,
)
from modemagent.provisioning.state import LineState
from modemagent.provisioning.steps import label as label_steps
from modemagent.provisioning.steps.context import StepContext, label_rule

#: What to do about a label that does not fit its template.
_REFUSED = (
    "Correct the template and press F5, or correct the order and start the bench again; a lead "
    "may waive the step."
)


def complete(line: LineState, bay: Bay, run: BayRun, context: StepContext) -> None:
    """Do what costs: claim, hooks, register, print; then give the verdict."""
    if not run.is_golden:
        _claim(line, run)
        if _waits_for_hook(line, bay, run) or _waits_for_registry(line, bay, run):
            return
        if _waits_for_printer(line, bay, run):
            return
        note(line, run, "label_back", label_steps.label_back(run, context))
        back = run.results["label_back"]
        if back.state is StepState.PENDING:
            line.enter(bay, BayState.VERIFYING, back.reason)
            return
        if back.state is StepState.FAILED:
            request_again(line, bay, run, ["label_back"])
            return
    end(line, bay, RunVerdict.WAIVED if waived_steps(run) else RunVerdict.PASS)


def _claim(line: LineState, run: BayRun) -> None:
    # a unit that goes on in another turn has its row already, and the new turn needs it as well
    if run.row is None or line.ledger.runs[run.number].row == run.row.key:
        return
    run.is_claimed = True
    record_reading(line, run)
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
        hold(line, bay, "register", at_station(run.registry_problem, "register"))
    else:
        if run.stage != "registering":
            run.stage = "registering"
            line.request(SendReport(run.number, "checked"))
        line.enter(bay, BayState.REGISTERING)
    return True


def _waits_for_printer(line: LineState, bay: Bay, run: BayRun) -> bool:
    if not label_rule(run.row).startswith("print") or run.label_status in PRINTED:
        return False
    if "print" in run.waivers:
        return False
    if run.label_status == "doubt":
        text = f"was label {run.label} printed? Scan it, or print it again"
        remedy = "F3 prints it again with the mark of a copy."
        hold(line, bay, "print", at_station(text, "print", remedy))
    elif run.label_problem:
        text = f"{run.label_problem[:1].upper()}{run.label_problem[1:]}. {_REFUSED}"
        hold(line, bay, "print", at_station("the label cannot be printed", "print", text))
    elif run.printer_problem:
        hold(line, bay, "print", at_station(run.printer_problem, "print"))
    else:
        if run.stage != "printing":
            want_label(line, run)
        line.enter(bay, BayState.PRINTING, f"label {run.label}" if run.label else "")
    return True


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
