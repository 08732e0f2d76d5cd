"""The state machine of the line: an event and the state give effects, without I/O or clock."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from modemagent.identity.snapshot import ReadState, Snapshot
from modemagent.provisioning import acts, completion, outcome, progress, registry_answers
from modemagent.provisioning.attempt import ENDED, BayState, Blame, RunVerdict, StepState
from modemagent.provisioning.bay_run import Bay, BayRun, LabelScan, StepResult
from modemagent.provisioning.events import (
    CodeScanned,
    Effect,
    Happening,
    HookEnded,
    HubsJudged,
    LabelDone,
    LabelTurn,
    PersonActed,
    PortFailed,
    RegistryAnswered,
    ReportKept,
    SendReport,
    StationJudged,
    TimePassed,
    UnitPlugged,
    UnitPulled,
    UnitRead,
)
from modemagent.provisioning.scans import ties
from modemagent.provisioning.state import SHOWN_S, LineState
from modemagent.provisioning.unit_counts import PASSING
from modemagent.provisioning.usb_devices import FLASHING, PROBLEMS
from modemagent.watching.baseline import is_incomplete

_WITH_VERDICT = (BayState.PASS, BayState.WAIVED, BayState.FAIL, BayState.DONE)


class Reducer:
    """Handles one event after the other.

    :ivar state: what screens and results are made of
    """

    def __init__(self, state: LineState) -> None:
        self.state = state

    def handle(self, event: Happening, now: float, at: str) -> list[Effect]:
        """Change the state by an event and return the effects, in their order.

        :param now: time on a steady clock, in seconds
        :param at: time of day, RFC 3339 in UTC
        """
        line = self.state
        line.begin(now, at)
        _HANDLERS[type(event)](line, event)
        return line.take_effects()


def _on_plugged(line: LineState, event: UnitPlugged) -> None:
    bay = line.bays[event.bay]
    if bay.is_plugged:
        return
    bay.is_plugged, bay.device = True, event.device
    begin_run(line, bay)
    line.enter(bay, BayState.BOOTING, event.device)
    ties.on_plugged(line, bay)


def begin_run(line: LineState, bay: Bay) -> BayRun:
    """Begin a turn of the unit in a bay."""
    if bay.run is not None:
        line.gone.append(bay.run.number)
    run = bay.run = BayRun(line.ledger.next_run, bay.number, line.now)
    line.record("attempt", run=run.number, bay=bay.number)
    return run


def _on_pulled(line: LineState, event: UnitPulled) -> None:
    bay = line.bays[event.bay]
    if not bay.is_plugged:
        return
    bay.is_plugged = False
    run = bay.run
    if run is not None and run.verdict is None:
        outcome.end(line, bay, RunVerdict.ABORTED)
    bay.shown_until = line.now + SHOWN_S
    line.revision += 1
    is_reported = line.settings.registry != "none" and run is not None and not run.is_golden
    if run is not None and run.unit and is_reported:
        # so that its first day in the field is a move, not a second module with its IMEI
        line.request(SendReport(run.number, "removed"))


def _on_read(line: LineState, event: UnitRead) -> None:
    bay = line.bays[event.bay]
    reading, run = event.reading, bay.run
    unit = str(reading.modem.imei)[:14] if reading.modem.imei is not None else ""
    is_other = run is not None and run.unit and unit and run.unit != unit
    if run is None or is_other or not bay.is_plugged:
        # a fixture without a plug event: another IMEI is another unit
        if run is not None and run.verdict is None:
            outcome.end(line, bay, RunVerdict.ABORTED)
        bay.is_plugged = True
        run = begin_run(line, bay)
    if run.verdict is not None:
        return
    is_new = run.reading is None or _content(run.reading) != _content(reading)
    run.silence = run.silence_code = ""
    if is_new:
        run.evidence += 1
    if run.reading is None:
        run.read_at = line.now
    run.reading = reading
    if not run.is_complete:
        run.is_complete = bool(reading.sims) and not is_incomplete(_as_read(reading))
        if run.is_complete:
            run.module_s = line.now - run.began
    if unit and not run.unit:
        run.unit = unit
        run.is_golden = unit in outcome.station_units(line.settings)
        _carry_over(line, run)
        registry_answers.request_check(line, run)
        _note_twins(line, bay, run)
    progress.advance(line, bay)


def _as_read(reading: Snapshot) -> Snapshot:
    """Return a reading in which a number that is not valid counts as read: it stays the same."""
    modem = reading.modem
    raw = [name for name in ("imei",) if getattr(modem, f"{name}_raw")]
    return reading._replace(
        modem=modem._replace(read={**modem.read, **dict.fromkeys(raw, ReadState.OK)})
    )


def _content(reading: Snapshot) -> tuple[Any, ...]:
    return reading.modem, reading.sims


def _carry_over(line: LineState, run: BayRun) -> None:
    """Go on where a unit was that was pulled, or was in a bay when the program ended."""
    entry = line.ledger.units.get(run.unit)
    run.waivers.update(line.ledger.standing.get(run.unit, {}))
    for before in line.ledger.runs_before(run.unit, run.number):
        for scan in before.scans:
            label = LabelScan(scan["fields"], scan["tie"], line.now, scan.get("typed", False))
            if scan.get("back"):
                run.back = label
            else:
                run.labels.append(label)
        run.waivers |= {each["step"]: each["person"] for each in before.waivers}
        for name, step in before.steps.items():
            if step["blame"] == Blame.OPERATOR and step["state"] == StepState.FAILED:
                run.requested_again[name] = 0
        run.is_registered = run.is_registered or before.is_registered
        if before.label:
            run.label, run.copies = before.label, before.copies
            in_doubt = "doubt" if before.copies else ""
            run.label_status = "printed" if before.is_label_sent else in_doubt
    run.is_claimed = entry is not None and bool(entry.row)
    if run.back is not None and "label_back" in run.requested_again:
        run.back = None


def _note_twins(line: LineState, bay: Bay, run: BayRun) -> None:
    """Find the same IMEI in another bay; a verdict given there before is revoked."""
    for other in line.bays.values():
        twin = other.run
        if other is bay or twin is None or not other.is_plugged or twin.unit != run.unit:
            continue
        run.twins.add(other.number)
        twin.twins.add(bay.number)
        if twin.verdict is None:
            progress.advance(line, other)
        elif other.state in _WITH_VERDICT and twin.failed_step != "unique":
            _revoke(line, other, twin, bay.number)


def _revoke(line: LineState, bay: Bay, run: BayRun, other: str) -> None:
    entry = line.ledger.units.get(run.unit)
    number = entry.run if entry is not None and entry.verdict in PASSING else run.number
    remedy = "Take both out and put them into the red tray."
    reason = f"same IMEI as bay {other}"
    result = StepResult(StepState.FAILED, reason, remedy, Blame.UNIT, others=(other,))
    outcome.withdraw(line, bay, number, "unique", result)


def _on_port_failed(line: LineState, event: PortFailed) -> None:
    bay = line.bays[event.bay]
    run = bay.run
    if run is None or run.verdict is not None:
        return
    run.silence, run.silence_code = event.message, event.code
    if event.code == FLASHING:
        text, remedy = PROBLEMS[FLASHING]
        remedy = event.hint or remedy
        run.results["answers"] = StepResult(StepState.FAILED, text, remedy, Blame.UNIT)
        outcome.end(line, bay, RunVerdict.FAIL)
        return
    progress.advance(line, bay)


def _on_scanned(line: LineState, event: CodeScanned) -> None:
    ties.on_scanned(line, event)


def _on_report_kept(line: LineState, event: ReportKept) -> None:
    found = line.run(event.run)
    if event.stage == "ended":
        if not event.problem and not line.ledger.runs[event.run].is_reported:
            line.record("told", run=event.run)
        return
    if found is None or event.stage == "removed":
        return
    bay, run = found
    run.registry_problem = event.problem
    if not event.problem and not run.is_registered:
        run.is_registered, run.hold = True, None
        line.record("registered", is_synced=True, run=run.number)
    progress.advance(line, bay)


def _on_label_turn(line: LineState, event: LabelTurn) -> None:
    found = line.run(event.run)
    if found is not None:
        bay, run = found
        completion.print_label(line, run)
        if bay.state is BayState.PRINTING:
            line.enter(bay, BayState.PRINTING, f"label {run.label}")


def _on_label_done(line: LineState, event: LabelDone) -> None:
    found = line.run(event.run)
    entry = line.ledger.runs[event.run]
    if event.status == "refused":
        _on_label_refused(line, event, found)
        return
    if not event.problem:
        line.record("label_sent", is_synced=True, run=event.run, status=event.status)
        line.announce("label.sent", run=event.run, bay=entry.bay, number=entry.label,
                      copy=entry.copies, status=event.status)  # fmt: skip
    if found is not None:
        bay, run = found
        run.printer_problem = event.problem
        if not event.problem:
            run.label_status, run.hold, run.stage = event.status, None, ""
        progress.advance(line, bay)


def _on_label_refused(line: LineState, event: LabelDone, found: tuple[Bay, BayRun] | None) -> None:
    """Hold a unit whose label does not fit its template; nothing was sent to the printer."""
    line.record("label_refused", is_synced=True, run=event.run, reason=event.problem)
    if found is None:
        return
    bay, run = found
    run.copies -= 1
    run.label_problem, run.stage = event.problem, ""
    if run.verdict is not None:
        line.message = f"the label of bay {bay.number} cannot be printed: {event.problem}"
        line.revision += 1
    progress.advance(line, bay)


def _on_hook_ended(line: LineState, event: HookEnded) -> None:
    found = line.run(event.run)
    if found is None:
        return
    bay, run = found
    hook = next(each for each in line.settings.hooks if each.name == event.step)
    if event.verdict == "pass":
        run.hooks[event.step] = StepResult(StepState.PASSED)
    else:
        blame = Blame.STATION if event.verdict == "station" else Blame(hook.blame)
        run.hooks[event.step] = StepResult(
            StepState.FAILED, event.message or event.step, event.remedy, blame
        )
    line.record("step", run=run.number, step=event.step, state=event.verdict,
                reason=event.message, blame=str(hook.blame),
                measurements=[dict(one) for one in event.measurements])  # fmt: skip
    run.stage = ""
    progress.advance(line, bay)


def _on_time(line: LineState, _: TimePassed) -> None:
    ties.on_time(line)
    for bay in line.bays.values():
        run = bay.run
        if not bay.is_plugged:
            if run is not None and line.now >= bay.shown_until:
                bay.run = None
                line.gone.append(run.number)
                progress.wait(line, bay)
        elif run is not None and bay.state not in ENDED:
            progress.advance(line, bay)


def _on_station(line: LineState, event: StationJudged) -> None:
    line.record("station_check", is_synced=True, problem=event.problem)
    line.announce("station.checked", problem=event.problem or None)


def _on_acted(line: LineState, event: PersonActed) -> None:
    acts.on_acted(line, event)


_HANDLERS: dict[type, Callable[[LineState, Any], None]] = {
    UnitPlugged: _on_plugged,
    UnitPulled: _on_pulled,
    UnitRead: _on_read,
    PortFailed: _on_port_failed,
    CodeScanned: _on_scanned,
    PersonActed: _on_acted,
    ReportKept: _on_report_kept,
    RegistryAnswered: registry_answers.on_answered,
    LabelTurn: _on_label_turn,
    LabelDone: _on_label_done,
    HookEnded: _on_hook_ended,
    TimePassed: _on_time,
    HubsJudged: progress.on_hubs_judged,
    StationJudged: _on_station,
}
