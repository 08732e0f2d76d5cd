"""What an answer of the registry about a unit changes: before its verdict, and after it."""

from __future__ import annotations

from modemagent.provisioning import outcome, progress
from modemagent.provisioning.attempt import BayState, Blame, RunVerdict, StepState
from modemagent.provisioning.bay_run import BayRun, StepResult
from modemagent.provisioning.events import CheckRegistry, RegistryAnswered
from modemagent.provisioning.state import LineState
from modemagent.provisioning.tray import KNOWN_REMEDY
from modemagent.provisioning.unit_counts import PASSING


def request_check(line: LineState, run: BayRun) -> None:
    """Check the IMEI of a unit that was read, if the station has a registry."""
    if line.asks_registry and not run.is_golden:
        run.registry = "requested"
        line.request(CheckRegistry(run.unit))


def on_answered(line: LineState, event: RegistryAnswered) -> None:
    """Go on with the units that wait for the answer; revoke a verdict that was given without."""
    if not event.problem:
        if event.known:
            line.in_registry[event.unit] = event.known
        else:
            line.in_registry.pop(event.unit, None)
    for bay in line.bays.values():
        run = bay.run
        if run is None or run.unit != event.unit or run.verdict is not None:
            continue
        run.check_problem = event.problem if line.settings.registry == "confirm" else ""
        if not run.check_problem:
            run.registry = "unchecked" if event.problem else "checked"
            run.hold = None
            _record(line, run.number, run.unit, run.registry)
        progress.advance(line, bay)
    if not event.problem:
        _check_verdict(line, event.unit)


def _record(line: LineState, run: int, unit: str, result: str) -> None:
    line.record("registry_check", run=run, unit=unit, result=result,
                known=line.in_registry.get(unit, ""))  # fmt: skip


def _check_verdict(line: LineState, unit: str) -> None:
    """Revoke the verdict of a unit that passed while the registry was away, and recall it."""
    entry = line.ledger.units.get(unit)
    if entry is None or entry.verdict not in PASSING:
        return
    before = line.ledger.runs[entry.run]
    if before.registry != "unchecked":
        return
    _record(line, before.number, unit, "checked")
    known = line.in_registry.get(unit)
    if not known:
        return
    reason = f"known to the registry: {known}"
    outcome.revoke(line, before.number, unit, reason, by="registry")
    line.record("recall", is_synced=True, unit=unit, run=before.number, row=before.row,
                label=before.label, reason=reason, by="registry")  # fmt: skip
    result = StepResult(StepState.FAILED, reason, KNOWN_REMEDY, Blame.UNIT)
    for bay in line.bays.values():
        run = bay.run
        if run is not None and run.unit == unit:
            run.verdict, run.failed_step, run.failure = RunVerdict.FAIL, "unique", result
            run.results["unique"] = result
            line.enter(bay, BayState.FAIL, reason)
    outcome.announce_revoked(line, before.bay, before.number, "unique", result)
