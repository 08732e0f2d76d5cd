"""What becomes of a unit: results of steps, holds, verdicts, each recorded and announced."""

from __future__ import annotations

from typing import Any

from modemagent.provisioning.attempt import BayState, Blame, RunVerdict, StepState
from modemagent.provisioning.bay_run import Bay, BayRun, StepResult, failed
from modemagent.provisioning.bench_file import BenchSettings
from modemagent.provisioning.events import SendReport
from modemagent.provisioning.state import LineState
from modemagent.provisioning.steps.catalogue import BY_NAME, STEPS

_VERDICT_STATES = {
    RunVerdict.PASS: BayState.PASS,
    RunVerdict.WAIVED: BayState.WAIVED,
    RunVerdict.FAIL: BayState.FAIL,
    RunVerdict.ABORTED: BayState.ABORTED,
}
PRINTED = ("printed", "unconfirmed", "by hand")


def note(line: LineState, run: BayRun, name: str, result: StepResult) -> None:
    """Keep the result of a step; complete a failure by the catalogue."""
    step = BY_NAME[name]
    if result.state is StepState.FAILED:
        result = result._replace(
            blame=result.blame or step.blame, remedy=result.remedy or step.remedy
        )
        if name not in run.waivers and (rule := line.standing_waiver(run, name)) is not None:
            run.standing[name], run.waivers[name] = rule, rule.person
        if name in run.waivers:
            result = result._replace(state=StepState.WAIVED)
    before = run.results.get(name)
    run.results[name] = result
    if before == result or result.state in (StepState.PENDING, StepState.SKIPPED):
        return
    line.revision += 1
    is_wrong = result.state is not StepState.PASSED
    ended: dict[str, Any] = {
        "run": run.number,
        "step": name,
        "state": str(result.state),
        "blame": str(result.blame) if is_wrong else None,
        "others": list(result.others),
    }
    if is_wrong:
        is_double = (
            name == "unique" and run.unit not in line.elsewhere and run.unit not in line.in_registry
        )
        private = dict(result.private)
        line.record("step", **ended, reason=result.reason, duplicated=is_double, private=private)
    reason, remedy = result.reason or None, result.remedy or None
    line.announce("step.ended", bay=run.bay, **ended, reason=reason, remedy=remedy)


def request_again(line: LineState, bay: Bay, run: BayRun, wrong: list[str]) -> None:
    """Request a step with blame ``operator`` once more; with new evidence it is a failure."""
    for name in wrong:
        if run.requested_again.setdefault(name, run.evidence) < run.evidence:
            end(line, bay, RunVerdict.FAIL)
            return
    state = BayState.VERIFYING if wrong[0] == "label_back" else BayState.SCANNING
    line.enter(bay, state, run.results[wrong[0]].reason, step=wrong[0])


def at_station(reason: str, step: str, remedy: str = "") -> StepResult:
    """Return the cause of a hold that is not the fault of the unit."""
    return failed(reason, remedy or BY_NAME[step].remedy)._replace(blame=Blame.STATION)


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
    used = waived_steps(run)
    waived = [name for name in in_order if name in used]
    first = run.results[wrong[0]] if wrong else None
    if verdict is RunVerdict.WAIVED:
        _record_standing(line, run, waived)
        people = ", ".join(dict.fromkeys(run.waivers[name] for name in waived))
        reason = reason or f"{', '.join(waived)} waived by {people or 'a person'}"
    _count_mute(bay, wrong)
    if run.reading is not None:
        record_reading(line, run)
    if bay.state in (BayState.SCANNING, BayState.VERIFYING):
        run.person_s += line.now - bay.since
    run.verdict, run.failure, run.failed_step = verdict, first, wrong[0] if wrong else ""
    run.hold = None
    reason = reason or (first.reason if first is not None else "")
    ended: dict[str, Any] = {
        "run": run.number,
        "verdict": str(verdict),
        "failed": wrong,
        "waived": waived,
        "blame": str(first.blame) if first is not None else None,
    }
    line.record(
        "verdict",
        is_synced=True,
        **ended,
        reason=reason,
        unit=run.unit,
        row=run.row.key if run.row is not None else "",
        steps={name: str(one.state) for name, one in run.results.items()},
        identity=_identity(run),
        person_ms=round(run.person_s * 1000),
        module_ms=round(run.module_s * 1000),
        golden=run.is_golden,
    )
    if run.is_golden and verdict is not RunVerdict.ABORTED:
        _judge_station(line, run)
    elif verdict is not RunVerdict.ABORTED:
        request_report(line, run.number)
    line.enter(bay, state or _VERDICT_STATES[verdict], reason)
    line.announce(
        "attempt.ended",
        bay=bay.number,
        **ended,
        reason=reason or None,
        remedy=first.remedy if first is not None else None,
        row=run.row.line if run.row is not None else None,
    )


def station_units(settings: BenchSettings) -> set[str]:
    """Return the modules whose right result is known: 14 digits of the IMEI of each."""
    return {imei[:14] for imei in (settings.golden, settings.bad) if imei}


def _judge_station(line: LineState, run: BayRun) -> None:
    """Compare the result of a golden or bad unit; if it is wrong, nothing passes until it is right.

    A right result ends what a wrong one has begun.
    """
    is_bad = run.unit == line.settings.bad[:14]
    which = "bad" if is_bad else "golden"
    name = f"the {which} unit"
    step = run.failed_step
    if is_bad:
        wanted = line.settings.bad_step or step
        problem = (
            "" if step and step == wanted else f"{name} did not fail at {wanted or 'any step'}"
        )
    else:
        problem = f"{name} failed at {step}" if step else ""
    if problem or which in line.ledger.unit_problems:
        line.record("station_check", is_synced=True, problem=problem, by=which)
        line.announce("station.checked", problem=problem or None)
    line.message = problem or line.message


def _record_standing(line: LineState, run: BayRun, waived: list[str]) -> None:
    """Record the standing waivers without which a unit would not pass."""
    for name in waived:
        if (rule := run.standing.get(name)) is not None:
            line.record("waiver", run=run.number, unit=run.unit, step=name, person=rule.person,
                        reason=rule.reason, rule=rule.key)  # fmt: skip
            line.announce("waiver.given", bay=run.bay, run=run.number, step=name,
                          person=rule.person)  # fmt: skip


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


def record_reading(line: LineState, run: BayRun) -> None:
    """Write the reading to the journal, with the evidence, unless it is there."""
    entry = line.ledger.runs[run.number]
    assert run.reading is not None  # noqa: S101 - the callers have checked it
    document = run.reading.to_json(evidence=True)
    if entry.reading != document or entry.unit != run.unit:
        line.record("reading", run=run.number, unit=run.unit, reading=document)


def waived_steps(run: BayRun) -> list[str]:
    """Return the steps that were waived and would have failed."""
    done = {"register": run.is_registered, "print": run.label_status in PRINTED}
    return [
        name
        for name in run.waivers
        if (name in run.results and run.results[name].state is StepState.WAIVED)
        or (name in done and not done[name])
        or (name in run.hooks and run.hooks[name].state is StepState.FAILED)
    ]


def revoke(
    line: LineState, run: int, unit: str, reason: str, *, by: str = "", step: str = "unique"
) -> None:
    """Revoke a verdict given before; report that.

    :param by: ``registry`` if the other modem with the IMEI is known there only
    """
    line.record("revoked", is_synced=True, run=run, unit=unit, step=step, reason=reason,
                **({"by": by} if by else {}))  # fmt: skip
    request_report(line, run)


def withdraw(line: LineState, bay: Bay, number: int, step: str, result: StepResult) -> None:
    """Revoke the verdict of a unit that is in its bay; its tile shows the failure.

    :param number: the turn that gave the verdict
    :param result: the failed step, with remedy and blame
    """
    run = bay.run
    assert run is not None  # noqa: S101 - the callers have checked it
    revoke(line, number, run.unit, result.reason, step=step)
    run.verdict, run.failed_step, run.failure = RunVerdict.FAIL, step, result
    run.results[step] = result
    line.enter(bay, BayState.FAIL, result.reason)
    announce_revoked(line, bay.number, run.number, step, result)


def request_report(line: LineState, run: int) -> None:
    """Report a verdict, if the station has a registry."""
    if line.settings.registry != "none":
        line.request(SendReport(run, "ended"))


def announce_revoked(line: LineState, bay: str, run: int, step: str, result: StepResult) -> None:
    """Announce that a verdict given before no longer holds."""
    row = line.index.rows.get(line.ledger.runs[run].row)
    line.announce("attempt.ended", bay=bay, run=run, verdict="fail", failed=[step], waived=[],
                  blame="unit", reason=result.reason, remedy=result.remedy,
                  row=row.line if row is not None else None, revoked=True)  # fmt: skip
