"""Acts of people at a bay, about a lot and about the shift, and who works here.

Decisions of a lead or engineer who has a PIN need a sign-in before.
"""

from __future__ import annotations

from collections.abc import Callable

from modemagent.provisioning import completion, lot_stop, outcome, progress, registry_answers
from modemagent.provisioning.attempt import BayState, RunVerdict, StepState
from modemagent.provisioning.authority import has_second, may, sign_in
from modemagent.provisioning.bay_run import Bay, BayRun, failed
from modemagent.provisioning.events import PersonActed, ReadAgain
from modemagent.provisioning.state import LineState
from modemagent.provisioning.steps.catalogue import BY_NAME
from modemagent.provisioning.unit_counts import PASSING

_LONGEST_NAME = 40
REWORKS = ("reseated", "card_changed", "firmware_by_maker", "relabelled", "other")


def on_acted(line: LineState, event: PersonActed) -> None:
    """Do what a person requested, or set the message that says why it is refused."""
    line.message = ""
    line.revision += 1
    if event.do == "person":
        if line.settings.people and event.person not in line.settings.people:
            line.message = f"{event.person[:_LONGEST_NAME] or '?'} is not in [people] of bench.toml"
            return
        line.record("person", person=event.person)
        line.announce("person.changed", person=event.person)
        for each in line.bays.values():
            progress.advance(line, each)
        return
    if event.do == "sign_in":
        sign_in(line, event)
        return
    if event.do in ("stop_lot", "go_lot"):
        if lot_stop.decide(line, event):
            for each in line.bays.values():
                progress.advance(line, each)
        return
    if event.do == "end":
        line.record("closed", is_synced=True, open_rows=open_rows(line))
        return
    if event.do in ("start", "retest") and starts_turn(line, event.bay, "key", "hook"):
        return
    if event.do == "start":
        line.message = f"bay {event.bay or '?'} has a unit, or its turns begin by themselves"
        return
    bay, act = line.bays.get(event.bay), _ACTS.get(event.do)
    if act is None:
        line.message = f"unknown act {event.do!r}"
    elif bay is None or bay.run is None:
        line.message = f"no unit is in bay {event.bay or '?'}"
    else:
        act(line, bay, bay.run, event)


def starts_turn(line: LineState, number: str, *triggers: str) -> bool:
    """Begin a turn if the bay is a serial line and no unit in it waits for a verdict."""
    bay = line.bays.get(number)
    is_busy = bay is None or (bay.run is not None and bay.run.verdict is None)
    if is_busy or not line.settings.starts_by(number, *triggers):
        return False
    line.request(ReadAgain(number, is_new=True))
    return True


def open_rows(line: LineState) -> list[int]:
    """Return the lines of the order that have too few units."""
    claims = line.ledger.claims
    return [row.line for row in line.order.rows if len(claims.get(row.key, ())) < row.quantity]


def _again(line: LineState, bay: Bay, run: BayRun) -> BayRun:
    """Begin another turn of the unit that stays in its bay."""
    new = BayRun(line.ledger.next_run, bay.number, line.now)
    line.record("attempt", run=new.number, bay=bay.number, after=run.number)
    new.label, new.copies = run.label, run.copies
    new.label_status = run.label_status if run.label_status == "printed" else ""
    new.is_registered = run.is_registered
    bay.run = new
    line.enter(bay, BayState.READING)
    return new


def _retest(line: LineState, bay: Bay, run: BayRun, _: PersonActed) -> None:
    entry = line.ledger.units.get(run.unit)
    if run.verdict is None:
        run.evidence += 1
        run.hold, run.label_problem = None, ""
        line.request(ReadAgain(bay.number))
        progress.advance(line, bay)
    elif entry is not None and entry.verdict in PASSING:
        line.message = f"the unit in bay {bay.number} has passed"
    elif entry is not None and entry.failures > line.settings.retests:
        line.message = "a lead gives a reason for another test: rework"
    else:
        _again(line, bay, run)
        line.request(ReadAgain(bay.number))


def _rework(line: LineState, bay: Bay, run: BayRun, event: PersonActed) -> None:
    if not may(line, event, "lead", "rework is decided by a lead"):
        return
    if event.reason not in REWORKS:
        line.message = f"the reason is one of: {', '.join(REWORKS)}"
    elif not run.unit:
        line.message = "the unit has no IMEI"
    elif has_second(line, event):
        line.record("rework", is_synced=True, unit=run.unit, run=run.number,
                    person=event.person or line.person, reason=event.reason,
                    second=event.second)  # fmt: skip
        if run.verdict is None:
            outcome.end(line, bay, RunVerdict.ABORTED)
        _again(line, bay, run)
        line.request(ReadAgain(bay.number))


def _waive(line: LineState, bay: Bay, run: BayRun, event: PersonActed) -> None:
    step = BY_NAME.get(event.step or run.failed_step or run.hold_step)
    hook = next((one for one in line.settings.hooks if one.name == event.step), None)
    least = step.waived_by if step is not None else hook.waived_by if hook is not None else ""
    name = step.name if step is not None else event.step
    if not least:
        line.message = f"the step {name or '?'} cannot be waived"
    elif not event.reason:
        line.message = "a waiver needs a reason"
    elif not may(line, event, least, f"the step {name} is waived by a role of at least {least}"):
        return
    elif name == "unique" and run.unit in line.ledger.duplicated:
        line.message = "a double IMEI cannot be waived"
    elif has_second(line, event):
        person = event.person or line.person
        line.record("waiver", is_synced=True, run=run.number, unit=run.unit, step=name,
                    person=person, reason=event.reason, second=event.second)  # fmt: skip
        line.announce("waiver.given", bay=bay.number, run=run.number, step=name, person=person)
        old = run
        if run.verdict is not None:
            run = _again(line, bay, run)
            run.labels, run.back = old.labels, old.back
            run.hooks = old.hooks
            run.reading, run.unit, run.is_complete = old.reading, old.unit, old.is_complete
            run.twins = old.twins
            registry_answers.request_check(line, run)
        run.waivers = {**old.waivers, name: person}
        run.hold = None
        progress.advance(line, bay)


def _reprint(line: LineState, bay: Bay, run: BayRun, _: PersonActed) -> None:
    if not run.label:
        line.message = f"bay {bay.number} has no label yet"
    elif run.verdict is RunVerdict.FAIL:
        line.message = "the unit has failed"
    else:
        completion.want_label(line, run)
        line.enter(bay, bay.state if run.verdict is not None else BayState.PRINTING, "copy")


def _hold(line: LineState, bay: Bay, run: BayRun, event: PersonActed) -> None:
    run.is_held_by_person = True
    line.record("note", run=run.number, text="hold", reason=event.reason)
    if run.verdict is None:
        line.enter(bay, BayState.HOLD, event.reason or "held by a person")


def _go(line: LineState, bay: Bay, run: BayRun, _: PersonActed) -> None:
    run.is_held_by_person = False
    run.hold, run.label_problem = None, ""
    progress.advance(line, bay)


def _fail(line: LineState, bay: Bay, run: BayRun, event: PersonActed) -> None:
    if run.verdict is not None:
        line.message = f"the unit in bay {bay.number} has its verdict"
        return
    name = run.hold_step if run.hold is not None else ""
    states = run.results.items()
    name = name or next((one for one, each in states if each.state is StepState.FAILED), "")
    name = name or next((one for one, each in states if each.state is StepState.PENDING), "answers")
    held = run.hold or failed("failed by a person")
    found, step = run.results.get(name, held), BY_NAME.get(name)
    result = found._replace(
        state=StepState.FAILED, reason=event.reason or (run.hold or found).reason or held.reason
    )
    if step is not None:
        result = result._replace(
            blame=result.blame or step.blame, remedy=result.remedy or step.remedy
        )
    run.results[name] = result
    outcome.end(line, bay, RunVerdict.FAIL)


def _same(line: LineState, bay: Bay, run: BayRun, event: PersonActed) -> None:
    entry = line.ledger.units.get(run.unit)
    if entry is None or entry.verdict not in PASSING or run.verdict is not None:
        line.message = f"the unit in bay {bay.number} has not passed before"
    elif may(line, event, "lead", "a lead decides whether it is the same module"):
        if line.settings.rechecks and not has_second(line, event):
            return
        line.record("note", run=run.number, text="the same module", person=event.person)
        if progress.begins_recheck(line, run, entry, second=event.second):
            progress.advance(line, bay)
            return
        outcome.end(line, bay, RunVerdict.ABORTED, state=BayState.DONE,
                     reason=f"passed at {entry.at[11:16]}")  # fmt: skip


_ACTS: dict[str, Callable[[LineState, Bay, BayRun, PersonActed], None]] = {
    "retest": _retest,
    "rework": _rework,
    "waive": _waive,
    "reprint": _reprint,
    "hold": _hold,
    "go": _go,
    "fail": _fail,
    "same": _same,
}
